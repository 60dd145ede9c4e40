//! Frames built by another hand (etherparse) and what the sniffer would make of them.

use etherparse::{IpNumber, PacketBuilder};

use crate::capture::network::decode;
use crate::capture::{Content, Dns, hardware_text, tcp_flags_text};
use crate::flow::packet::TcpFlags;

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// Source, destination and content as one line.
fn summary(link_type: u16, frame: &[u8]) -> String {
    let (addresses, content) = decode(link_type, frame);
    let addresses = addresses.map_or_else(|| "-".to_owned(), |(source, target)| format!("{source} {target}"));
    format!("{addresses} {content:?}")
}

fn written(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    build(&mut frame);
    frame
}

fn v4() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ipv4([192, 0, 2, 1], [198, 51, 100, 2], 64)
}

fn v6() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ipv6([0x20; 16], [0xfe; 16], 64)
}

#[test]
fn tcp_and_udp_of_both_ip_versions() {
    let check = |frame: &[u8], expected: &str| assert_eq!(summary(RAW, frame), expected);
    let four = "192.0.2.1 198.51.100.2";
    let six = "2020:2020:2020:2020:2020:2020:2020:2020 fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe";
    let tcp = "Tcp { source_port: 1, destination_port: 65535, flags: TcpFlags(18) }";
    check(&written(|out| v4().tcp(1, 65535, 0, 0).syn().ack(9).write(out, &[]).unwrap()), &format!("{four} {tcp}"));
    check(&written(|out| v6().tcp(1, 65535, 0, 0).syn().ack(9).write(out, &[]).unwrap()), &format!("{six} {tcp}"));
    let udp = "Udp { source_port: 7, destination_port: 9, dns: None }";
    check(&written(|out| v4().udp(7, 9).write(out, &[1; 40]).unwrap()), &format!("{four} {udp}"));
    check(&written(|out| v6().udp(7, 9).write(out, &[]).unwrap()), &format!("{six} {udp}"));
    check(
        &written(|out| v4().write(out, IpNumber::ENCAPSULATING_SECURITY_PAYLOAD, &[1; 40]).unwrap()),
        &format!("{four} Other"),
    );
}

#[test]
fn headers_cut_short_keep_what_stands_before_the_cut() {
    let check = |frame: &[u8], expected: &str| assert_eq!(summary(RAW, frame), expected, "{} bytes", frame.len());
    let options = [etherparse::TcpOptionElement::MaximumSegmentSize(1460)];
    let frame = written(|out| v4().tcp(1, 2, 0, 0).syn().options(&options).unwrap().write(out, &[]).unwrap());
    check(&frame[..40], "192.0.2.1 198.51.100.2 Tcp { source_port: 1, destination_port: 2, flags: TcpFlags(2) }");
    check(&frame[..39], "192.0.2.1 198.51.100.2 Other");
    check(&frame[..20], "192.0.2.1 198.51.100.2 Other");
    check(&frame[..19], "- Other");
    check(&frame[..0], "- Other");
}

#[test]
fn a_later_fragment_has_addresses_and_nothing_else() {
    let check = |fragment: [u8; 2], is_udp: bool| {
        let mut frame = written(|out| v4().udp(7, 9).write(out, &[]).unwrap());
        frame[6..8].copy_from_slice(&fragment);
        assert_eq!(matches!(decode(RAW, &frame), (Some(_), Content::Udp { .. })), is_udp, "{fragment:?}");
        assert!(decode(RAW, &frame).0.is_some());
    };
    check([0x40, 0], true); // don't fragment
    check([0x20, 0], true); // the first, more follow
    check([0x20, 1], false);
    check([0, 185], false);

    let six = |extension: [u8; 8]| {
        let mut frame = written(|out| v6().udp(7, 9).write(out, &[]).unwrap());
        frame[6] = 44;
        frame.splice(40..40, extension);
        matches!(decode(RAW, &frame), (Some(_), Content::Udp { .. }))
    };
    assert!(six([17, 0, 0, 1, 0, 0, 0, 5]), "the first fragment");
    assert!(!six([17, 0, 0, 8, 0, 0, 0, 5]), "the second");
}

