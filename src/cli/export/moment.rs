//! A moment on the command line: RFC 3339 with any offset, Unix seconds, or a span before now.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use crate::flow::time::EventTime;
use crate::telemetry::clock;

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment(pub EventTime);

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, clock::since_epoch()).map(Self).ok_or(
            "write 2026-01-31T08:00:00Z, 2026-01-31T08:00:00+02:00, Unix seconds, or a span before now such as 24h",
        )
    }
}

fn parse(text: &str, now: Duration) -> Option<EventTime> {
    let seconds = || Duration::try_from_secs_f64(text.parse().ok()?).ok();
    let before = || Some(now.saturating_sub(humantime::parse_duration(text).ok()?));
    let since_epoch = seconds().or_else(before).or_else(|| rfc3339(text))?;
    EventTime::from_micros(i64::try_from(since_epoch.as_micros()).ok()?)
}

fn rfc3339(text: &str) -> Option<Duration> {
    let (local, offset) = match text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) {
        Some((local, offset)) if local.contains(['T', 't', ' ']) && offset.starts_with(['+', '-']) => (local, offset),
        _ => return humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok(),
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let two_digits = |text: &str, end: u64| {
        let is_two = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<u64>().ok().filter(|value| is_two && *value < end)
    };
    let offset_is_ahead = offset.starts_with('+');
    let offset = Duration::from_mins(two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?);
    let local = humantime::parse_rfc3339_weak(local).ok()?.duration_since(UNIX_EPOCH).ok()?;
    if offset_is_ahead { local.checked_sub(offset) } else { local.checked_add(offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        let now = Duration::from_secs(1_700_000_000);
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(parse(text, now).map(EventTime::micros), expected.map(|it| it * 1_000_000), "{text:?}");
        };
        check("2023-11-14T22:13:20Z", Some(1_700_000_000));
        check("2023-11-14T23:13:20+01:00", Some(1_700_000_000));
        check("2023-11-14T16:43:20-05:30", Some(1_700_000_000));
        check("2023-11-14 22:13:20", Some(1_700_000_000));
        check("1700000000", Some(1_700_000_000));
        check("24h", Some(1_700_000_000 - 86_400));
        check("0s", Some(1_700_000_000));
        for wrong in ["", "yesterday", "-1", "2023-11-14T22:13:20+1:00", "2023-11-14T22:13:20+99:00", "24", "ü+01:00"]
        {
            check(wrong, (wrong == "24").then_some(24));
        }
    }
}
