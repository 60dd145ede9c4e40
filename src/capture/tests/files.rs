//! Times, interfaces and lengths of both formats; where a damage is found and what is told of it.

use super::build::{Builder, pcap_of_syns, pcapng_of_syns, syn};
use crate::capture::bytes::Order;
use crate::capture::rows;

/// Times and lengths of the packets, and the last error.
fn read(file: &[u8]) -> (Vec<(f64, u32, &'static str)>, Vec<String>) {
    let (mut packets, mut errors) = (Vec::new(), Vec::new());
    for row in rows(file) {
        match row {
            Ok(packet) => packets.push((packet.timestamp, packet.length, packet.content.protocol())),
            Err(error) => errors.push(error.to_string()),
        }
    }
    (packets, errors)
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, half) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500_000_000)] {
            let mut file = Builder::pcap(order, magic, 1);
            file.record(1000, 0, &syn(), 60).record(1001, half, &syn()[..54], 1514);
            assert_eq!(read(&file.bytes), (vec![(1000.0, 60, "TCP"), (1001.5, 1514, "TCP")], vec![]), "{order:?}");
        }
    }
}

#[test]
fn the_upper_bits_of_the_link_type_are_not_part_of_it() {
    let mut file = Builder::pcap(Order::Little, 0xa1b2_c3d4, 0x2400_0001);
    file.record(1, 0, &syn(), 60);
    assert_eq!(read(&file.bytes).0, [(1.0, 60, "TCP")]);
}

#[test]
fn pcapng_interfaces_have_their_own_link_type_resolution_and_offset() {
    for order in [Order::Little, Order::Big] {
        let offset = if order == Order::Little { 100_i64.to_le_bytes() } else { 100_i64.to_be_bytes() };
        let mut file = Builder::pcapng(order);
        file.interface(1, &[(2, b"eth0"), (9, &[9])]).interface(101, &[(14, &offset)]).interface(1, &[(9, &[0x8a])]);
        file.enhanced(0, 1_000_500_000_000, &syn()).enhanced(1, 1_000_000_000, &syn()[14..]);
        file.block(5, &[0; 12]).block(0x0bad, b"whatever").enhanced(2, 1024 * 7 + 512, &syn());
        let expected = vec![(1000.5, 54, "TCP"), (1100.0, 40, "TCP"), (7.5, 54, "TCP")];
        assert_eq!(read(&file.bytes), (expected, vec![]), "{order:?}");
    }
}

#[test]
fn a_pcapng_section_starts_anew_in_its_own_byte_order() {
    let mut file = Builder::pcapng(Order::Little);
    file.interface(1, &[]).enhanced(0, 5_000_000, &syn());
    file.order = Order::Big;
    file.section().interface(1, &[(9, &[3])]).enhanced(0, 6_500, &syn());
    assert_eq!(read(&file.bytes), (vec![(5.0, 54, "TCP"), (6.5, 54, "TCP")], vec![]));
    file.section().enhanced(0, 7_000, &syn());
    let error =
        format!("byte {}: expected an interface that the section describes, found 0", file.bytes.len() - (32 + 56) + 8);
    assert_eq!(read(&file.bytes).1, [error]);
}

#[test]
fn a_packet_without_time_is_told_and_passed_over() {
    let mut file = Builder::pcapng(Order::Little);
    file.interface(1, &[]).simple(&syn()).enhanced(0, 1_000_000, &syn());
    let (packets, errors) = read(&file.bytes);
    assert_eq!(packets, [(1.0, 54, "TCP")]);
    assert_eq!(errors, ["byte 52: a Simple Packet Block carries no time; its packet is left out"]);
}

#[test]
fn a_compressed_capture_is_read_like_a_plain_one() {
    for plain in [pcap_of_syns(50), pcapng_of_syns(50)] {
        let compressed = zstd::encode_all(&plain[..], 3).unwrap();
        assert_eq!(read(&compressed), read(&plain));
        assert_eq!(read(&plain).0.len(), 50);
        let (packets, errors) = read(&compressed[..compressed.len() - 9]);
        assert!(packets.len() < 50 && errors.len() == 1 && errors[0].ends_with("cannot read on"), "{errors:?}");
    }
}

#[test]
fn a_damage_is_told_with_its_place_after_all_that_was_good() {
    let check = |file: &[u8], packets: usize, expected: &str| {
        let found = read(file);
        assert_eq!((found.0.len(), found.1), (packets, vec![expected.to_owned()]));
    };
    let changed = |mut file: Vec<u8>, at: usize, value: u32| {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        file
    };
    let pcap = pcap_of_syns(3); // 24, then 16 + 54 each
    check(b"", 0, "byte 0: expected a pcap or pcapng file (zstd-compressed or not), found a file that starts with []");
    check(
        b"\x1f\x8b\x08\x00gzip",
        0,
        "byte 0: expected a pcap or pcapng file (zstd-compressed or not), found a file that starts with [1f, 8b, 08, 00]",
    );
    check(&pcap[..20], 0, "byte 4: expected a file header of 20 bytes, but the file ends 16 bytes later");
    check(&pcap[..174], 2, "byte 164: expected a packet header of 16 bytes, but the file ends 10 bytes later");
    check(&pcap[..180], 2, "byte 180: expected a packet of 54 bytes, but the file ends 0 bytes later");
    check(&pcap[..200], 2, "byte 180: expected a packet of 54 bytes, but the file ends 20 bytes later");
    check(&changed(pcap.clone(), 98, 1_000_000), 1, "byte 98: expected a fraction of a second, found 1000000");
    check(
        &changed(pcap, 102, u32::MAX),
        1,
        "byte 102: expected a captured length within the snap length, found 4294967295",
    );

    let pcapng = pcapng_of_syns(3); // 28, 24, then 88 each
    check(&pcapng[..10], 0, "byte 8: expected the byte order of a section of 4 bytes, but the file ends 2 bytes later");
    check(&pcapng[..143], 1, "byte 140: expected a block header of 8 bytes, but the file ends 3 bytes later");
    check(&pcapng[..200], 1, "byte 148: expected a block of 80 bytes, but the file ends 52 bytes later");
    check(&changed(pcapng.clone(), 8, 7), 0, "byte 8: expected the byte order 1a2b3c4d, found 117440512");
    let length = "the length of a block: a multiple of 4 from 12 bytes to 16 MiB";
    check(&changed(pcapng.clone(), 144, 90), 1, &format!("byte 144: expected {length}, found 90"));
    check(&changed(pcapng.clone(), 144, 1 << 28), 1, &format!("byte 144: expected {length}, found 268435456"));
    check(&changed(pcapng.clone(), 224, 92), 1, "byte 224: expected the length of the block again, found 92");
    check(&changed(pcapng.clone(), 148, 3), 1, "byte 148: expected an interface that the section describes, found 3");
    check(&changed(pcapng, 160, 57), 1, "byte 160: expected a captured length that fits the block, found 57");
}
