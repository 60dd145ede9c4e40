//! The only clock. Everything else is given the time as an argument.
#![allow(clippy::disallowed_methods)] // this is the one place that may read the clocks

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since this process first asked, from a clock that never steps back.
pub fn uptime() -> Duration {
    START.elapsed()
}

/// A monotonic instant, for measuring spans.
pub fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time since the Unix epoch; zero on a machine whose clock stands before 1970.
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
