//! Figures, spans and times in words.

use std::time::Duration;

use maud::{Markup, html};

use crate::flow::time::EventTime;
use crate::http::api::time;

/// `1234567` as `1,234,567`.
pub fn count(number: impl TryInto<i64>) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    grouped(number < 0, &number.unsigned_abs().to_string())
}

/// The same of a figure, without what is behind the point.
pub fn rounded(number: f64) -> String {
    grouped(number <= -0.5, &format!("{:.0}", number.abs()))
}

fn grouped(is_negative: bool, digits: &str) -> String {
    let mut text = if is_negative { "−".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its thing, in the plural unless it is one.
pub fn of(number: impl TryInto<i64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number in three digits or so: `12.4k`.
pub fn short(number: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.into_iter().find(|(unit, _)| number.abs() >= *unit * 0.9995) {
        Some((unit, letter)) => format!("{}{letter}", digits(number / unit)),
        None => digits(number),
    }
}

fn digits(number: f64) -> String {
    let places = usize::from(number.abs() < 99.95 && number.fract() != 0.0);
    let text = format!("{number:.places$}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Octets: `1.2 MB`.
pub fn octets(number: i64) -> String {
    let text = short(number as f64);
    match text.strip_suffix(['k', 'M', 'G', 'T']) {
        Some(figure) => format!("{figure} {}B", &text[figure.len()..]),
        None => format!("{text} B"),
    }
}

/// A span in its largest unit; below a minute in seconds.
pub fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Seconds as they are shown large: `0.4 s`, `12 s`, `3 min`.
pub fn seconds(number: f64) -> String {
    let number = number.max(0.0);
    match number {
        number if number < 0.05 => "0 s".to_owned(),
        number if number < 10.0 => format!("{} s", digits((number * 10.0).round() / 10.0)),
        number => span(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)),
    }
}

/// How long ago something was. It does not change every second: whoever looks at it wants to read it.
pub fn ago(then: EventTime, now: EventTime) -> String {
    if then > now {
        return match then.since(now) {
            soon if soon < Duration::from_mins(1) => "just now".to_owned(),
            later => format!("in {}", span(later)),
        };
    }
    match now.since(then) {
        recent if recent < Duration::from_mins(1) => "just now".to_owned(),
        past => format!("{} ago", span(past)),
    }
}

/// A time of the API, both as how long ago it was and as it is.
pub fn when(text: &str, now: EventTime) -> Markup {
    time::read(text).map_or_else(|| html! { "at an unknown time" }, |then| moment(then, now))
}

/// A time, both as how long ago it was and as it is.
pub fn moment(then: EventTime, now: EventTime) -> Markup {
    html! {
        time datetime=(time::shown(then)) {
            span.ago { (ago(then, now)) } " " span.at { "(" (short_clock(then, now)) " UTC)" }
        }
    }
}

/// Date and time of day, UTC.
pub fn clock(then: EventTime) -> String {
    let text = time::shown(then);
    text.split('.').next().unwrap_or_default().replacen('T', " ", 1)
}

/// Time of day, and the date if it is another than today.
fn short_clock(then: EventTime, now: EventTime) -> String {
    let (then, now) = (clock(then), clock(now));
    match (then.split_once(' '), now.split_once(' ')) {
        (Some((date, of_day)), Some((today, _))) if date == today => of_day.to_owned(),
        _ => then,
    }
}

/// A share as percent.
pub fn percent(share: f64) -> String {
    match share.clamp(0.0, 1.0) * 100.0 {
        share if share > 0.0 && share < 1.0 => "under 1 %".to_owned(),
        share if share > 99.0 && share < 100.0 => "over 99 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shortened() {
        let check = |number: i64, expected: &str| assert_eq!(count(number), expected);
        assert_eq!(count(u64::MAX), count(i64::MAX));
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(-1_234_567, "−1,234,567");
        assert_eq!(
            (rounded(1234.5), rounded(-0.2), rounded(-1234.0)),
            ("1,234".to_owned(), "0".to_owned(), "−1,234".to_owned())
        );
        let check = |number: f64, expected: &str| assert_eq!(short(number), expected, "{number}");
        check(0.0, "0");
        check(7.25, "7.2");
        check(120.4, "120");
        check(999.9, "1k");
        check(12_431.0, "12.4k");
        check(2_000_000.0, "2M");
        assert_eq!((octets(512), octets(1_500_000)), ("512 B".to_owned(), "1.5 MB".to_owned()));
        assert_eq!(
            (of(1, "host", "hosts"), of(2300, "host", "hosts")),
            ("1 host".to_owned(), "2,300 hosts".to_owned())
        );
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let check = |number: f64, expected: &str| assert_eq!(seconds(number), expected, "{number}");
        check(0.01, "0 s");
        check(0.44, "0.4 s");
        check(12.7, "12 s");
        check(190.0, "3 min");
        check(7200.0, "2 h");
        check(1e300, "213503982334601 days");
        let now = time::read("2026-03-02T08:00:00Z").unwrap();
        let check = |then: &str, expected: &str| assert_eq!(ago(time::read(then).unwrap(), now), expected, "{then}");
        check("2026-03-02T07:59:10Z", "just now");
        check("2026-03-02T08:00:10Z", "just now");
        check("2026-03-02T08:02:10Z", "in 2 min");
        check("2026-03-02T07:46:00Z", "14 min ago");
        check("2026-02-20T07:46:00Z", "10 days ago");
    }

    #[test]
    fn times_are_shown_both_ways() {
        let now = time::read("2026-03-02T08:00:00Z").unwrap();
        let shown = when("2026-03-02T07:45:30.123456Z", now).into_string();
        assert!(shown.contains("datetime=\"2026-03-02T07:45:30.123456Z\""), "{shown}");
        assert!(shown.contains("14 min ago") && shown.contains("(07:45:30 UTC)"), "{shown}");
        assert!(when("2026-03-01T07:46:00Z", now).into_string().contains("(2026-03-01 07:46:00 UTC)"));
        assert_eq!(when("<b>", now).into_string(), "at an unknown time");
    }

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        let check = |share: f64, expected: &str| assert_eq!(percent(share), expected, "{share}");
        check(0.0, "0 %");
        check(0.004, "under 1 %");
        check(0.37, "37 %");
        check(0.999, "over 99 %");
        check(1.0, "100 %");
    }
}
