//! Clocks that jump by a day: the sniffer's, back and forth, and the one of the machine that the service runs on.

use std::fs;
use std::path::Path;

use crate::kit::{Database, Service, Sums, Tables, assert_flows_equal_group_by, sums, until};

const DAY: i64 = 86_400;

fn insert(database: &Database, from: i64, source: u32) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT {from} + g, '10.0.0.{source}', '10.0.0.2', 'TCP', 60 FROM generate_series(0, 49) g"
    ));
}

#[test]
fn a_sniffer_whose_clock_jumps_back_and_forth_loses_nothing() {
    let database = Database::new(Tables::Adopted);
    let settings = ["store.checkpoint_interval=20ms", "ingest.poll_interval=10ms", "window.idle_timeout=300ms"];
    let service = Service::start(&database, &settings);
    let watermark = || database.number("SELECT watermark FROM flowsentry.checkpoint");
    let mut last = 0;
    for (round, jump) in (1..).zip([0, -DAY, 0, DAY, 0, -DAY, DAY, 0, 2 * DAY, 10]) {
        insert(&database, 1_700_000_000 + jump, 1);
        let read = || database.number("SELECT position_high FROM flowsentry.checkpoint");
        until("the packets to be read", read, |high| *high == round * 50);
        let now = watermark();
        assert!(now >= last, "the watermark receded from {last} to {now}");
        last = now;
    }
    let all = until("every packet to be stored", || sums(&database), Sums::agree);
    assert_eq!((all.stored, all.rejected), (500, 0));
    assert!(watermark() >= last);
    assert_flows_equal_group_by(&database);
    assert!(service.metric("flowsentry_packets_late_total") >= 200.0, "the jumps made honest packets late");
}

/// From Debian's package `faketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[test]
fn our_own_clock_may_jump_by_a_day() {
    if !Path::new(FAKETIME).exists() {
        println!("skipped: {FAKETIME} is not installed");
        return;
    }
    let database = Database::new(Tables::Adopted);
    let directory = tempfile::tempdir().unwrap();
    let clock = directory.path().join("clock");
    let set = |offset: &str| {
        fs::write(directory.path().join("new"), offset).unwrap();
        fs::rename(directory.path().join("new"), &clock).unwrap();
    };
    set("+0d");
    let environment = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Steps of the wall clock; the one that measures spans never steps.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let settings = ["store.checkpoint_interval=20ms", "ingest.poll_interval=10ms", "window.length=3s"];
    let service = Service::start_with(&database, &settings, &environment);
    for (round, offset) in (1..).zip(["+1d", "-1d", "+1d", "+0d"]) {
        set(offset);
        // Old windows, and the present one, which ends only when the database's clock says so.
        insert(&database, 1_700_000_000 + round * 60, 1);
        database.execute(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
             SELECT extract(epoch FROM clock_timestamp()), '10.0.0.3', '10.0.0.2', 'TCP', 60",
        );
        let read = || database.number("SELECT position_high FROM flowsentry.checkpoint");
        until("the packets to be read", read, |high| *high == round * 51);
        let early = "SELECT count(*) FROM traffic_data WHERE window_end > clock_timestamp()";
        assert_eq!(database.number(early), 0, "a window was closed before its end");
    }
    let all = until("every packet to be stored", || sums(&database), Sums::agree);
    assert_eq!((all.stored, all.rejected), (204, 0));
    // It did see the steps: rows are stamped by its clock.
    let stamped = |when: &str| database.number(&format!("SELECT count(*) FROM traffic_data WHERE created_at {when}"));
    assert!(stamped("> now() + interval '12 hours'") > 0, "the clock never went ahead");
    assert!(stamped("< now() - interval '12 hours'") > 0, "the clock never went back");
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0);
}