#[test]
fn extension_headers_of_ipv6_are_passed_over() {
    let check = |first: u8, extensions: &[u8], is_udp: bool| {
        let mut frame = written(|out| v6().udp(7, 9).write(out, &[]).unwrap());
        frame[6] = first;
        frame.splice(40..40, extensions.iter().copied());
        assert_eq!(matches!(decode(RAW, &frame).1, Content::Udp { .. }), is_udp, "{extensions:?}");
    };
    check(0, &[17, 0, 0, 0, 0, 0, 0, 0], true);
    check(0, &[43, 0, 0, 0, 0, 0, 0, 0, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], true);
    check(60, &[17, 200, 0, 0, 0, 0, 0, 0], false);
    check(60, &[59, 0, 0, 0, 0, 0, 0, 0], false);
}

#[test]
fn icmp_is_named_as_the_sniffer_names_it() {
    let check = |frame: Vec<u8>, expected: &Content| assert_eq!(decode(RAW, &frame).1, *expected);
    check(written(|out| v4().icmpv4_echo_request(1, 2).write(out, &[]).unwrap()), &Content::Icmp { kind: 8, code: 0 });
    check(written(|out| v4().icmpv4_raw(3, 13, [0; 4]).write(out, &[]).unwrap()), &Content::Icmp { kind: 3, code: 13 });
    check(
        written(|out| v6().icmpv6_echo_request(1, 2).write(out, &[]).unwrap()),
        &Content::Icmpv6EchoRequest { code: 0 },
    );
    check(written(|out| v6().icmpv6_echo_reply(1, 2).write(out, &[]).unwrap()), &Content::Other);
    check(written(|out| v6().icmpv6_raw(135, 0, [0; 4]).write(out, &[]).unwrap()), &Content::Other);
    let mut wrong_version = written(|out| v6().icmpv6_echo_request(1, 2).write(out, &[]).unwrap());
    wrong_version[6] = 1;
    check(wrong_version, &Content::Other);
}

#[test]
fn dns_is_read_on_its_ports_only() {
    let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";
    let check = |ports: (u16, u16), body: &[u8], expected: Option<Dns>| {
        let frame = written(|out| v4().udp(ports.0, ports.1).write(out, body).unwrap());
        let Content::Udp { dns, .. } = decode(RAW, &frame).1 else { panic!("not UDP") };
        assert_eq!(dns, expected, "{ports:?}");
    };
    let named = Some(Dns { is_response: false, name: Some("example.org".to_owned()) });
    check((4000, 53), query, named.clone());
    check((53, 4000), query, named.clone());
    check((5353, 5353), query, named);
    check((4000, 54), query, None);
    check((4000, 53), &query[..11], None);
}

#[test]
fn arp_says_who_claims_what() {
    let body = [0, 1, 8, 0, 6, 4, 0, 2, 2, 9, 0, 0, 0, 0x3d, 10, 9, 0, 1, 2, 9, 0, 0, 0, 0x15, 10, 9, 0, 21];
    let frame = [&[0xff; 12][..], &[8, 6], &body, &[0; 18]].concat();
    let (addresses, Content::Arp(arp)) = decode(ETHERNET, &frame) else { panic!("not ARP") };
    assert_eq!(addresses, None);
    assert_eq!(
        (arp.operation, arp.sender.to_string(), arp.target.to_string()),
        (2, "10.9.0.1".into(), "10.9.0.21".into())
    );
    assert_eq!(hardware_text(arp.sender_hardware), "02:09:00:00:00:3d");
    assert_eq!(hardware_text(arp.target_hardware), "02:09:00:00:00:15");
    assert_eq!(decode(ETHERNET, &frame[..41]), (None, Content::Other));
}

#[test]
fn flags_are_spelt_in_the_order_of_the_header() {
    let check = |bits: u8, expected: &str| assert_eq!(tcp_flags_text(TcpFlags::from_bits(bits)), expected, "{bits}");
    check(0, "");
    check(18, "SYN,ACK");
    check(0b10_1001, "FIN,PSH,URG");
    check(255, "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR");
}
