//! Metrics, logging, status and the only clock.
pub mod clock;
