//! How large an attack is: sums, distinct counts and samples, of closed windows or of one open one. Of bounded size.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::record::{Subject, SubjectKind};
use super::rules::{PROTOCOLS, SAMPLE};
use super::sketch::{Sketch, hash_of_address, mix};
use crate::flow::time::EventTime;

/// Figures of some flows of an attack.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub octets: u64,
    /// Flows, of closed windows.
    pub flows: u64,
    /// Flows of open windows, which are looked at more than once.
    pub open_flows: Sketch,
    /// Time of the first packet, in microseconds.
    first_seen: Option<i64>,
    /// Time of the last packet, in microseconds.
    last_seen: Option<i64>,
    /// Distinct addresses on the other side.
    peers: Sketch,
    /// The first of them.
    pub peer_sample: Vec<IpAddr>,
    /// Distinct destination ports.
    ports: Sketch,
    /// The first of them.
    pub port_sample: Vec<u16>,
    /// Names of protocols.
    pub protocols: BTreeSet<String>,
    /// At least so many peers and ports there are, where what counted them was lost.
    at_least: (u64, u64),
}

impl Figures {
    /// Of flows of an alert about `subject`, each of which is counted here once.
    pub fn of<'a>(subject: Subject, alarms: impl IntoIterator<Item = &'a Alarm<'a>>, is_final: bool) -> Self {
        let mut figures = Self::default();
        for alarm in alarms {
            figures.packets += alarm.packets;
            figures.octets += alarm.octets;
            if is_final {
                figures.flows += 1;
            } else {
                figures.open_flows.insert(flow_hash(alarm));
            }
            figures.saw(alarm.flow.timing.first_seen(), alarm.flow.timing.last_seen());
            if let Some(peer) = peer_of(subject, alarm) {
                figures.peer(peer);
            }
            alarm.flow.ports.destination.ports().for_each(|port| figures.port(port));
            if !figures.protocols.contains(alarm.key.protocol.name()) {
                figures.protocol(alarm.key.protocol.name());
            }
        }
        figures
    }

    /// Of what is stored in an alert's columns, where nothing else is left.
    pub fn of_columns(alert: &super::record::Alert) -> Self {
        let mut figures = Self { packets: alert.packets, octets: alert.octets, flows: alert.flows, ..Self::default() };
        figures.saw(alert.first_seen, alert.last_seen);
        alert.peer_sample.iter().for_each(|&peer| figures.peer(peer));
        alert.port_sample.iter().for_each(|&port| figures.port(port));
        alert.protocols.iter().for_each(|name| figures.protocol(name));
        figures.at_least = (alert.peers, alert.ports);
        figures
    }

    /// Adds other figures of the same subject.
    pub fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.octets += other.octets;
        self.flows += other.flows;
        self.open_flows.merge(&other.open_flows);
        if let Some((first, last)) = other.seen() {
            self.saw(first, last);
        }
        self.peers.merge(&other.peers);
        self.ports.merge(&other.ports);
        other.peer_sample.iter().for_each(|&peer| sample(&mut self.peer_sample, peer));
        other.port_sample.iter().for_each(|&port| sample(&mut self.port_sample, port));
        other.protocols.iter().for_each(|name| self.protocol(name));
        self.at_least = (self.at_least.0.max(other.at_least.0), self.at_least.1.max(other.at_least.1));
    }

    /// The alert is about the other side from now on: `address` is the only peer.
    pub fn turn(&mut self, address: IpAddr) {
        if self.is_empty() {
            return;
        }
        self.peers = Sketch::default();
        self.peer_sample.clear();
        self.at_least.0 = 0;
        self.peer(address);
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.first_seen.is_none()
    }

    /// Times of the first and the last packet.
    pub fn seen(&self) -> Option<(EventTime, EventTime)> {
        Some((EventTime::from_micros(self.first_seen?)?, EventTime::from_micros(self.last_seen?)?))
    }

    /// All flows.
    pub fn flow_count(&self) -> u64 {
        self.flows + self.open_flows.count()
    }

    /// Distinct addresses on the other side.
    pub fn peer_count(&self) -> u64 {
        self.peers.count().max(self.at_least.0)
    }

    /// Distinct destination ports.
    pub fn port_count(&self) -> u64 {
        self.ports.count().max(self.at_least.1)
    }

    /// Octets taken elsewhere.
    pub fn heap_bytes(&self) -> usize {
        self.open_flows.heap_bytes()
            + self.peers.heap_bytes()
            + self.ports.heap_bytes()
            + self.peer_sample.capacity() * size_of::<IpAddr>()
            + self.port_sample.capacity() * size_of::<u16>()
            + self.protocols.iter().map(|name| size_of::<String>() + name.capacity()).sum::<usize>()
    }

    fn saw(&mut self, first: EventTime, last: EventTime) {
        self.first_seen = Some(self.first_seen.map_or(first.micros(), |seen| seen.min(first.micros())));
        self.last_seen = Some(self.last_seen.map_or(last.micros(), |seen| seen.max(last.micros())));
    }

    fn peer(&mut self, peer: IpAddr) {
        self.peers.insert(hash_of_address(peer));
        sample(&mut self.peer_sample, peer);
    }

    fn port(&mut self, port: u16) {
        self.ports.insert(mix(u64::from(port)));
        sample(&mut self.port_sample, port);
    }

    fn protocol(&mut self, name: &str) {
        if self.protocols.len() < PROTOCOLS {
            self.protocols.insert(name.to_owned());
        }
    }
}

fn sample<T: PartialEq>(sample: &mut Vec<T>, one: T) {
    if sample.len() < SAMPLE && !sample.contains(&one) {
        sample.push(one);
    }
}

/// The address on the other side. Of a flipped address: another one that flips.
fn peer_of(subject: Subject, alarm: &Alarm<'_>) -> Option<IpAddr> {
    match subject.kind {
        SubjectKind::Attacker => Some(alarm.key.destination),
        SubjectKind::Victim => Some(alarm.key.source),
        SubjectKind::Identity => Some(alarm.key.source).filter(|source| *source != subject.address),
    }
}

fn flow_hash(alarm: &Alarm<'_>) -> u64 {
    let name = alarm.key.protocol.name().bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    mix(hash_of_address(alarm.key.source).wrapping_add(mix(hash_of_address(alarm.key.destination))).wrapping_add(name))
}
