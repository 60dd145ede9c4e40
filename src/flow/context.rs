//! What is known of a flow's source and destination from the other flows of its window: a scan shows in how many hosts and
//! ports one source tries, a flood in how many sources one destination has, ARP poisoning in who claims whose address.
//!
//! Computed in linear time when a window closes. To add a statistic, add a field and one entry of [`catalogue`].

use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use crate::flow::key::{FlowKey, NO_ADDRESS, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::HardwareAddress;
use crate::flow::statistics::{PortSet, Statistics};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Set<K> = HashSet<K, foldhash::fast::RandomState>;

/// The context of one flow.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Context {
    /// Distinct destinations of the flow's source.
    pub source_destinations: f64,
    /// Distinct destination ports of the flow's source, over all its flows.
    pub source_destination_ports: f64,
    /// Flows of the flow's source.
    pub source_flows: f64,
    /// Share of the source's TCP packets that are SYN without ACK, 0 to 1.
    pub source_syn_share: f64,
    /// Distinct sources of the flow's destination.
    pub destination_sources: f64,
    /// Packets to the flow's destination.
    pub destination_packets: f64,
    /// Packets of the reverse flow ÷ packets of this flow; 0 where there is no answer.
    pub reverse_packet_ratio: f64,
    /// Share of the reverse flow's packets that have RST set, 0 to 1.
    pub reverse_rst_share: f64,
    /// The most addresses that one hardware address of this ARP flow claims in the window.
    pub hardware_claims: f64,
    /// Hardware addresses that claim this ARP flow's source address in the window.
    pub address_claimants: f64,
}

/// A figure of the context.
pub struct ContextStatistic {
    /// Name as a feature, and as a column where `stored`.
    pub column: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// Whether it is a column of `traffic_data`.
    pub stored: bool,
    /// Reads it off a context.
    pub value: fn(&Context) -> f64,
}

/// All figures of the context, in the order of the columns.
pub fn catalogue() -> &'static [ContextStatistic] {
    const fn entry(
        column: &'static str,
        doc: &'static str,
        stored: bool,
        value: fn(&Context) -> f64,
    ) -> ContextStatistic {
        ContextStatistic { column, doc, stored, value }
    }
    const CATALOGUE: &[ContextStatistic] = &[
        entry("source_destinations", "Distinct destinations of the source in the window.", true, |context| {
            context.source_destinations
        }),
        entry("source_destination_ports", "Distinct destination ports of the source in the window.", true, |context| {
            context.source_destination_ports
        }),
        entry("source_flows", "Flows of the source in the window.", false, |context| context.source_flows),
        entry("source_syn_share", "Share of the source's packets that are SYN without ACK.", false, |context| {
            context.source_syn_share
        }),
        entry("destination_sources", "Distinct sources of the destination in the window.", true, |context| {
            context.destination_sources
        }),
        entry("destination_packets", "Packets to the destination in the window.", false, |context| {
            context.destination_packets
        }),
        entry("reverse_packet_ratio", "Packets of the answering flow ÷ packets of the flow.", true, |context| {
            context.reverse_packet_ratio
        }),
        entry("reverse_rst_share", "Share of the answering flow's packets that have RST set.", false, |context| {
            context.reverse_rst_share
        }),
        entry(
            "hardware_claims",
            "Most addresses that one hardware address of the ARP flow claims.",
            false,
            |context| context.hardware_claims,
        ),
        entry("address_claimants", "Hardware addresses that claim the ARP flow's source address.", false, |context| {
            context.address_claimants
        }),
    ];
    CATALOGUE
}

#[derive(Debug, Default)]
struct Source {
    destinations: u32,
    destination_ports: PortSet,
    flows: u32,
    packets: u64,
    syn_without_ack: u64,
}

#[derive(Debug, Default)]
struct Destination {
    sources: u32,
    packets: u64,
}

/// The flows of one window, summed up by source, destination and hardware address.
#[derive(Debug, Default)]
pub struct Neighbours {
    sources: Map<IpAddr, Source>,
    destinations: Map<IpAddr, Destination>,
    claims: Map<HardwareAddress, u32>,
    claimants: Map<IpAddr, u32>,
}

impl Neighbours {
    /// Sums up the flows of a window.
    pub fn of(flows: &FlowMap) -> Self {
        let mut neighbours = Self::default();
        let mut pairs = Set::with_capacity_and_hasher(flows.len(), foldhash::fast::RandomState::default());
        let mut claimed = Set::default();
        for (key, flow) in flows {
            let new_pair = u32::from(pairs.insert((key.source, key.destination)));
            neighbours.add_source(key, flow, new_pair);
            neighbours.add_destination(key, flow, new_pair);
            neighbours.add_claims(key, flow, &mut claimed);
        }
        neighbours
    }

    fn add_source(&mut self, key: &FlowKey, flow: &Statistics, new_pair: u32) {
        let source = self.sources.entry(key.source).or_default();
        source.destinations += new_pair;
        source.destination_ports.extend(&flow.ports.destination);
        source.flows += 1;
        source.packets += flow.volume.packets;
        source.syn_without_ack += u64::from(flow.tcp_flags.syn_without_ack());
    }

    fn add_destination(&mut self, key: &FlowKey, flow: &Statistics, new_pair: u32) {
        let destination = self.destinations.entry(key.destination).or_default();
        destination.sources += new_pair;
        destination.packets += flow.volume.packets;
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
        let (reverse_packets, reverse_rst_share) = flows.get(&key.reversed()).map_or((0, 0.0), answer);
        let mut context = Context {
            reverse_packet_ratio: reverse_packets as f64 / flow.volume.packets.max(1) as f64,
            reverse_rst_share,
            hardware_claims: flow
                .arp
                .claimants()
                .filter_map(|hardware| self.claims.get(&hardware))
                .max()
                .map_or(0.0, |&n| f64::from(n)),
            ..Context::default()
        };
        if key.protocol == Protocol::Arp {
            context.address_claimants = f64::from(self.claimants.get(&key.source).copied().unwrap_or_default());
        }
        if let Some(source) = self.sources.get(&key.source) {
            context.source_destinations = f64::from(source.destinations);
            context.source_destination_ports = f64::from(source.destination_ports.len());
            context.source_flows = f64::from(source.flows);
            context.source_syn_share = source.syn_without_ack as f64 / source.packets.max(1) as f64;
        }
        if let Some(destination) = self.destinations.get(&key.destination) {
            context.destination_sources = f64::from(destination.sources);
            context.destination_packets = destination.packets as f64;
        }
        context
    }
}

fn answer(flow: &Statistics) -> (u64, f64) {
    (flow.volume.packets, f64::from(flow.tcp_flags.rst) / flow.volume.packets.max(1) as f64)
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
            ..Context::default()
        };
        assert_eq!(context, expected);
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
