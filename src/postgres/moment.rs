//! `timestamptz` as it is on the wire: microseconds, exact both ways, `infinity` included.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::flow::time::EventTime;

/// A moment as PostgreSQL has it: microseconds since 2000.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment(i64);

impl Moment {
    /// The moment, unless it is `infinity`; times that an [`EventTime`] cannot have become the nearest that it can.
    pub fn time(self) -> Option<EventTime> {
        (self.0 != i64::MAX).then(|| self.clamped())
    }

    /// The nearest moment that an [`EventTime`] can have.
    pub fn clamped(self) -> EventTime {
        let latest = EventTime::EPOCH.saturating_add(std::time::Duration::MAX);
        EventTime::from_postgres_micros(self.0).unwrap_or(if self.0 < 0 { EventTime::EPOCH } else { latest })
    }
}

impl From<EventTime> for Moment {
    fn from(time: EventTime) -> Self {
        Self(time.postgres_micros())
    }
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_of_the_server_is_out_of_range() {
        let check = |micros: i64, expected: Option<i64>| {
            assert_eq!(Moment(micros).time().map(EventTime::whole_seconds), expected, "{micros}");
        };
        check(0, Some(946_684_800));
        check(i64::MAX, None);
        check(i64::MAX - 1, Some(253_402_300_799));
        check(i64::MIN, Some(0));
        let time = EventTime::from_micros(1_700_000_000_123_457).unwrap();
        assert_eq!(Moment::from(time).time(), Some(time));
    }
}
