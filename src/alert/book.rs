//! The book of open alerts: takes verdicts, gives changes.

use super::event::Changes;
use super::exception::Exceptions;
use super::record::{Alert, Handle};
use crate::flow::time::EventTime;
use crate::verdict::judged::{JudgedIncrement, JudgedLook};

/// Bounds of the book.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Alerts that are open at a time, at most.
    pub open_max: usize,
}

/// The open alerts.
#[derive(Debug)]
pub struct Book {
    #[expect(dead_code)]
    limits: Limits,
}

impl Book {
    /// Goes on with the alerts that are stored as open.
    pub fn resume(limits: Limits, _open: Vec<Alert>) -> Self {
        Self { limits }
    }

    /// Takes provisional verdicts in: they open or extend alerts. `now` is the database's clock, which exceptions go by.
    pub fn look(&mut self, _look: &JudgedLook, _exceptions: &Exceptions, _now: EventTime) -> Changes {
        Changes::default()
    }

    /// Takes final verdicts in: they confirm alerts, and withdraw those that no closed window confirms.
    pub fn settle(&mut self, _judged: &JudgedIncrement, _exceptions: &Exceptions, _now: EventTime) -> Changes {
        Changes::default()
    }

    /// Nothing has come for a while, and it is this late in event time: closes what was quiet for two windows.
    pub fn pass(&mut self, _event_time: EventTime) -> Changes {
        Changes::default()
    }

    /// An alert was stored, and has this id now.
    pub fn stored(&mut self, _handle: Handle, _id: i64) {}

    /// Alerts that are open.
    pub fn open(&self) -> usize {
        0
    }
}
