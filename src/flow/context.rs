//! What is known of a flow's source and destination from the other flows of its window: a scan shows in how many hosts and
//! ports one source tries, a flood in how many sources one destination has, ARP poisoning in who claims whose address.
//!
//! Summed up in linear time when a window closes, and flow by flow while it is open (`open`): the same code, so that an open
//! window is judged as a closed one of the same packets. To add a statistic, see `figures`.

mod figures;
mod open;
mod sums;

pub use figures::{Context, ContextStatistic, FEW_PACKETS, catalogue};
pub use open::OpenNeighbours;

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::flow::key::{FlowKey, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::HardwareAddress;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use sums::{Destination, Source};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The flows of one window, summed up by source, destination and hardware address.
#[derive(Debug, Default)]
pub struct Neighbours {
    sources: Map<IpAddr, Source>,
    destinations: Map<IpAddr, Destination>,
    claims: Map<HardwareAddress, u32>,
    claimants: Map<IpAddr, u32>,
    /// Time of the first and of the last packet.
    span: Option<(EventTime, EventTime)>,
    /// Octets of the sources' ports.
    port_bytes: usize,
}

impl Neighbours {
    /// Sums up the flows of a window.
    pub fn of(flows: &FlowMap) -> Self {
        let mut neighbours = OpenNeighbours::with_capacity(flows.len());
        for place in 0..flows.len() {
            neighbours.update(flows, place);
        }
        neighbours.closed()
    }

    /// Octets held, those of the sources' ports included.
    pub fn bytes(&self) -> usize {
        self.sources.allocation_size()
            + self.port_bytes
            + self.destinations.allocation_size()
            + self.claims.allocation_size()
            + self.claimants.allocation_size()
    }

    /// What a source has done so far: flows, destinations, destination ports, packets, attempts to connect. None of them
    /// ever falls.
    pub fn figures_of_source(&self, source: &IpAddr) -> [u64; 5] {
        self.sources.get(source).map(Source::figures).unwrap_or_default()
    }

    /// What a destination has met with so far: flows, sources, packets, attempts to connect. None of them ever falls.
    pub fn figures_of_destination(&self, destination: &IpAddr) -> [u64; 4] {
        self.destinations.get(destination).map(Destination::figures).unwrap_or_default()
    }

    fn covered_seconds(&self) -> f64 {
        self.span.map_or(0.0, |(first, last)| last.since(first).as_secs_f64())
    }

    /// The context of each of `flows`, those that were summed up, in their order.
    pub fn contexts(&self, flows: &FlowMap) -> Vec<Context> {
        flows.iter().map(|(key, flow)| self.context(flows, key, flow)).collect()
    }

    /// The context of a flow among `flows`, those that were summed up; it may be a late pane that is not one of them.
    pub fn context(&self, flows: &FlowMap, key: &FlowKey, flow: &Statistics) -> Context {
        let mut context = Context {
            hardware_claims: flow
                .arp
                .claimants()
                .filter_map(|hardware| self.claims.get(&hardware))
                .max()
                .map_or(0.0, |&n| f64::from(n)),
            covered_seconds: self.covered_seconds(),
            ..Context::default()
        };
        if key.protocol == Protocol::Arp {
            context.address_claimants = f64::from(self.claimants.get(&key.source).copied().unwrap_or_default());
        }
        if let Some(answer) = flows.get(&key.reversed()) {
            context.tell_answer(flow, answer);
        }
        if let Some(source) = self.sources.get(&key.source) {
            context.tell_source(source);
        }
        if let Some(destination) = self.destinations.get(&key.destination) {
            context.tell_destination(destination);
        }
        if let Some(caller) = self.destinations.get(&key.source) {
            context.source_callers = f64::from(caller.sources);
            context.source_icmp_reports = caller.icmp_packets as f64;
        }
        context.destination_contacts =
            self.sources.get(&key.destination).map_or(0.0, |contact| f64::from(contact.destinations));
        context
    }
}

impl Context {
    fn tell_answer(&mut self, flow: &Statistics, answer: &Statistics) {
        let packets = answer.volume.packets as f64;
        self.reverse_packet_ratio = packets / flow.volume.packets.max(1) as f64;
        self.reverse_rst_share = f64::from(answer.tcp_flags.rst) / packets.max(1.0);
        self.reverse_arp_requests = f64::from(answer.arp.requests());
        self.reverse_syn_acks = f64::from(answer.tcp_flags.syn_ack);
        self.reverse_length_mean = answer.volume.octets as f64 / packets.max(1.0);
    }

    fn tell_source(&mut self, source: &Source) {
        self.source_destinations = f64::from(source.destinations);
        self.source_destination_ports = f64::from(source.destination_ports.len());
        self.source_flows = f64::from(source.flows.all);
        self.source_packets = source.packets as f64;
        self.source_syn_share = source.syn_without_ack as f64 / source.packets.max(1) as f64;
        self.source_answered_share = source.flows.share(source.flows.answered);
        self.source_refused_share = source.flows.share(source.flows.refused);
        self.source_small_flow_share = source.flows.share(source.flows.small);
        self.source_unanswered_probes = f64::from(source.flows.unanswered_probes);
    }

    fn tell_destination(&mut self, destination: &Destination) {
        self.destination_sources = f64::from(destination.sources);
        self.destination_packets = destination.packets as f64;
        self.destination_syn_share = destination.syn_without_ack as f64 / destination.packets.max(1) as f64;
        self.destination_small_flow_share = destination.flows.share(destination.flows.small);
        self.destination_answered_share = destination.flows.share(destination.flows.answered);
    }
}

#[cfg(test)]
mod tests;
