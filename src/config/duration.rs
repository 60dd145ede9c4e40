//! Durations as people write them: `30s`, `7d`, `100ms`.

use std::time::Duration;

use toml::Value;

use super::setting::Setting;
use super::written::Written;

const UNITS: &str = "ms, s, m, h or d";

/// Largest unit first: its length in nanoseconds, and how many it takes to be preferred. A lone minute reads as 60s.
const SHOWN_UNITS: [(u128, u128, &str); 7] = [
    (86_400_000_000_000, 1, "d"),
    (3_600_000_000_000, 1, "h"),
    (60_000_000_000, 2, "m"),
    (1_000_000_000, 1, "s"),
    (1_000_000, 1, "ms"),
    (1_000, 1, "us"),
    (1, 1, "ns"),
];

pub(super) const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

pub(super) const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

pub(super) const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

impl Setting for Duration {
    fn read(written: &Written) -> Result<Self, String> {
        if written.text == "0" {
            return Ok(Self::ZERO);
        }
        if written.is_bare_number() {
            return Err(format!(
                "write the unit ({UNITS}), as in \"{}s\"",
                written.text.trim_start_matches(['-', '+'])
            ));
        }
        let text = written.as_text().ok_or_else(expected)?;
        humantime::parse_duration(text).map_err(|_| expected())
    }

    fn shown(&self) -> Value {
        Value::String(text(*self))
    }
}

/// The duration in the largest unit that writes it as a whole number.
pub(super) fn text(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let fits =
        |(unit, least, _): &(u128, u128, &str)| nanoseconds.is_multiple_of(*unit) && nanoseconds / unit >= *least;
    match SHOWN_UNITS.into_iter().find(fits) {
        Some((unit, _, name)) => format!("{}{name}", nanoseconds / unit),
        None => "0s".to_owned(),
    }
}

fn expected() -> String {
    format!("write a duration with its unit ({UNITS}), as in \"30s\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let check = |text: &str, expected: Option<Duration>| {
            assert_eq!(Duration::read(&Written::bare(text)).ok(), expected, "{text}");
        };
        check("30s", Some(seconds(30)));
        check("100ms", Some(milliseconds(100)));
        check("7d", Some(days(7)));
        check("1h 30m", Some(minutes(90)));
        check("0", Some(Duration::ZERO));
        check("30", None);
        check("-30s", None);
        check("-30", None);
        check("30 parsecs", None);
        check("1e400", None);
        check("99999999999999999999999d", None);
        check("", None);
        check("30s\0", None);
    }

    #[test]
    fn durations_are_shown_in_the_largest_whole_unit() {
        let check = |duration: Duration, expected: &str| {
            assert_eq!(text(duration), expected);
            assert_eq!(Duration::read(&Written::bare(expected)), Ok(duration));
        };
        check(Duration::ZERO, "0s");
        check(days(7), "7d");
        check(seconds(90), "90s");
        check(minutes(90), "90m");
        check(minutes(1), "60s");
        check(milliseconds(1500), "1500ms");
        check(Duration::from_nanos(1), "1ns");
    }
}
