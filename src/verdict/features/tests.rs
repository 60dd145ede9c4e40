//! Every feature is named once, is a finite number for any packets, and says what one computes by hand.

use super::*;
use crate::flow::context::Neighbours;
use crate::flow::key::NO_ADDRESS;
use crate::flow::map::FlowMap;
use crate::flow::packet::{Arp, Dns, HardwareAddress, Packet};
use crate::flow::time::EventTime;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

fn key(source: u8, destination: u8, protocol: Protocol) -> FlowKey {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    FlowKey { source: address(source), destination: address(destination), protocol }
}

fn packet(key: FlowKey, micros: i64, ports: (u16, u16), flags: TcpFlags) -> Packet {
    Packet {
        time: EventTime::from_micros(micros).unwrap(),
        key,
        length: 100,
        source_port: ports.0,
        destination_port: ports.1,
        tcp_flags: flags,
        arp: None,
        dns: None,
    }
}

pub(super) fn folded(packets: &[Packet]) -> FlowMap {
    let mut flows = FlowMap::default();
    for packet in packets {
        flows.fold(packet);
    }
    flows
}

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| catalogue().into_iter().map(|feature| feature.name).collect());
static FEATURES: LazyLock<Features> = LazyLock::new(|| Features::resolve(&NAMES).unwrap());

/// The row of one flow, by name.
fn row(flows: &FlowMap, key: &FlowKey) -> Vec<(&'static str, f32)> {
    row_among(&Neighbours::of(flows), flows, key)
}

/// The same among neighbours that were summed up before.
pub(super) fn row_among(neighbours: &Neighbours, flows: &FlowMap, key: &FlowKey) -> Vec<(&'static str, f32)> {
    let flow = flows.get(key).unwrap();
    let mut row = Vec::new();
    FEATURES.append(key, flow, &neighbours.context(flows, key, flow), &mut row);
    NAMES.iter().map(String::as_str).zip(row).collect()
}

