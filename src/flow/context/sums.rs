//! What is summed up of the flows of one host, and what one flow has put into it: taken out and put in again as the flow
//! grows, so that a sum is at any time that of the flows as they were last put in.

use crate::flow::context::FEW_PACKETS;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::statistics::{PortSet, Statistics};

/// What one flow puts into the sums of its source and of its destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    pub packets: u64,
    pub syn_without_ack: u32,
    /// How many destination ports: they are a set, and put in once more only when there are more.
    pub ports: u32,
    /// Where the flow stands that answers it, if there is one.
    pub opposite: Option<u32>,
    /// Whether that one refuses.
    pub is_refused: bool,
    /// Whether this one refuses what it may answer.
    pub refuses: bool,
    /// With at most [`FEW_PACKETS`] packets.
    pub is_small: bool,
}

impl Part {
    pub fn of(flow: &Statistics, opposite: Option<u32>, is_refused: bool) -> Self {
        Self {
            packets: flow.volume.packets,
            syn_without_ack: flow.tcp_flags.syn_without_ack(),
            ports: flow.ports.destination.len(),
            opposite,
            is_refused,
            refuses: refuses(flow),
            is_small: flow.volume.packets <= FEW_PACKETS,
        }
    }

    fn is_answered(&self) -> bool {
        self.opposite.is_some()
    }

    fn is_unanswered_probe(&self) -> bool {
        self.is_small && !self.is_answered()
    }
}

/// Whether a flow refuses what it answers.
pub fn refuses(flow: &Statistics) -> bool {
    flow.tcp_flags.rst > 0
}

/// Whether the packets of a flow report what is not there.
pub fn reports(key: &FlowKey) -> bool {
    matches!(key.protocol, Protocol::Icmp | Protocol::Icmpv6)
}

/// The flows from a host.
#[derive(Debug, Default)]
pub struct Source {
    pub destinations: u32,
    pub destination_ports: PortSet,
    pub packets: u64,
    pub syn_without_ack: u64,
    pub flows: FlowsOfHost,
}

impl Source {
    /// Puts a flow in, in place of what it put in before.
    pub fn put(&mut self, before: Option<Part>, now: Part) {
        self.flows.put(before, now);
        self.packets = self.packets - before.map_or(0, |part| part.packets) + now.packets;
        self.syn_without_ack -= before.map_or(0, |part| u64::from(part.syn_without_ack));
        self.syn_without_ack += u64::from(now.syn_without_ack);
    }

    pub fn figures(&self) -> [u64; 5] {
        let ports = self.destination_ports.len();
        [u64::from(self.flows.all), u64::from(self.destinations), u64::from(ports), self.packets, self.syn_without_ack]
    }
}

/// The flows to a host.
#[derive(Debug, Default)]
pub struct Destination {
    pub sources: u32,
    pub packets: u64,
    pub syn_without_ack: u64,
    pub icmp_packets: u64,
    pub flows: FlowsOfHost,
}

impl Destination {
    /// Puts a flow in, in place of what it put in before.
    pub fn put(&mut self, key: &FlowKey, before: Option<Part>, now: Part) {
        self.flows.put(before, now);
        let packets_before = before.map_or(0, |part| part.packets);
        self.packets = self.packets - packets_before + now.packets;
        self.syn_without_ack -= before.map_or(0, |part| u64::from(part.syn_without_ack));
        self.syn_without_ack += u64::from(now.syn_without_ack);
        if reports(key) {
            self.icmp_packets = self.icmp_packets - packets_before + now.packets;
        }
    }

    pub fn figures(&self) -> [u64; 4] {
        [u64::from(self.flows.all), u64::from(self.sources), self.packets, self.syn_without_ack]
    }
}

/// How the flows from or to a host went.
#[derive(Debug, Default)]
pub struct FlowsOfHost {
    pub all: u32,
    pub answered: u32,
    pub refused: u32,
    /// With at most [`FEW_PACKETS`] packets.
    pub small: u32,
    /// Small ones without an answer.
    pub unanswered_probes: u32,
}

impl FlowsOfHost {
    fn put(&mut self, before: Option<Part>, now: Part) {
        if let Some(part) = before {
            self.all -= 1;
            self.answered -= u32::from(part.is_answered());
            self.refused -= u32::from(part.is_refused);
            self.small -= u32::from(part.is_small);
            self.unanswered_probes -= u32::from(part.is_unanswered_probe());
        }
        self.all += 1;
        self.answered += u32::from(now.is_answered());
        self.refused += u32::from(now.is_refused);
        self.small += u32::from(now.is_small);
        self.unanswered_probes += u32::from(now.is_unanswered_probe());
    }

    pub fn share(&self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.all.max(1))
    }
}
