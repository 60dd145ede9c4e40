//! What the book says has changed, for the writer to store and for others to be told.

use std::collections::BTreeMap;

use super::record::{Alert, Handle};
use crate::flow::time::EventTime;

/// What has changed since the book was asked last. To be stored together, or not at all.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    /// At most one an alert.
    pub alerts: Vec<Change>,
    /// Verdicts silenced by an exception, by its id.
    pub silenced: BTreeMap<i64, u64>,
    /// Provisional alerts that no closed window confirmed.
    pub withdrawn: u64,
    /// Verdicts that opened no alert since as many as may be are open.
    pub unopened: u64,
}

impl Changes {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty() && self.silenced.is_empty()
    }
}

/// What has changed of one alert.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Which one; [`super::Book::stored`] is told its id by this.
    pub handle: Handle,
    /// As it is now. Without an id it is new.
    pub alert: Alert,
    /// What others are told of; `None` where only figures moved.
    pub event: Option<Event>,
    /// What closed windows showed of it; only from closed ones.
    pub evidence: Vec<WindowEvidence>,
}

/// What others are told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// It is new.
    Opened,
    /// It has grown tenfold since others were told last.
    Grown,
    /// It is more or less urgent, or its label or its subject is another.
    Changed,
    /// It was quiet for two windows.
    Closed,
    /// No closed window confirmed it, or it is part of another.
    Withdrawn,
}

impl Event {
    /// As stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Grown => "grown",
            Self::Changed => "changed",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What one closed window, or a late or partial pane of it, showed of an alert.
#[derive(Clone, PartialEq, Debug)]
pub struct WindowEvidence {
    /// Start of the window.
    pub window_start: EventTime,
    /// As of its flows.
    pub revision: i64,
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub octets: u64,
    /// Flows.
    pub flows: u64,
    /// Distinct addresses on the other side.
    pub peers: u64,
    /// Distinct destination ports.
    pub ports: u64,
    /// Greatest confidence.
    pub confidence: f32,
}

impl WindowEvidence {
    /// Adds what the same window showed of a part of the alert; distinct things as if they were others.
    pub(super) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.octets += other.octets;
        self.flows += other.flows;
        self.peers += other.peers;
        self.ports = self.ports.max(other.ports);
        self.confidence = self.confidence.max(other.confidence);
    }
}
