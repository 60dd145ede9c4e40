//! How a command ends: sysexits codes, and the one error type that reaches `main`.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Exit code of a failed command (sysexits.h); a command that did what was asked exits with 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// What was to be verified does not hold.
    Broken = 1,
    /// The command line is wrong.
    Usage = 64,
    /// An input file is damaged.
    Data = 65,
    /// The database, or the service that is asked, cannot be reached or used.
    Unavailable = 69,
    /// A bug of flowsentry.
    Bug = 70,
    /// Standard output cannot be written to.
    Output = 74,
    /// The operating system or the database refuses a right.
    Permission = 77,
    /// A setting, or something that a person set up, is wrong.
    Configuration = 78,
}

/// Why a command ended without doing what was asked. Printed as one chain: error, causes, hint.
#[derive(Debug)]
pub struct Failure {
    /// The code that the process ends with.
    pub exit: Exit,
    /// What happened; its sources are its causes.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it, if that can be said in a sentence.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    /// The same failure with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(out, "\n  cause: {error}")?;
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(out, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