#[test]
fn names_are_unique_and_of_the_flow_catalogues() {
    let mut names: Vec<_> = catalogue().into_iter().map(|feature| feature.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let check = |name: &str, expected| {
        assert_eq!(names.iter().any(|known| known == name), expected, "{name}");
    };
    check("packet_count", true);
    check("tcp_flag_syn", true);
    check("protocol_arp", true);
    check("source_destinations", true);
    check("destination_ports_per_packet", true);
    check("tcp_flags", false);
    check("first_seen", false);
    check("source_mac", false);
}

#[test]
fn unknown_names_are_all_listed() {
    let names = ["packet_count", "entropy", "rst_share", "source_port"].map(str::to_owned);
    let error = Features::resolve(&names).unwrap_err();
    assert_eq!(error.names, ["entropy", "source_port"]);
    assert_eq!(error.to_string(), "unknown features: entropy, source_port");
}

#[test]
fn a_scan_reads_as_one_computes_by_hand() {
    let scan = key(1, 2, Protocol::Tcp);
    let flows = folded(&[
        packet(scan, 0, (4000, 22), TcpFlags::SYN),
        packet(scan, 500_000, (4000, 80), TcpFlags::SYN),
        packet(scan, 1_000_000, (4000, 53), TcpFlags::SYN),
        packet(scan, 1_500_000, (4000, 80), TcpFlags::RST),
        packet(scan.reversed(), 1_200_000, (80, 4000), TcpFlags::SYN.union(TcpFlags::ACK)),
        packet(key(3, 2, Protocol::Udp), 0, (0, 0), TcpFlags::NONE),
    ]);
    let row = row(&flows, &scan);
    let check = |name: &str, expected: f32| {
        let (_, value) = row.iter().find(|(known, _)| *known == name).unwrap();
        assert!((value - expected).abs() < 1e-6, "{name}: {value}");
    };
    check("packet_count", 4.0);
    check("tcp_flag_syn", 1.0);
    check("tcp_flag_ack", 0.0);
    check("protocol_tcp", 1.0);
    check("protocol_udp", 0.0);
    check("syn_without_ack_share", 0.75);
    check("rst_share", 0.25);
    check("packets_per_attempt", 4.0 / 3.0);
    check("packets_per_active_second", 2.0);
    check("length_variation", 0.0);
    check("destination_ports_per_packet", 0.75);
    check("source_ports_per_destination_port", 1.0 / 3.0);
    check("to_name_server", 1.0);
    check("from_name_server", 0.0);
    check("reverse_packet_ratio", 0.25);
    check("destination_sources", 2.0);
    check("destination_packets_per_source", 2.5);
    check("share_of_destination", 0.8);
    check("to_login_service", 1.0);
    check("to_web_service", 1.0);
    check("half_open_share", 2.0 / 3.0);
    check("packets_per_connection", 4.0);
    check("octets_per_connection", 400.0);
    check("active_share", 2.0 / 3.0);
    check("source_packets_per_flow", 4.0);
    check("share_of_source", 1.0);
    check("source_icmp_report_share", 0.0);
    check("covered_seconds", 1.5);
}

#[test]
fn a_reply_that_nobody_asked_for_shows() {
    let mut flows = FlowMap::default();
    let mut arp = |source, destination, is_reply| {
        let key = key(source, destination, Protocol::Arp);
        let mut packet = packet(key, 0, (0, 0), TcpFlags::NONE);
        packet.arp = Some(Arp { is_reply, source_hardware: None, destination_hardware: None });
        flows.fold(&packet);
    };
    arp(1, 2, false);
    arp(2, 1, true);
    arp(3, 1, true);
    arp(3, 1, true);
    // Whose side is poisoned too: no question either.
    arp(1, 3, true);
    let unasked = |source| {
        let row = row(&flows, &key(source, 1, Protocol::Arp));
        row.iter().find(|(name, _)| *name == "arp_replies_unrequested").unwrap().1
    };
    assert!(unasked(2).abs() < 1e-6);
    assert!((unasked(3) - 2.0).abs() < 1e-6);
}

#[test]
fn a_tunnel_shows_in_its_names() {
    let (asked, answered) = (key(1, 2, Protocol::Udp), key(2, 1, Protocol::Udp));
    let message = |key, micros, name: &str| Packet {
        dns: Dns::of_name(name.as_bytes(), key == answered),
        ..packet(key, micros, (53, 53), TcpFlags::NONE)
    };
    let flows = folded(&[
        message(asked, 0, "0011223344.t.example.org"),
        message(asked, 100_000, "abababab.t.example.org"),
        message(answered, 200_000, "0011223344.t.example.org"),
        message(asked, 1_100_000, "example.com"),
        message(asked, 1_200_000, ""),
    ]);
    let asked = row(&flows, &asked);
    let check = |row: &[(&str, f32)], name: &str, expected: f32| {
        let (_, value) = row.iter().find(|(known, _)| *known == name).unwrap();
        assert!((value - expected).abs() < 1e-6, "{name}: {value}");
    };
    check(&asked, "dns_queries", 3.0);
    check(&asked, "dns_responses", 0.0);
    check(&asked, "dns_names", 3.0);
    check(&asked, "dns_domains", 2.0);
    check(&asked, "dns_share", 0.75);
    check(&asked, "dns_per_active_second", 1.5);
    check(&asked, "dns_names_per_message", 1.0);
    check(&asked, "dns_names_per_domain", 1.5);
    check(&asked, "dns_name_length", (24.0 + 22.0 + 11.0) / 3.0);
    check(&asked, "dns_label_length", (10.0 + 8.0 + 7.0) / 3.0);
    check(&asked, "dns_digit_share", 10.0 / 57.0);
    let answered = row(&flows, &answered);
    check(&answered, "dns_responses", 1.0);
    check(&answered, "dns_name_length", 24.0);
    check(&answered, "dns_names_per_message", 1.0);
}

/// None, one of the old or one of the new kind.
fn any_address(number: u8) -> IpAddr {
    match number {
        0 => NO_ADDRESS,
        1..4 => IpAddr::from([10, 0, 0, number]),
        _ => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(number)]),
    }
}

