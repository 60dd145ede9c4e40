//! Why the service ended, or an attempt did.

use std::borrow::Cow;

use crate::exit::Exit;
use crate::http::HttpError;
use crate::postgres::{Disposition, PostgresError};
use crate::stage::StageError;
use crate::tell::SetupError;

/// Why the service ended otherwise than by being told to stop.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The database.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The metrics port.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Those who are to be told of alerts.
    #[error(transparent)]
    Tell(#[from] SetupError),
    /// A thread could not be started, or panicked.
    #[error("the threads of this attempt")]
    Thread(#[from] std::io::Error),
}

impl PipelineError {
    /// What follows.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error) | StageError::Sink(error)) => {
                error.disposition()
            }
            Self::Stage(_) | Self::Thread(_) => Disposition::Retry,
            Self::Http(_) | Self::Tell(_) => Disposition::Fatal,
        }
    }

    /// The exit code, should the process end with this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error) | StageError::Sink(error)) => error.exit(),
            Self::Http(_) | Self::Tell(_) => Exit::Configuration,
            Self::Thread(_) => Exit::Unavailable,
            Self::Stage(_) => Exit::Bug,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error) | StageError::Sink(error)) => {
                error.hint().map(Cow::into_owned)
            }
            Self::Tell(error) => Some(error.hint().to_owned()),
            _ => None,
        }
    }

    /// As the counter of errors calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) | Self::Tell(_) => "configuration",
            Self::Postgres(_) | Self::Stage(StageError::Postgres(_)) => "database",
            Self::Stage(StageError::Sink(_)) => "sink",
            Self::Stage(StageError::Chain(_)) => "chain",
            Self::Stage(StageError::Model(_)) => "model",
            Self::Thread(_) => "system",
        }
    }
}
