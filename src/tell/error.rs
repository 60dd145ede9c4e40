//! Why a receiver was not told.

use std::error::Error;
use std::time::Duration;

/// Why a receiver was not told. Each attempt may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It said so.
    #[error("it answered {status}")]
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// It took too long.
    #[error("no answer within {}", humantime::format_duration(*limit))]
    Slow {
        /// How long it may take.
        limit: Duration,
    },
    /// It is not there, or what it says is no HTTP.
    #[error("it cannot be reached: {reason}")]
    Unreachable {
        /// The whole chain of causes.
        reason: String,
    },
    /// The message cannot be written: a bug.
    #[error("the message is no request: {reason}")]
    Unsayable {
        /// Why.
        reason: String,
    },
}

impl TellError {
    /// Of an error of the connection: with its causes, of which the first says nothing.
    pub(super) fn unreachable(error: &dyn Error) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        Self::Unreachable { reason }
    }
}
