//! Any order and any split of the same packets give equal state; and the columns have the figures one computes by hand.

use super::*;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::{Arp, Dns, HardwareAddress, TcpFlags};
use proptest::prelude::*;
use std::net::IpAddr;

fn key() -> FlowKey {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    FlowKey { source: address(1), destination: address(2), protocol: Protocol::Tcp }
}

fn packets() -> impl Strategy<Value = Packet> {
    let hardware = (0u8..12).prop_map(|last| HardwareAddress::parse(&format!("02:00:00:00:00:{last:02x}")));
    let arp =
        prop::option::of((any::<bool>(), hardware.clone(), hardware).prop_map(|(is_reply, source, destination)| Arp {
            is_reply,
            source_hardware: source,
            destination_hardware: destination,
        }));
    let name = prop_oneof!["[a-c]{1,2}\\.(x|y)", "[a-z0-9]{1,20}"];
    let dns = prop::option::of((name, any::<bool>())).prop_map(|dns| {
        let (name, is_response) = dns?;
        Dns::of_name(name.as_bytes(), is_response)
    });
    (0i64..30_000_000, 0..=Packet::MAX_LENGTH, any::<u16>(), 0u16..50, any::<u8>(), arp, dns).prop_map(
        |(micros, length, source_port, destination_port, bits, arp, dns)| Packet {
            time: EventTime::from_micros(micros).unwrap(),
            key: key(),
            length,
            source_port,
            destination_port,
            tcp_flags: TcpFlags::from_bits(bits),
            arp,
            dns,
        },
    )
}

fn folded<'a>(packets: impl IntoIterator<Item = &'a Packet>) -> Statistics {
    let mut statistics = Statistics::default();
    packets.into_iter().for_each(|packet| statistics.fold(packet));
    statistics
}

proptest! {
    #[test]
    fn order_and_split_do_not_matter(
        packets in prop::collection::vec(packets(), 1..300),
        shuffled in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = folded(&packets);
        let mut other_order = packets.clone();
        other_order.rotate_left(shuffled.index(packets.len()));
        other_order.reverse();
        prop_assert_eq!(&folded(&other_order), &whole);

        let (left, right) = other_order.split_at(cut.index(packets.len()));
        let mut merged = folded(right);
        merged.merge(&folded(left));
        prop_assert_eq!(&merged, &whole);
        for statistic in catalogue() {
            prop_assert_eq!((statistic.value)(&merged), (statistic.value)(&whole), "{}", statistic.column);
        }
    }
}

#[test]
fn columns_hold_what_one_computes_by_hand() {
    let packet = |micros, length, destination_port, flags| Packet {
        time: EventTime::from_micros(micros).unwrap(),
        key: key(),
        length,
        source_port: 40_000,
        destination_port,
        tcp_flags: TcpFlags::parse(flags).unwrap(),
        arp: None,
        dns: None,
    };
    let flow = folded(&[
        packet(1_000_000, 60, 22, "SYN"),
        packet(3_500_000, 100, 80, "SYN,ACK"),
        packet(1_200_000, 80, 22, "RST"),
    ]);
    let value = |column: &str| (catalogue().find(|statistic| statistic.column == column).unwrap().value)(&flow);
    let check = |column: &str, expected: Value| assert_eq!(value(column), expected, "{column}");
    check("packet_count", Value::Count(3));
    check("byte_count", Value::Count(240));
    check("packet_per_sec", Value::Real(1.2));
    check("byte_per_sec", Value::Real(96.0));
    check("gap_mean", Value::Real(1.25));
    check("active_seconds", Value::Count(2));
    check("tcp_flags", Value::Text("ACK,RST,SYN".into()));
    check("connection_attempts", Value::Count(2));
    check("syn_without_ack_count", Value::Count(1));
    check("syn_ack_count", Value::Count(1));
    check("rst_count", Value::Count(1));
    check("fin_count", Value::Count(0));
    check("unique_ports", Value::Count(3));
    check("destination_ports", Value::Count(2));
    check("length_min", Value::Count(60));
    check("length_max", Value::Count(100));
    check("length_sum_of_squares", Value::Count(3600 + 10_000 + 6400));
    check("source_mac", Value::Absent);
    let Value::Real(deviation) = value("length_deviation") else { panic!("a measure") };
    assert!((deviation - (800.0f64 / 3.0).sqrt()).abs() < 1e-9, "{deviation}");
}

#[test]
fn names_asked_for_are_counted() {
    let message = |name: &str, is_response| Packet {
        dns: Dns::of_name(name.as_bytes(), is_response),
        arp: None,
        time: EventTime::EPOCH,
        key: key(),
        length: 80,
        source_port: 40_000,
        destination_port: 53,
        tcp_flags: TcpFlags::NONE,
    };
    let flow = folded(&[
        message("www.example.org", false),
        message("WWW.example.org", false),
        message("mail.example.org", true),
        message("example.com", false),
        message("", false),
    ]);
    let dns = &flow.dns;
    assert_eq!((dns.queries(), dns.responses(), dns.messages()), (3, 1, 4));
    assert_eq!((dns.names(), dns.domains()), (3, 2));
    assert_eq!((dns.octets(), dns.first_label_octets(), dns.digits()), (15 + 15 + 16 + 11, 3 + 3 + 4 + 7, 0));
    assert_eq!(folded(&[message("", true)]).heap_bytes(), 0);
}

#[test]
fn columns_are_named_once() {
    let mut names: Vec<_> = catalogue().map(|statistic| statistic.column).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_flow_fits_in_two_hundred_octets() {
    assert!(size_of::<Statistics>() <= 200, "{}", size_of::<Statistics>());
}

#[test]
fn a_packet_fits_in_ninety_six_octets() {
    assert!(size_of::<Packet>() <= 96, "{}", size_of::<Packet>());
}
