//! Values as the server sends them, and bytes that no server would send.

use super::*;
use proptest::prelude::*;

fn columns() -> Vec<SourceColumn> {
    let column = |role, kind| SourceColumn { role, name: role.name().to_owned(), kind };
    vec![
        column(Role::Id, Kind::Int4),
        column(Role::Timestamp, Kind::Float8),
        column(Role::SrcIp, Kind::Text),
        column(Role::DstIp, Kind::Inet),
        column(Role::Protocol, Kind::Text),
        column(Role::Length, Kind::Int4),
        column(Role::SrcPort, Kind::Int4),
        column(Role::TcpFlags, Kind::Text),
        column(Role::ArpPsrc, Kind::Text),
        column(Role::ArpPdst, Kind::Text),
        column(Role::DnsResponse, Kind::Bool),
        column(Role::DnsQname, Kind::Text),
    ]
}

/// A row with these values in the order of [`columns`]; `None` is NULL.
fn message(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend([0; 8]);
    bytes.extend(i16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            Some(value) => {
                bytes.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                bytes.extend(*value);
            }
            None => bytes.extend((-1i32).to_be_bytes()),
        }
    }
    bytes
}

fn decode(values: &[Option<&[u8]>]) -> Row {
    let columns = columns();
    let bytes = message(values);
    let mut left = bytes.as_slice();
    let row = RowDecoder::new(&columns).next(&mut left).unwrap().unwrap();
    assert!(left.is_empty());
    row
}

const INET_10_0_0_2: &[u8] = &[2, 32, 0, 4, 10, 0, 0, 2];

