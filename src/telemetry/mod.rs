//! How the program is seen from outside: metrics, log lines, status; and the only clock.

pub mod clock;
pub mod logging;
pub mod metrics;
pub mod status;