pub(super) fn packets() -> impl Strategy<Value = Packet> {
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Arp, Protocol::Other]);
    let hardware = (0u8..4).prop_map(|last| HardwareAddress::parse(&format!("02:00:00:00:00:{last:02x}")));
    let arp = prop::option::of((any::<bool>(), hardware).prop_map(|(is_reply, hardware)| Arp {
        is_reply,
        source_hardware: hardware,
        destination_hardware: None,
    }));
    let port = || prop_oneof![0u16..60, any::<u16>(), 49_150u16..49_160];
    let ports = (port(), port());
    let said = (arp, prop::option::of("[a-c.]{0,5}|[a-z0-9.]{1,40}"), any::<bool>());
    (0u8..5, 0u8..5, protocol, 0i64..30_000_000, 0..=Packet::MAX_LENGTH, ports, any::<u8>(), said).prop_map(
        |(source, destination, protocol, micros, length, ports, bits, (arp, name, is_response))| Packet {
            length,
            key: FlowKey { source: any_address(source), destination: any_address(destination), protocol },
            arp,
            dns: name.and_then(|name| Dns::of_name(name.as_bytes(), is_response)),
            ..packet(key(source, destination, protocol), micros, ports, TcpFlags::from_bits(bits))
        },
    )
}

/// A feature of one flow, by itself.
#[allow(clippy::cast_possible_truncation)]
fn number(read: Read, (key, flow, context): Told<'_>) -> f32 {
    let truth = |condition: bool| if condition { 1.0 } else { 0.0 };
    let number = match read {
        Read::Statistic(value) => value(flow).number().unwrap(),
        Read::TcpFlag(flag) => truth(flow.tcp_flags.union.contains(flag)),
        Read::Protocol(kind) => truth(ProtocolKind::of(key.protocol) == kind),
        Read::Context(value) => value(context),
        Read::Derived(value) => value(flow, context),
    };
    number as f32
}

proptest! {
    #[test]
    fn flows_that_are_read_together_have_the_features_of_each(packets in prop::collection::vec(packets(), 0..400)) {
        let flows = folded(&packets);
        let neighbours = Neighbours::of(&flows);
        let contexts = neighbours.contexts(&flows);
        let told: Vec<Told<'_>> = flows.iter().zip(&contexts).map(|((key, flow), context)| (key, flow, context)).collect();
        let mut together = vec![-1.0];
        FEATURES.append_all(&told, &mut together);
        let each = told.iter().flat_map(|&told| FEATURES.reads.iter().map(move |&read| number(read, told)));
        let expected: Vec<u32> = [-1.0].into_iter().chain(each).map(f32::to_bits).collect();
        prop_assert_eq!(together.into_iter().map(f32::to_bits).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_feature_is_finite_and_not_negative(packets in prop::collection::vec(packets(), 1..200)) {
        let catalogue = catalogue();
        let units: BTreeMap<&str, Unit> = catalogue.iter().map(|feature| (feature.name.as_str(), feature.unit)).collect();
        let flows = folded(&packets);
        let neighbours = Neighbours::of(&flows);
        for (key, _) in &flows {
            for (name, value) in row_among(&neighbours, &flows, key) {
                prop_assert!(value.is_finite() && value >= 0.0, "{} is {}", name, value);
                let unit = units[name];
                let fits = match unit {
                    Unit::Ratio => value <= 1.0,
                    Unit::Truth => [0.0, 1.0].contains(&value),
                    Unit::Bits => value <= 8.0,
                    _ => true,
                };
                prop_assert!(fits, "{} is {}, unlike its unit {:?}", name, value, unit);
            }
        }
    }
}
