//! Times as JSON has them: RFC 3339, UTC, microseconds.

use std::time::{Duration, UNIX_EPOCH};

use crate::flow::time::EventTime;
use crate::telemetry::clock;

pub(in crate::http) fn shown(time: EventTime) -> String {
    humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(time.micros().unsigned_abs())).to_string()
}

pub(in crate::http) fn read(text: &str) -> Option<EventTime> {
    let since_epoch = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    EventTime::from_micros(i64::try_from(since_epoch.as_micros()).ok()?)
}

pub(in crate::http) fn now() -> EventTime {
    let micros = i64::try_from(clock::since_epoch().as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(micros).unwrap_or_default()
}
