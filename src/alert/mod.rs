//! Verdicts become alerts: one an attack, opened by a verdict on an open window, confirmed by the closed one, closed when it
//! stops.
//!
//! Pure: time is an argument, and what changed is returned, for the writer to store.

mod alarm;
pub mod book;
mod entry;
pub mod event;
pub mod exception;
mod figures;
mod index;
mod memory;
mod place;
pub mod record;
mod rules;
pub mod severity;
mod sketch;
mod subject;
#[cfg(test)]
mod tests;

pub use book::{Book, Limits};
pub use event::{Change, Changes, Event, WindowEvidence};
pub use exception::{Exception, Exceptions, Filter, FilterError};
pub use record::{Alert, Handle, State, Subject, SubjectKind};
pub use severity::Severity;
