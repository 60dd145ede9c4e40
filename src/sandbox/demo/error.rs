//! Why a demo ended before it could show anything.

use std::io;
use std::path::PathBuf;

use crate::capture::CaptureError;
use crate::postgres::{ConnectionStringError, PostgresError};
use crate::sandbox::SnifferError;

/// What failed, with what the service said last where that may tell why.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The database refused, or is gone.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The private server's own address was not understood.
    #[error(transparent)]
    Address(#[from] ConnectionStringError),
    /// Packets could not be inserted.
    #[error(transparent)]
    Sniffer(#[from] SnifferError),
    /// A recording in this program is damaged.
    #[error("the demo's own traffic cannot be read")]
    Traffic(#[from] CaptureError),
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    System {
        /// What was tried, such as `run`.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The service ended although nobody had asked it to, or badly when it was asked.
    #[error("the service ended with {status}; its log ends:\n{log}")]
    ServiceEnded {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The service did not answer as it should.
    #[error("the service does not answer at http://{address}{page}")]
    NoAnswer {
        /// Where it listens.
        address: String,
        /// Which page was asked for.
        page: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Something that must happen did not.
    #[error("waited {seconds} s for {what}; {state}; the service's log ends:\n{log}")]
    Timeout {
        /// For what.
        what: &'static str,
        /// How long.
        seconds: u64,
        /// How things stood in the end.
        state: String,
        /// The last lines of the service's log.
        log: String,
    },
}

impl DemoError {
    /// For `map_err`: the operating system refused to do `action` with `path`.
    pub(super) fn system(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { action, path, source }
    }
}
