//! What is known of a flow's source and destination from the other flows of its window: a scan shows in how many hosts and
//! ports one source tries, a flood in how many sources one destination has, ARP poisoning in who claims whose address.
//!
//! Computed in linear time when a window closes. To add a statistic, see `figures`.

mod figures;

pub use figures::{Context, ContextStatistic, FEW_PACKETS, catalogue};

use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use crate::flow::key::{FlowKey, NO_ADDRESS, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::HardwareAddress;
use crate::flow::statistics::{PortSet, Statistics};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Set<K> = HashSet<K, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
struct Source {
    destinations: u32,
    destination_ports: PortSet,
    packets: u64,
    syn_without_ack: u64,
    flows: FlowsOfHost,
}

#[derive(Debug, Default)]
struct Destination {
    sources: u32,
    packets: u64,
    syn_without_ack: u64,
    icmp_packets: u64,
    flows: FlowsOfHost,
}

/// How the flows from or to a host went.
#[derive(Debug, Default)]
struct FlowsOfHost {
    all: u32,
    answered: u32,
    refused: u32,
    /// With at most [`FEW_PACKETS`] packets.
    small: u32,
    /// Small ones without an answer.
    unanswered_probes: u32,
}

impl FlowsOfHost {
    fn add(&mut self, flow: &Statistics, answer: Option<&Statistics>) {
        let is_small = flow.volume.packets <= FEW_PACKETS;
        self.all += 1;
        self.answered += u32::from(answer.is_some());
        self.refused += u32::from(answer.is_some_and(|answer| answer.tcp_flags.rst > 0));
        self.small += u32::from(is_small);
        self.unanswered_probes += u32::from(is_small && answer.is_none());
    }

    fn share(&self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.all.max(1))
    }
}

/// The flows of one window, summed up by source, destination and hardware address.
#[derive(Debug, Default)]
pub struct Neighbours {
    sources: Map<IpAddr, Source>,
    destinations: Map<IpAddr, Destination>,
    claims: Map<HardwareAddress, u32>,
    claimants: Map<IpAddr, u32>,
    covered_seconds: f64,
}

impl Neighbours {
    /// Sums up the flows of a window.
    pub fn of(flows: &FlowMap) -> Self {
        let mut neighbours = Self::default();
        let mut pairs = Set::with_capacity_and_hasher(flows.len(), foldhash::fast::RandomState::default());
        let mut claimed = Set::default();
        for (key, flow) in flows {
            let new_pair = u32::from(pairs.insert((key.source, key.destination)));
            let answer = flows.get(&key.reversed());
            neighbours.add_source(key, flow, answer, new_pair);
            neighbours.add_destination(key, flow, answer, new_pair);
            neighbours.add_claims(key, flow, &mut claimed);
        }
        let first = flows.values().map(|flow| flow.timing.first_seen()).min();
        let last = flows.values().map(|flow| flow.timing.last_seen()).max();
        neighbours.covered_seconds = first.zip(last).map_or(0.0, |(first, last)| last.since(first).as_secs_f64());
        neighbours
    }

    fn add_source(&mut self, key: &FlowKey, flow: &Statistics, answer: Option<&Statistics>, new_pair: u32) {
        let source = self.sources.entry(key.source).or_default();
        source.destinations += new_pair;
        source.destination_ports.extend(&flow.ports.destination);
        source.flows.add(flow, answer);
        source.packets += flow.volume.packets;
        source.syn_without_ack += u64::from(flow.tcp_flags.syn_without_ack());
    }

    fn add_destination(&mut self, key: &FlowKey, flow: &Statistics, answer: Option<&Statistics>, new_pair: u32) {
        let destination = self.destinations.entry(key.destination).or_default();
        destination.sources += new_pair;
        destination.packets += flow.volume.packets;
        destination.syn_without_ack += u64::from(flow.tcp_flags.syn_without_ack());
        destination.flows.add(flow, answer);
        if matches!(key.protocol, Protocol::Icmp | Protocol::Icmpv6) {
            destination.icmp_packets += flow.volume.packets;
        }
    }

    fn add_claims(&mut self, key: &FlowKey, flow: &Statistics, claimed: &mut Set<(HardwareAddress, IpAddr)>) {
        // A probe (RFC 5227) has no source address and claims nothing.
        if key.protocol != Protocol::Arp || key.source == NO_ADDRESS {
            return;
        }
        for hardware in flow.arp.claimants() {
            if claimed.insert((hardware, key.source)) {
                *self.claims.entry(hardware).or_default() += 1;
                *self.claimants.entry(key.source).or_default() += 1;
            }
        }
    }

