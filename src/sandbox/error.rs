//! Why there is no private PostgreSQL.

use std::io;
use std::path::PathBuf;

/// What failed, with what the server or its tools said.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No server is installed.
    #[error(
        "no PostgreSQL server: initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin; install it \
         (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
         postgresql) or name their directory in FLOWSENTRY_POSTGRES_BIN"
    )]
    NotInstalled,
    /// `FLOWSENTRY_POSTGRES_BIN` names the wrong place.
    #[error("FLOWSENTRY_POSTGRES_BIN={}: expected a directory with initdb, pg_ctl and postgres", .0.display())]
    NotThere(PathBuf),
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    System {
        /// What was tried, such as `create`.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// initdb made no data directory.
    #[error("{} failed: {output}", program.display())]
    Initdb {
        /// The one that was run.
        program: PathBuf,
        /// Its last lines.
        output: String,
    },
    /// The server ended instead of starting.
    #[error("PostgreSQL did not start ({status}); its log ends:\n{log}")]
    Start {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server neither started nor stopped in time.
    #[error("PostgreSQL did not {action} within {seconds} s; its log ends:\n{log}")]
    Timeout {
        /// `start` or `stop`.
        action: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
}

impl SandboxError {
    /// For `map_err`: the operating system refused to do `action` with `path`.
    pub(super) fn system(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { action, path, source }
    }
}
