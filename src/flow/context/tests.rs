//! What a window's flows say of each other, summed up at once and as they come.

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