    /// Octets held, those of the source's ports included.
    pub fn bytes(&self) -> usize {
        let ports: usize = self.sources.values().map(|source| source.destination_ports.heap_bytes()).sum();
        self.sources.allocation_size()
            + ports
            + self.destinations.allocation_size()
            + self.claims.allocation_size()
            + self.claimants.allocation_size()
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
            covered_seconds: self.covered_seconds,
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
mod tests {
    use super::*;
    use crate::flow::packet::{Arp, Packet, TcpFlags};
    use crate::flow::time::EventTime;

    fn packet(source: u8, destination: u8, port: u16, flags: TcpFlags) -> Packet {
        let address = |last| IpAddr::from([10, 0, 0, last]);
        Packet {
            time: EventTime::EPOCH,
            key: FlowKey { source: address(source), destination: address(destination), protocol: Protocol::Tcp },
            length: 60,
            source_port: 4000,
            destination_port: port,
            tcp_flags: flags,
            arp: None,
            dns: None,
        }
    }

    fn flows(packets: &[Packet]) -> FlowMap {
        let mut flows = FlowMap::default();
        for packet in packets {
            flows.fold(packet);
        }
        flows
    }

    fn context_of(flows: &FlowMap, key: &FlowKey) -> Context {
        Neighbours::of(flows).context(flows, key, flows.get(key).unwrap())
    }

    #[test]
    fn fan_out_fan_in_and_answers() {
        let scan = |port, destination| packet(1, destination, port, TcpFlags::SYN);
        let refusal = packet(2, 1, 4000, TcpFlags::RST.union(TcpFlags::ACK));
        let flows = flows(&[scan(22, 2), scan(80, 2), scan(80, 3), refusal, packet(4, 2, 80, TcpFlags::ACK)]);
        let context = context_of(&flows, &scan(22, 2).key);
        let expected = Context {
            source_destinations: 2.0,
            source_destination_ports: 2.0,
            source_flows: 2.0,
            source_syn_share: 1.0,
            destination_sources: 2.0,
            destination_packets: 3.0,
            reverse_packet_ratio: 0.5,
            reverse_rst_share: 1.0,
            source_answered_share: 0.5,
            source_refused_share: 0.5,
            source_small_flow_share: 1.0,
            source_unanswered_probes: 1.0,
            source_packets: 3.0,
            source_callers: 1.0,
            destination_small_flow_share: 1.0,
            destination_answered_share: 0.5,
            destination_syn_share: 2.0 / 3.0,
            destination_contacts: 1.0,
            reverse_length_mean: 60.0,
            ..Context::default()
        };
        assert_eq!(context, expected);
    }

    #[test]
    fn reports_of_closed_ports_and_what_was_seen_of_the_window() {
        let mut probe = packet(1, 2, 161, TcpFlags::NONE);
        probe.key.protocol = Protocol::Udp;
        let mut report = packet(2, 1, 0, TcpFlags::NONE);
        report.key.protocol = Protocol::Icmp;
        report.time = EventTime::from_micros(2_500_000).unwrap();
        let flows = flows(&[probe, report, report]);
        let context = context_of(&flows, &probe.key);
        assert_eq!((context.source_icmp_reports, context.covered_seconds), (2.0, 2.5));
        assert_eq!((context.source_unanswered_probes, context.source_answered_share), (1.0, 0.0));
    }

    #[test]
    fn one_hardware_address_that_claims_two_and_two_that_claim_one() {
        let claim = |source: u8, hardware: &str| {
            let mut packet = packet(source, 9, 0, TcpFlags::NONE);
            packet.key.protocol = Protocol::Arp;
            packet.arp = Some(Arp {
                is_reply: true,
                source_hardware: HardwareAddress::parse(hardware),
                destination_hardware: None,
            });
            packet
        };
        let (own, forged) = ("02:00:00:00:00:01", "02:00:00:00:00:66");
        let flows = flows(&[claim(1, own), claim(1, forged), claim(2, forged), claim(2, forged)]);
        let context = context_of(&flows, &claim(1, own).key);
        assert_eq!((context.hardware_claims, context.address_claimants), (2.0, 2.0));
        let context = context_of(&flows, &claim(2, forged).key);
        assert_eq!((context.hardware_claims, context.address_claimants), (2.0, 1.0));
    }
}
