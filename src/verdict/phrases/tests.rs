//! Every feature has its phrase, and phrases read as people write.

use super::table::PHRASES;
use super::*;
use crate::flow::context::Neighbours;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::{Packet, TcpFlags};
use crate::flow::time::EventTime;
use crate::verdict::features::{Features, catalogue};

fn wording(name: &str) -> Wording {
    Wording::of(catalogue().iter().find(|feature| feature.name == name).unwrap()).unwrap()
}

const SPANS: Spans = Spans { flow: 6.02, window: 29.7 };

#[test]
fn every_feature_has_its_phrase() {
    let mut features: Vec<String> = catalogue().into_iter().map(|feature| feature.name).collect();
    let mut phrases: Vec<&str> = PHRASES.iter().map(|phrase| phrase.feature).collect();
    features.sort_unstable();
    phrases.sort_unstable();
    assert_eq!(phrases, features);
}

#[test]
fn phrases_are_well_formed() {
    for feature in catalogue() {
        let wording = Wording::of(&feature).unwrap();
        assert_eq!(wording.is_truth(), feature.unit == Unit::Truth, "{}", feature.name);
        for text in [wording.phrase.says, wording.phrase.back] {
            let count = |part: &str| text.matches(part).count();
            assert_eq!(count("{}"), usize::from(!wording.is_truth()), "{text}");
            assert!(count("(") <= 1 && count("(") == count("|") && count("(") == count(")"), "{text}");
            for number in ["1", "12"] {
                let filled = fill(text, number);
                assert!(!filled.contains(['(', '|', ')', '{', '}']), "{filled}");
            }
        }
        // Shares and quotients are never whole.
        let may_be_whole = !matches!(feature.unit, Unit::Ratio | Unit::Quotient | Unit::Seconds | Unit::Bits);
        assert!(may_be_whole || !wording.is_whole(), "{}", feature.name);
    }
}

#[test]
fn what_is_told_in_whole_things_is_whole() {
    let mut flows = FlowMap::default();
    for number in 0..200u16 {
        let address = |last: u16| std::net::IpAddr::from([10, 0, 0, u8::try_from(last).unwrap()]);
        flows.fold(&Packet {
            time: EventTime::from_micros(i64::from(number) * 70_001).unwrap(),
            key: FlowKey { source: address(number % 3), destination: address(number % 5), protocol: Protocol::Tcp },
            length: 60 + u32::from(number % 7),
            source_port: 4_000 + number % 11,
            destination_port: 1 + number % 13,
            tcp_flags: if number.is_multiple_of(4) { TcpFlags::SYN } else { TcpFlags::ACK },
            arp: None,
            dns: None,
        });
    }
    let features = catalogue();
    let names: Vec<String> = features.iter().map(|feature| feature.name.clone()).collect();
    let reads = Features::resolve(&names).unwrap();
    let neighbours = Neighbours::of(&flows);
    let mut broken = 0;
    for (key, flow) in &flows {
        let mut row = Vec::new();
        reads.append(key, flow, &neighbours.context(&flows, key, flow), &mut row);
        for (feature, value) in features.iter().zip(row) {
            let is_whole = value.fract() == 0.0;
            assert!(is_whole || !Wording::of(feature).unwrap().is_whole(), "{} is {value}", feature.name);
            broken += u32::from(!is_whole);
        }
    }
    assert!(broken > 20, "{broken} numbers that are not whole show something");
}

#[test]
fn a_reason_reads_as_a_sentence() {
    let check = |name: &str, value: f64, usual: f64, expected: &str| {
        assert_eq!(wording(name).sentence(value, usual, SPANS).unwrap_or_default(), expected);
    };
    check("destination_ports", 412.0, 2.2, "412 destination ports in 6 s; usual: 2");
    check("destination_ports", 1.0, 4.0, "1 destination port in 6 s; usual: 4");
    check("destination_ports", 1_240.0, 2.2, "1,240 destination ports in 6 s; usual: 2");
    check("destination_ports", 2.0, 2.2, "");
    check("syn_without_ack_share", 0.983, 0.0104, "98 % of the packets are SYN without ACK; usual: 1 %");
    check("source_destinations", 250.0, 3.1, "the source sends to 250 destinations in 30 s; usual: 3");
    check("gap_mean", 0.000_412, 0.23, "0.00041 s between packets; usual: 0.23 s");
    check("length_max", 1_514.0, 210.0, "the longest frame has 1,514 octets; usual: 210");
    check("tcp_flag_rst", 1.0, 0.04, "a packet has RST set; usual: not");
    check("tcp_flag_rst", 0.0, 0.04, "");
    check("tcp_flag_ack", 0.0, 0.7, "no packet has ACK set; usual: a packet has ACK set");
    check("address_claimants", 1.0, 0.1, "1 hardware address says to be the source in 30 s; usual: 0");
    check("address_claimants", 2.0, 0.1, "2 hardware addresses say to be the source in 30 s; usual: 0");
    let at_once = Spans { flow: 0.0, window: 0.0 };
    let sentence = wording("packet_count").sentence(1.0, 18.0, at_once);
    assert_eq!(sentence.unwrap(), "1 packet; usual: 18");
}

#[test]
fn a_way_back_reads_as_a_sentence() {
    let check = |name: &str, value: Decimal, is_below, expected: &str| {
        assert_eq!(wording(name).way_back(value, is_below), format!("{expected} this would be Normal"));
    };
    check("destination_ports", Decimal::not_above(13.7, 0), true, "below 14 destination ports");
    check("destination_ports", Decimal::not_above(0.7, 0), true, "below 1 destination port");
    check("packet_count", Decimal::not_below(13.2, 0), false, "above 13 packets");
    check("byte_count", Decimal::not_above(12_345.0, 2), true, "below 12,300 octets");
    check(
        "syn_without_ack_share",
        Decimal::not_above(0.347, -2),
        true,
        "below 34 % of the packets with SYN and without ACK",
    );
    check("gap_mean", Decimal::not_below(0.123, -2), false, "above 0.13 s between packets");
}
