//! An alert as it is stored and shown.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::severity::Severity;
use crate::flow::time::EventTime;
use crate::verdict::reasons::Reasons;

/// What an alert is called within one run of the program, before and after it has an id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle(pub u64);

/// Whom an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// In which role.
    pub kind: SubjectKind,
    /// The address.
    pub address: IpAddr,
}

/// The role of an alert's subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// It attacks.
    Attacker,
    /// Many attack it.
    Victim,
    /// Several hardware addresses claim it.
    Identity,
}

impl SubjectKind {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attacker => "attacker",
            Self::Victim => "victim",
            Self::Identity => "identity",
        }
    }

    /// From what is stored.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Attacker, Self::Victim, Self::Identity].into_iter().find(|kind| kind.name() == name)
    }
}

/// How an alert stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The attack goes on.
    Open,
    /// Quiet for two windows.
    Closed,
    /// No closed window confirmed it, or it is part of another.
    Withdrawn,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::Withdrawn];

    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One attack.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// Its id, once it is stored.
    pub id: Option<i64>,
    /// Whom it is about.
    pub subject: Subject,
    /// What kind of attack.
    pub label: String,
    /// How urgent.
    pub severity: Severity,
    /// How it stands.
    pub state: State,
    /// Greatest confidence of a verdict with this label, 0 to 1.
    pub confidence: f32,
    /// Time of the first packet.
    pub first_seen: EventTime,
    /// Time of the last packet.
    pub last_seen: EventTime,
    /// Packets of its flows, those of open windows included.
    pub packets: u64,
    /// Octets of its flows.
    pub octets: u64,
    /// Its flows.
    pub flows: u64,
    /// Closed windows that confirm it.
    pub windows: u32,
    /// Distinct addresses on the other side.
    pub peers: u64,
    /// Some of them.
    pub peer_sample: Vec<IpAddr>,
    /// Distinct destination ports.
    pub ports: u64,
    /// Some of them.
    pub port_sample: Vec<u16>,
    /// Names of the protocols of its flows.
    pub protocols: Vec<String>,
    /// Why.
    pub reasons: Option<Reasons>,
    /// Which model said so.
    pub model_version: Option<Arc<str>>,
    /// The id of the alert that this one turned out to be a part of.
    pub merged_into: Option<i64>,
    /// What the book needs to go on with it after a restart.
    pub memory: serde_json::Value,
}
