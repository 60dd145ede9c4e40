//! The thread that a command does its work on, besides those that it starts by itself.

use tokio::runtime::{Builder, Runtime};

use crate::exit::{Exit, Failure};

/// What drives a command: its own thread, with network and time.
pub fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| Failure::new(Exit::Unavailable, error))
}
