//! Each promise, kept and broken.

use super::*;
use crate::flow::key::Protocol;
use crate::flow::packet::TcpFlags;
use crate::flow::time::EventTime;
use std::net::IpAddr;

const LENGTH: Duration = Duration::from_secs(30);

fn packet(seconds: i64, source: u8, length: u32) -> Packet {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    Packet {
        time: EventTime::from_micros(seconds * 1_000_000).unwrap(),
        key: FlowKey { source: address(source), destination: address(99), protocol: Protocol::Udp },
        length,
        source_port: 1,
        destination_port: 2,
        tcp_flags: TcpFlags::NONE,
        arp: None,
        dns: None,
    }
}

/// A row of these packets, which are of one flow and window.
fn row(packets: &[Packet], revision: i64) -> (Window, FlowKey, i64, Statistics) {
    let mut statistics = Statistics::default();
    for packet in packets {
        statistics.fold(packet);
    }
    (Tumbling::new(LENGTH).window_of(packets[0].time), packets[0].key, revision, statistics)
}

fn stored(rows: &[(Window, FlowKey, i64, Statistics)]) -> impl Iterator<Item = StoredFlow<'_>> {
    rows.iter().map(|(window, key, revision, statistics)| StoredFlow {
        window: *window,
        key: *key,
        revision: *revision,
        statistics,
    })
}

#[test]
fn every_row_is_in_exactly_one_place() {
    let check = |rows, rejected, stored, open, holds: bool| {
        let sums = Sums { rows, rejected, stored, open, gone: 0 };
        assert_eq!(sums.check().is_ok(), holds, "{sums:?}");
    };
    check(0, 0, 0, 0, true);
    check(10, 1, 7, 2, true);
    check(10, 1, 6, 2, false);
    check(10, 1, 8, 2, false);
    assert!(Sums { rows: 10, stored: 7, gone: 3, ..Sums::default() }.check().is_ok());
}

#[test]
fn a_row_of_the_results_is_there_once() {
    let [a, b] = [packet(1, 1, 60), packet(31, 1, 60)];
    let check = |rows: &[(Window, FlowKey, i64, Statistics)], holds: bool| {
        assert_eq!(each_stored_once(stored(rows)).is_ok(), holds);
    };
    check(&[], true);
    check(&[row(&[a], 0), row(&[b], 0), row(&[a], 3), row(&[a], 4)], true);
    check(&[row(&[a], 0), row(&[b], 0), row(&[a], 0)], false);
    check(&[row(&[a], 3), row(&[a], 3)], false);
}

#[test]
fn stored_rows_are_what_a_grouping_gives() {
    let [a, b, c, other] = [packet(1, 1, 60), packet(2, 1, 80), packet(31, 1, 60), packet(2, 2, 80)];
    let check = |rows: &[(Window, FlowKey, i64, Statistics)], packets: &[Packet], message: &str| {
        let result = equal_to_grouping(stored(rows), packets, LENGTH);
        assert_eq!(result.err().map(|violation| violation.to_string()).unwrap_or_default(), message);
    };
    check(&[], &[], "");
    check(&[row(&[a, b], 0), row(&[c], 0)], &[c, b, a], "");
    check(&[row(&[b], 0), row(&[a], 7), row(&[c], 0)], &[a, b, c], "");
    let flow = "the flow 10.0.0.1 → 10.0.0.99 UDP of the window from 0.000000";
    check(&[row(&[a], 0)], &[a, b], &format!("{flow} has 2 packets, but 1 are stored"));
    check(&[row(&[a], 0), row(&[a], 7)], &[a], &format!("{flow} has 1 packets, but 2 are stored"));
    check(&[row(&[a], 0)], &[], &format!("{flow} has 0 packets, but 1 are stored"));
    check(&[row(&[other], 0)], &[a, other], &format!("{flow} has 1 packets, but 0 are stored"));
    check(&[row(&[a], 0)], &[b], &format!("{flow} is stored with as many packets as it has, 1, but not these"));
}
