//! How the program is seen from outside: metrics, log lines, status; and the only clock.

pub mod clock;
pub mod logging;
pub mod metrics;
pub mod process;
pub mod progress;
pub mod service_manager;
pub mod status;
