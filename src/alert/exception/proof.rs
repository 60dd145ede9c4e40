//! What an exception would have done: judged by the alerts of the past, before it is saved.
//!
//! An alert would not have been if all of its flows were silenced. Its row tells that of its flows together: the subject is
//! their source or their destination, the peers are the other side, and protocols, ports, label and times are theirs. Of
//! peers a row keeps a sample, and the judgement then rests on that; it says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Exception, holds};
use crate::alert::record::{Subject, SubjectKind};
use crate::alert::severity::Severity;
use crate::flow::time::EventTime;

/// Alerts of high and critical severity that a proof names.
pub const NAMED_MAX: usize = 100;
/// From so many alerts on it means something that all of them would have been silenced.
pub const A_FEW: u64 = 3;

/// An alert, as far as it tells whether an exception would have silenced it.
#[derive(Clone, PartialEq, Debug)]
pub struct PastAlert {
    /// Its id.
    pub id: i64,
    /// Whom it is about.
    pub subject: Subject,
    /// Its label.
    pub label: String,
    /// How urgent it was.
    pub severity: Severity,
    /// Time of the first packet.
    pub first_seen: EventTime,
    /// Time of the last packet.
    pub last_seen: EventTime,
    /// Distinct addresses on the other side.
    pub peers: u64,
    /// Some of them.
    pub peer_sample: Vec<IpAddr>,
    /// Distinct destination ports.
    pub ports: u64,
    /// Some of them.
    pub port_sample: Vec<u16>,
    /// Protocols of its flows.
    pub protocols: Vec<String>,
}

/// Whether an exception would have silenced an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silenced {
    /// At least a part of it would have been alerted of.
    No,
    /// All of its flows would have been silenced.
    Yes,
    /// So says the sample of its peers; there were more.
    BySample,
}

impl Exception {
    /// Whether it would have silenced an alert, had it been there. When it expires is of no interest: that is to come.
    pub fn would_have_silenced(&self, alert: &PastAlert) -> Silenced {
        let subject = alert.subject.address;
        let (of_subject, of_peers) = match alert.subject.kind {
            SubjectKind::Attacker | SubjectKind::Identity => (self.source, self.destination),
            SubjectKind::Victim => (self.destination, self.source),
        };
        let peers_hold = of_peers.is_none()
            || !alert.peer_sample.is_empty() && alert.peer_sample.iter().all(|peer| holds(of_peers, *peer));
        let silenced = holds(of_subject, subject)
            && peers_hold
            && self.is_of_label(&alert.label)
            && (self.protocol.is_none() || !alert.protocols.is_empty())
            && alert.protocols.iter().all(|name| self.is_of_protocol(name))
            && self.port.is_none_or(|port| alert.ports == 1 && alert.port_sample == [port])
            && self.schedule.as_ref().is_none_or(|schedule| schedule.covers(alert.first_seen, alert.last_seen));
        match (silenced, of_peers) {
            (false, _) => Silenced::No,
            (true, Some(net)) if net.prefix_len() > 0 && alert.is_peer_sample_partial() => Silenced::BySample,
            (true, _) => Silenced::Yes,
        }
    }
}

impl PastAlert {
    fn is_peer_sample_partial(&self) -> bool {
        self.peers > self.peer_sample.len() as u64
    }

    /// "a sample of 16 of 2000 peers".
    fn sample(&self) -> String {
        format!("a sample of {} of {} peers", self.peer_sample.len(), self.peers)
    }
}

/// An alert of high or critical severity that would have been silenced.
#[derive(Clone, PartialEq, Debug)]
pub struct Urgent {
    /// The alert.
    pub alert: PastAlert,
    /// What the judgement rests on, where that is not all of it: "a sample of 16 of 2000 peers".
    pub by: Option<String>,
}

/// What an exception would have done to the alerts of a while.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proof {
    /// Alerts looked at.
    pub alerts: u64,
    /// Of these silenced, by label and severity.
    pub silenced: BTreeMap<(String, Severity), u64>,
    /// Of the silenced, those judged by a sample of their peers.
    pub by_sample: u64,
    /// Of the silenced, those of high and critical severity: the latest [`NAMED_MAX`].
    pub urgent: Vec<Urgent>,
    /// More of these than are named.
    pub urgent_unnamed: u64,
    /// Whether there were more alerts than were looked at.
    pub is_partial: bool,
}

/// Why an exception is refused unless it is forced.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooWide {
    /// It asks nothing of a flow.
    #[error("this exception would silence everything while it holds: it names no net, protocol, port or label")]
    AsksNothing,
    /// It would have silenced everything.
    #[error("this exception would have silenced every one of the {alerts} alerts of the last days")]
    AllOfThePast {
        /// Alerts looked at.
        alerts: u64,
    },
}

impl Proof {
    /// Looks at one more alert; the latest come first.
    pub fn look(&mut self, exception: &Exception, alert: PastAlert) {
        self.alerts += 1;
        let by = match exception.would_have_silenced(&alert) {
            Silenced::No => return,
            Silenced::Yes => None,
            Silenced::BySample => {
                self.by_sample += 1;
                Some(alert.sample())
            }
        };
        *self.silenced.entry((alert.label.clone(), alert.severity)).or_default() += 1;
        if alert.severity < Severity::High {
            return;
        }
        if self.urgent.len() < NAMED_MAX { self.urgent.push(Urgent { alert, by }) } else { self.urgent_unnamed += 1 }
    }

    /// How many would have been silenced.
    pub fn silenced(&self) -> u64 {
        self.silenced.values().sum()
    }

    /// Why the exception should not be saved, if it should not.
    pub fn objection(&self, exception: &Exception) -> Option<TooWide> {
        if exception.asks_nothing() {
            return Some(TooWide::AsksNothing);
        }
        let all = self.alerts >= A_FEW && self.silenced() == self.alerts;
        all.then_some(TooWide::AllOfThePast { alerts: self.alerts })
    }
}
