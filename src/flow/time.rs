//! Event time: when a packet was on the wire, by the sniffer's clock.
//!
//! An integer, so that folds in any order give equal state.

use std::fmt;
use std::ops::Sub;
use std::time::Duration;

/// Microseconds since the Unix epoch; between 1970 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventTime(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 10000-01-01T00:00:00Z in seconds since the Unix epoch: the first second that no four-digit year can write.
const END_OF_TIME_SECONDS: i64 = 253_402_300_800;
/// 2000-01-01T00:00:00Z, PostgreSQL's epoch, in microseconds since the Unix epoch.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800 * MICROS_PER_SECOND;

impl EventTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// `None` before 1970 or after 9999.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 || micros >= END_OF_TIME_SECONDS * MICROS_PER_SECOND { None } else { Some(Self(micros)) }
    }

    /// From Unix seconds, rounded to the nearest microsecond but never into the next second, so that the window of a time
    /// is the one that `floor(seconds / length)` gives in SQL. `None` if not finite, before 1970 or after 9999.
    #[allow(clippy::cast_possible_truncation)] // in range: checked just before
    pub fn from_unix_seconds(seconds: f64) -> Option<Self> {
        let whole = seconds.floor();
        if !(0.0..END_OF_TIME_SECONDS as f64).contains(&whole) {
            return None;
        }
        let micros = ((seconds - whole) * MICROS_PER_SECOND as f64 + 0.5) as i64;
        Some(Self(whole as i64 * MICROS_PER_SECOND + micros.min(MICROS_PER_SECOND - 1)))
    }

    /// From PostgreSQL's binary timestamps: microseconds since 2000. `None` for `infinity` and out of range.
    pub fn from_postgres_micros(micros: i64) -> Option<Self> {
        Self::from_micros(micros.checked_add(POSTGRES_EPOCH_MICROS)?)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Microseconds since 2000, as PostgreSQL's binary timestamps have it.
    pub const fn postgres_micros(self) -> i64 {
        self.0 - POSTGRES_EPOCH_MICROS
    }

    /// Unix seconds.
    pub fn unix_seconds(self) -> f64 {
        self.0 as f64 / MICROS_PER_SECOND as f64
    }

    /// Whole Unix seconds, rounded down.
    pub const fn whole_seconds(self) -> i64 {
        self.0 / MICROS_PER_SECOND
    }

    /// This time later by `span`, at most the end of year 9999.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span_micros(span)).min(END_OF_TIME_SECONDS * MICROS_PER_SECOND - 1))
    }

    /// This time earlier by `span`, at least 1970.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span_micros(span)).max(0))
    }

    /// How much later this time is than `earlier`; zero if it is not.
    #[allow(clippy::cast_sign_loss)] // not negative: max(0)
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros((self.0 - earlier.0).max(0) as u64)
    }
}

fn span_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl Sub for EventTime {
    /// Microseconds, negative if `self` is earlier.
    type Output = i64;
    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:06}", self.0 / MICROS_PER_SECOND, self.0 % MICROS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_seconds_become_microseconds_or_nothing() {
        let check = |seconds: f64, expected: Option<i64>| {
            assert_eq!(EventTime::from_unix_seconds(seconds).map(EventTime::micros), expected, "{seconds}");
        };
        check(0.0, Some(0));
        check(1.15, Some(1_150_000));
        check(1_700_000_000.123_457, Some(1_700_000_000_123_457));
        check(29.999_999_9, Some(29_999_999));
        check(253_402_300_799.0, Some(253_402_300_799_000_000));
        check(253_402_300_800.0, None);
        check(-0.000_001, None);
        check(f64::NAN, None);
        check(f64::INFINITY, None);
        check(f64::NEG_INFINITY, None);
    }

    #[test]
    fn postgres_infinity_is_no_time() {
        assert_eq!(EventTime::from_postgres_micros(i64::MAX), None);
        assert_eq!(EventTime::from_postgres_micros(i64::MIN), None);
        assert_eq!(EventTime::from_postgres_micros(0).map(EventTime::whole_seconds), Some(946_684_800));
    }
}
