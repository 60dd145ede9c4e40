//! Why rows cannot be written.

use std::error::Error;
use std::io;

use parquet::errors::ParquetError;

/// An error of writing.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Where the rows go refused them.
    #[error("cannot write")]
    Write(#[source] io::Error),
    /// The Parquet library refused what it was given: a bug.
    #[error("cannot make Parquet of the rows")]
    Parquet(#[source] ParquetError),
    /// EVE has no form for what is exported.
    #[error("EVE is a form of alerts, and has none for flows")]
    NoEveOfFlows,
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<ParquetError> for ExportError {
    /// What the file refused comes wrapped, by the library and by a thread's buffer.
    fn from(error: ParquetError) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = match &error {
            ParquetError::External(cause) => Some(cause.as_ref()),
            _ => None,
        };
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<io::Error>() {
                return Self::Write(copied(refused));
            }
            cause = inner.source();
        }
        Self::Parquet(error)
    }
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Write(error),
            other => Self::Write(io::Error::other(format!("{other:?}"))),
        }
    }
}

/// The same error once more: its code says all, where it has one.
fn copied(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