#[test]
fn a_row_becomes_a_packet() {
    let row = decode(&[
        Some(&7i32.to_be_bytes()),
        Some(&1.5f64.to_be_bytes()),
        Some(b"10.0.0.1"),
        Some(INET_10_0_0_2),
        Some(b"TCP"),
        Some(&60i32.to_be_bytes()),
        Some(&443i32.to_be_bytes()),
        Some(b"SYN,ACK"),
        None,
        None,
        None,
        None,
    ]);
    let packet = row.packet.unwrap();
    assert_eq!(row.id, 7);
    assert_eq!(packet.time.micros(), 1_500_000);
    assert_eq!(packet.key.source, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(packet.key.destination, IpAddr::from([10, 0, 0, 2]));
    assert_eq!(packet.key.protocol, Protocol::Tcp);
    assert_eq!((packet.length, packet.source_port, packet.destination_port), (60, 443, 0));
    assert_eq!(packet.tcp_flags, TcpFlags::SYN.union(TcpFlags::ACK));
}

#[test]
fn a_row_without_addresses_takes_those_of_arp() {
    let check = |source: Option<&[u8]>, sender: Option<&[u8]>, expected: &str| {
        let row = decode(&[
            Some(&7i32.to_be_bytes()),
            Some(&1.5f64.to_be_bytes()),
            source,
            None,
            Some(b"ARP"),
            Some(&60i32.to_be_bytes()),
            None,
            None,
            sender,
            Some(b"10.0.0.9"),
            None,
            None,
        ]);
        assert_eq!(row.packet.unwrap().key.source.to_string(), expected, "{source:?} {sender:?}");
    };
    check(None, Some(b"10.0.0.8"), "10.0.0.8");
    check(Some(b""), Some(b"10.0.0.8"), "10.0.0.8");
    check(Some(b"0"), Some(b"10.0.0.8"), "10.0.0.8");
    check(Some(b"0.0.0.0"), Some(b"10.0.0.8"), "10.0.0.8");
    check(Some(b"10.1.1.1"), Some(b"10.0.0.8"), "10.1.1.1");
    check(None, None, "0.0.0.0");
}

#[test]
fn a_name_asked_for_is_summed_up() {
    let check = |response: Option<&[u8]>, name: Option<&[u8]>, expected: Option<Dns>| {
        let (id, time, length) = (7i32.to_be_bytes(), 1.0f64.to_be_bytes(), 80i32.to_be_bytes());
        let mut values: Vec<Option<&[u8]>> = vec![None; 12];
        for (at, value) in [(0, &id[..]), (1, &time), (4, b"UDP"), (5, &length)] {
            values[at] = Some(value);
        }
        (values[10], values[11]) = (response, name);
        assert_eq!(decode(&values).packet.unwrap().dns, expected, "{response:?} {name:?}");
    };
    check(Some(&[0]), Some(b"example.org"), Dns::of_name(b"example.org", false));
    check(Some(&[1]), Some(b"example.org"), Dns::of_name(b"example.org", true));
    check(None, Some(b"example.org"), Dns::of_name(b"example.org", false));
    check(Some(&[1]), None, None);
    check(Some(&[0]), Some(b""), None);
    check(None, None, None);
    // Neither a name that is too long nor one in another encoding is a reason to lose the packet.
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    check(None, Some(long.as_bytes()), None);
    check(None, Some(&long.as_bytes()[1..]), Dns::of_name(&long.as_bytes()[1..], false));
    check(None, Some(b"\xe9.org"), Dns::of_name(b"\xe9.org", false));
}

#[test]
fn an_unusable_value_is_named() {
    let good: [Option<&[u8]>; 12] = [
        Some(&[0, 0, 0, 7]),
        Some(&[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        Some(b"fe80::1"),
        Some(INET_10_0_0_2),
        None,
        Some(&[0, 0, 0, 60]),
        None,
        Some(b""),
        None,
        None,
        None,
        None,
    ];
    assert!(decode(&good).packet.is_ok());
    let check = |index: usize, value: Option<&[u8]>, reason: Reason, column: &str, shown: Option<&str>| {
        let mut values = good;
        values[index] = value;
        let rejected = decode(&values).packet.unwrap_err();
        assert_eq!((rejected.id, rejected.reason, rejected.column), (7, reason, column));
        assert_eq!(rejected.value.as_deref(), shown);
    };
    check(1, None, Reason::Time, "timestamp", None);
    check(1, Some(&f64::NAN.to_be_bytes()), Reason::Time, "timestamp", Some("NaN"));
    check(1, Some(&f64::INFINITY.to_be_bytes()), Reason::Time, "timestamp", Some("inf"));
    check(2, Some(b"not an address"), Reason::Address, "src_ip", Some("not an address"));
    check(2, Some(b"10.0.0.256"), Reason::Address, "src_ip", Some("10.0.0.256"));
    check(4, Some(b"A PROTOCOL WITH A LONG NAME"), Reason::Protocol, "protocol", Some("A PROTOCOL WITH A LONG NAME"));
    check(5, Some(&(-1i32).to_be_bytes()), Reason::Length, "length", Some("-1"));
    check(5, Some(&i32::MAX.to_be_bytes()), Reason::Length, "length", Some("2147483647"));
    check(6, Some(&65_536i32.to_be_bytes()), Reason::Port, "src_port", Some("65536"));
    check(7, Some(b"SYN,WHAT"), Reason::TcpFlags, "tcp_flags", Some("SYN,WHAT"));
    let long = " ".repeat(TEXT_BYTES_MAX + 1);
    check(2, Some(long.as_bytes()), Reason::Address, "src_ip", Some(&long[..Rejected::VALUE_BYTES]));
    check(4, Some(long.as_bytes()), Reason::Protocol, "protocol", Some(&long[..Rejected::VALUE_BYTES]));
    let long = "A".repeat(TEXT_BYTES_MAX + 1);
    check(7, Some(long.as_bytes()), Reason::TcpFlags, "tcp_flags", Some(&long[..Rejected::VALUE_BYTES]));
}

#[test]
fn a_text_is_used_up_to_its_longest() {
    let mut values: Vec<Option<&[u8]>> = vec![None; 12];
    let (id, time, flags) = (7i32.to_be_bytes(), 1.0f64.to_be_bytes(), "A".repeat(TEXT_BYTES_MAX));
    values[0] = Some(&id);
    values[1] = Some(&time);
    values[7] = Some(flags.as_bytes());
    assert_eq!(decode(&values).packet.unwrap().tcp_flags, TcpFlags::ACK);
}

#[test]
fn a_stream_cut_anywhere_is_an_error_or_the_end() {
    let columns = columns();
    let bytes = message(&[Some(&[0, 0, 0, 7]), None, None, None, None, None, None, None, None, None, None, None]);
    for end in 0..bytes.len() {
        let result = RowDecoder::new(&columns).next(&mut &bytes[..end]);
        assert!(if end == HEADER_BYTES { matches!(result, Ok(None)) } else { result.is_err() }, "{end}: {result:?}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let columns = columns();
        let mut stream = HEADER.to_vec();
        stream.extend([0; 8]);
        stream.extend(12i16.to_be_bytes());
        stream.extend(bytes);
        let mut left = stream.as_slice();
        let mut decoder = RowDecoder::new(&columns);
        while let Ok(Some(_)) = decoder.next(&mut left) {}
    }

    #[test]
    fn the_fast_way_reads_addresses_as_the_slow_way_does(text in "[0-9.]{0,17}") {
        if let Some(address) = ipv4(text.as_bytes()) {
            let digits = |octet: &str| octet.trim_start_matches('0').to_owned();
            let plain: Vec<String> = text.split('.').map(digits).collect();
            let octets: Vec<String> = address.octets().iter().map(|octet| digits(&octet.to_string())).collect();
            prop_assert_eq!(plain, octets);
        } else {
            prop_assert!(text.parse::<Ipv4Addr>().is_err());
        }
    }
}
