//! Figures and times as they are shown: short, and of a width that is known.

use std::time::UNIX_EPOCH;

/// From empty to full.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS: usize = 8;

/// With a comma between thousands.
pub(super) fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if count < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// In at most five columns: `99999`, then `123k`, `4.5M`.
pub(super) fn short(count: i64) -> String {
    if count.unsigned_abs() < 100_000 {
        return count.to_string();
    }
    let mut value = count as f64;
    let mut units = ["", "k", "M", "G", "T", "P", "E"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value.abs() >= 999.5 {
        value /= 1000.0;
        unit = units.next().unwrap_or_default();
    }
    if value.abs() < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// A rate or a span: whole from ten on.
pub(super) fn decimal(value: f64) -> String {
    if value.abs() >= 9.95 { grouped(whole(value)) } else { format!("{value:.1}") }
}

#[allow(clippy::cast_possible_truncation)] // saturates, and no such figure is that large
fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A span in one unit, in at most four columns: `45s`, `12m`, `3h`, `5d`, `2y`.
pub(super) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        ..100 => format!("{seconds}s"),
        100..5_940 => format!("{}m", seconds / 60),
        5_940..172_800 => format!("{}h", seconds / 3600),
        172_800..63_072_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// Seconds from one time to another, both RFC 3339.
pub(super) fn seconds_between(from: &str, to: &str) -> Option<i64> {
    let seconds = |text: &str| {
        let since_epoch = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_secs()).ok()
    };
    Some(seconds(to)? - seconds(from)?)
}

/// A time of RFC 3339 without the fraction of its second: `2026-03-02 08:00:05 UTC`.
pub(super) fn moment(time: &str) -> String {
    match (time.get(..10), time.get(11..19)) {
        (Some(day), Some(clock)) => format!("{day} {clock} UTC"),
        _ => time.to_owned(),
    }
}

/// The clock of a time of RFC 3339: `08:00:05`.
pub(super) fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

/// A chart of bars, `rows` lines from the top one down, of exactly `width` columns; the latest value is at the right. Where
/// there are more values than columns the greatest of neighbours is shown, so that no peak is hidden. Unknown values are `·`.
pub(super) fn bars(values: &[Option<f64>], width: usize, rows: usize) -> Vec<String> {
    let columns = fitted(values, width);
    let greatest = columns.iter().flatten().copied().fold(0.0, f64::max);
    (0..rows).rev().map(|row| columns.iter().map(|value| bar(*value, greatest, row, rows)).collect()).collect()
}

fn bar(value: Option<f64>, greatest: f64, row: usize, rows: usize) -> char {
    let Some(value) = value else { return if row == 0 { '·' } else { ' ' } };
    if value <= 0.0 || greatest <= 0.0 {
        return if row == 0 { '_' } else { ' ' };
    }
    let full = (rows * EIGHTHS) as f64;
    // Something is never shown as nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 1 and rows × 8
    let eighths = (value / greatest * full).round().clamp(1.0, full) as usize;
    LEVELS[eighths.saturating_sub(row * EIGHTHS).min(EIGHTHS)]
}

/// As many values as columns: the first value is at the left edge and the last at the right one, so that charts of one span
/// stand below each other.
fn fitted(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    let column = |at: usize| {
        let start = at * values.len() / width;
        let end = ((at + 1) * values.len() / width).max(start + 1);
        let together = values.get(start..end).unwrap_or_default();
        together.iter().flatten().copied().filter(|value| value.is_finite()).reduce(f64::max)
    };
    (0..width).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let check = |count: i64, long: &str, brief: &str| assert_eq!((&*grouped(count), &*short(count)), (long, brief));
        check(0, "0", "0");
        check(999, "999", "999");
        check(-1000, "-1,000", "-1000");
        check(99_999, "99,999", "99999");
        check(100_000, "100,000", "100k");
        check(999_600, "999,600", "1.0M");
        check(12_345_678, "12,345,678", "12M");
        check(i64::MAX, "9,223,372,036,854,775,807", "9.2E");
        assert_eq!([0.04, 2.26, 9.97, 12_345.6].map(decimal), ["0.0", "2.3", "10", "12,346"]);
    }

    #[test]
    fn spans_have_one_unit() {
        let check = |seconds: i64, expected: &str| assert_eq!(span(seconds), expected, "{seconds}");
        check(-5, "0s");
        check(99, "99s");
        check(100, "1m");
        check(5_939, "98m");
        check(5_940, "1h");
        check(172_799, "47h");
        check(172_800, "2d");
        check(63_071_999, "729d");
        check(63_072_000, "2y");
        assert_eq!(seconds_between("2026-03-01T23:59:59.9Z", "2026-03-02T00:01:00.000001Z"), Some(61));
        assert_eq!(seconds_between("yesterday", "2026-03-02T00:01:00Z"), None);
        assert_eq!(moment("2026-03-02T08:00:05.123456Z"), "2026-03-02 08:00:05 UTC");
        assert_eq!((moment("soon").as_str(), clock("日本語日本語日本語")), ("soon", "日本語日本語日本語"));
    }

    #[test]
    fn bars_are_as_wide_as_asked_and_hide_no_peak() {
        let check = |values: &[Option<f64>], width: usize, rows: usize, expected: &[&str]| {
            assert_eq!(bars(values, width, rows), expected, "{values:?}");
        };
        check(&[], 3, 1, &["···"]);
        check(&[Some(0.0), Some(1.0), Some(8.0)], 3, 1, &["_▁█"]);
        check(&[Some(0.0), None, Some(8.0)], 4, 1, &["__·█"]);
        check(&[Some(4.0), Some(8.0)], 4, 1, &["▄▄██"]);
        check(&[Some(1.0), Some(8.0), Some(1.0), Some(1.0)], 2, 1, &["█▁"]);
        check(&[Some(16.0), Some(8.0), None], 3, 2, &["█  ", "██·"]);
        check(&[Some(f64::NAN), Some(f64::INFINITY)], 2, 1, &["··"]);
        check(&[Some(1.0)], 0, 1, &[""]);
    }
}
