//! What a window's flows say of each other, summed up at once and as they come.

use super::*;
use crate::flow::key::NO_ADDRESS;
use crate::flow::packet::{Arp, Packet, TcpFlags};
use proptest::prelude::*;
use std::collections::BTreeSet;

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
        packet.arp =
            Some(Arp { is_reply: true, source_hardware: HardwareAddress::parse(hardware), destination_hardware: None });
        packet
    };
    let (own, forged) = ("02:00:00:00:00:01", "02:00:00:00:00:66");
    let flows = flows(&[claim(1, own), claim(1, forged), claim(2, forged), claim(2, forged)]);
    let context = context_of(&flows, &claim(1, own).key);
    assert_eq!((context.hardware_claims, context.address_claimants), (2.0, 2.0));
    let context = context_of(&flows, &claim(2, forged).key);
    assert_eq!((context.hardware_claims, context.address_claimants), (2.0, 1.0));
}

/// The context of a flow by its definition: a look at all flows for each figure.
fn by_definition(flows: &FlowMap, key: &FlowKey, flow: &Statistics) -> Context {
    let distinct = |one: fn(&FlowKey) -> IpAddr, of: &dyn Fn(&FlowKey) -> bool| {
        flows.iter().filter(|(key, _)| of(key)).map(|(key, _)| one(key)).collect::<BTreeSet<_>>().len() as f64
    };
    let sum = |of: &dyn Fn(&FlowKey) -> bool, figure: &dyn Fn(&FlowKey, &Statistics) -> u64| -> f64 {
        flows.iter().filter(|(key, _)| of(key)).map(|(key, flow)| figure(key, flow)).sum::<u64>() as f64
    };
    let packets = |_: &FlowKey, flow: &Statistics| flow.volume.packets;
    let attempts = |_: &FlowKey, flow: &Statistics| u64::from(flow.tcp_flags.syn_without_ack());
    let answered = |key: &FlowKey, _: &Statistics| u64::from(flows.get(&key.reversed()).is_some());
    let refused = |key: &FlowKey, _: &Statistics| {
        u64::from(flows.get(&key.reversed()).is_some_and(|answer| answer.tcp_flags.rst > 0))
    };
    let small = |_: &FlowKey, flow: &Statistics| u64::from(flow.volume.packets <= FEW_PACKETS);
    let probes = |key: &FlowKey, flow: &Statistics| small(key, flow) * (1 - answered(key, flow));
    let icmp = |key: &FlowKey, flow: &Statistics| {
        let is_icmp = matches!(key.protocol, Protocol::Icmp | Protocol::Icmpv6);
        if is_icmp { flow.volume.packets } else { 0 }
    };
    let one = |_: &FlowKey, _: &Statistics| 1;
    let from = |address: IpAddr| move |key: &FlowKey| key.source == address;
    let to = |address: IpAddr| move |key: &FlowKey| key.destination == address;
    let (out, into) = (from(key.source), to(key.destination));

    let claims: BTreeSet<(HardwareAddress, IpAddr)> = flows
        .iter()
        .filter(|(key, _)| key.protocol == Protocol::Arp && key.source != NO_ADDRESS)
        .flat_map(|(key, flow)| flow.arp.claimants().map(|hardware| (hardware, key.source)))
        .collect();
    let claimed_by = |hardware| claims.iter().filter(|(claimant, _)| *claimant == hardware).count();
    let claimants = claims.iter().filter(|(_, address)| *address == key.source).count() as f64;
    let ports: BTreeSet<u16> =
        flows.iter().filter(|(key, _)| out(key)).flat_map(|(_, flow)| flow.ports.destination.ports()).collect();
    let first = flows.values().map(|flow| flow.timing.first_seen()).min().unwrap();
    let last = flows.values().map(|flow| flow.timing.last_seen()).max().unwrap();
    let mut context = Context {
        source_destinations: distinct(|key| key.destination, &out),
        source_destination_ports: ports.len() as f64,
        source_flows: sum(&out, &one),
        source_syn_share: sum(&out, &attempts) / sum(&out, &packets),
        source_packets: sum(&out, &packets),
        source_answered_share: sum(&out, &answered) / sum(&out, &one),
        source_refused_share: sum(&out, &refused) / sum(&out, &one),
        source_small_flow_share: sum(&out, &small) / sum(&out, &one),
        source_unanswered_probes: sum(&out, &probes),
        source_callers: distinct(|key| key.source, &to(key.source)),
        source_icmp_reports: sum(&to(key.source), &icmp),
        destination_sources: distinct(|key| key.source, &into),
        destination_packets: sum(&into, &packets),
        destination_syn_share: sum(&into, &attempts) / sum(&into, &packets),
        destination_small_flow_share: sum(&into, &small) / sum(&into, &one),
        destination_answered_share: sum(&into, &answered) / sum(&into, &one),
        destination_contacts: distinct(|key| key.destination, &from(key.destination)),
        hardware_claims: flow.arp.claimants().map(claimed_by).max().unwrap_or_default() as f64,
        address_claimants: if key.protocol == Protocol::Arp { claimants } else { 0.0 },
        covered_seconds: last.since(first).as_secs_f64(),
        ..Context::default()
    };
    if let Some(answer) = flows.get(&key.reversed()) {
        context.tell_answer(flow, answer);
    }
    context
}

/// Packets among few hosts, of protocols that the context tells apart, with more claimants than a flow remembers.
fn any_packet() -> impl Strategy<Value = Packet> {
    let protocol =
        prop::sample::select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Arp]);
    (0u8..5, 0u8..5, protocol, 0u16..30, 0u8..64, 0u8..12, 0i64..5_000_000).prop_map(
        |(source, destination, protocol, port, flags, hardware, micros)| {
            let claim = Arp {
                is_reply: flags % 2 == 0,
                source_hardware: Some(HardwareAddress::from_octets([2, 0, 0, 0, 0, hardware])),
                destination_hardware: None,
            };
            let mut packet = packet(source, destination, port, TcpFlags::from_bits(flags));
            if source == 4 {
                packet.key.source = NO_ADDRESS;
            }
            packet.key.protocol = protocol;
            packet.time = EventTime::from_micros(micros).unwrap();
            packet.arp = (protocol == Protocol::Arp).then_some(claim);
            packet
        },
    )
}

proptest! {
    #[test]
    fn put_in_again_as_they_grow_flows_say_what_they_say_at_once(
        batches in prop::collection::vec(prop::collection::vec(any_packet(), 0..40), 1..12),
        backwards: bool,
    ) {
        let (mut flows, mut open) = (FlowMap::default(), OpenNeighbours::default());
        for packets in batches {
            let mut touched = BTreeSet::new();
            flows.fold_each(&packets, |place| { touched.insert(place); });
            let touched: Vec<usize> = if backwards { touched.into_iter().rev().collect() } else { touched.into_iter().collect() };
            for place in touched {
                open.update(&flows, place);
            }
            let closed = Neighbours::of(&flows);
            for (key, flow) in &flows {
                let expected = by_definition(&flows, key, flow);
                prop_assert_eq!(open.sums().context(&flows, key, flow), expected);
                prop_assert_eq!(closed.context(&flows, key, flow), expected);
            }
            let ports: usize = open.sums().sources.values().map(|source| source.destination_ports.heap_bytes()).sum();
            prop_assert_eq!(open.sums().port_bytes, ports);
        }
    }
}
