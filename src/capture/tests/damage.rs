//! Whatever a file holds: no panic, an end, and at most one final error.

use proptest::prelude::*;

use super::build::{pcap_of_syns, pcapng_of_syns};
use crate::capture::network::decode;
use crate::capture::{CapturedPacket, rows};

/// The packets of a file. No file of this size has more rows than bytes; only the last may be a final error.
fn read(file: &[u8]) -> Vec<CapturedPacket> {
    let rows: Vec<_> = rows(file).take(file.len() + 2).collect();
    assert!(rows.len() <= file.len() + 1, "{} rows of {} bytes", rows.len(), file.len());
    let finals = rows.iter().filter(|row| row.as_ref().is_err_and(|error| !error.skips_one_packet())).count();
    let last_is_final = rows.last().is_some_and(|row| row.as_ref().is_err_and(|error| !error.skips_one_packet()));
    assert!(finals == 0 || (finals == 1 && last_is_final));
    rows.into_iter().filter_map(Result::ok).collect()
}

proptest! {
    #[test]
    fn random_bytes_end_without_panic(
        magic in prop::sample::select(vec![
            &[][..], b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a", b"\x28\xb5\x2f\xfd",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
        ]),
        random in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        read(&[magic, &random].concat());
    }

    #[test]
    fn a_damaged_file_gives_what_stands_before_the_damage(
        is_pcapng: bool,
        is_compressed: bool,
        changes in prop::collection::vec((0_usize..2000, any::<u8>()), 0..4),
        cut in 0_usize..2000,
    ) {
        let good = if is_pcapng { pcapng_of_syns(20) } else { pcap_of_syns(20) };
        let good = if is_compressed { zstd::encode_all(&good[..], 1).unwrap() } else { good };
        let mut damaged = good.clone();
        damaged.truncate(cut);
        for (at, value) in changes.iter().filter(|(at, _)| *at < cut.min(good.len())) {
            damaged[*at] = *value;
        }
        let intact = good.iter().zip(&damaged).take_while(|(left, right)| left == right).count();
        let (expected, found) = (read(&good[..intact]), read(&damaged));
        if !is_compressed {
            prop_assert_eq!(&found[..expected.len().min(found.len())], &expected[..]);
        }
    }

    #[test]
    fn every_frame_of_every_link_type_is_a_row(link_type: u16, frame in prop::collection::vec(any::<u8>(), 0..200)) {
        for link_type in [0, 1, 9, 101, 108, 113, 276, link_type] {
            decode(link_type, &frame);
        }
    }

    #[test]
    fn frames_that_begin_well_and_go_on_at_random_are_rows(
        ether_type in prop::sample::select(vec![[8, 0], [8, 6], [0x86, 0xdd], [0x81, 0], [0x88, 0x64]]),
        protocol in prop::sample::select(vec![0_u8, 1, 6, 17, 43, 44, 58, 60]),
        mut rest in prop::collection::vec(any::<u8>(), 41..300),
    ) {
        rest[0] = 0x45;
        rest[6..8].copy_from_slice(&[protocol, 0]);
        rest[9] = protocol;
        decode(1, &[&[0; 12][..], &ether_type, &rest].concat());
    }
}
