//! What retention costs whoever inserts: commits of eight clients while a million old packets are being deleted from the
//! adopted table, against the same with nothing to delete.
//!
//! The two alternate, each with the table made anew and read by the service to its end; what is quoted is the ratio of each
//! pair. The commits are counted from the moment at which the old packets may go. That some went meanwhile is asserted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::clients::{CLIENTS, commits};
use kit::{Service, Session, Spread, adopt, load, psql, server};

const PACKETS: u64 = 1_000_000;
const ROUNDS: usize = 7;
const SPAN: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_mins(1);
const INSERT: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags) \
                      VALUES (extract(epoch FROM clock_timestamp()), '10.9.0.1', '10.9.0.2', 'TCP', 60, 40000, 443, 'SYN')";

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    println!("{CLIENTS} clients, one row a transaction, {SPAN:?} each; commits/s");
    println!("round  keeping  deleting  ratio  packets deleted");
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let (keeping, kept) = counted(&url, "0s");
        let (deleting, deleted) = counted(&url, "1d");
        assert_eq!(kept, 0);
        assert!(deleted > 0, "nothing was deleted meanwhile");
        ratios.push(deleting / keeping);
        println!("{round:>5}  {keeping:7.0}  {deleting:8.0}  {:5.2}  {deleted:>15}", deleting / keeping);
    }
    println!("deleting ÷ keeping: {}", Spread::of(ratios).shown(2));
}

/// Commits a second, and packets deleted while they were counted.
fn counted(url: &str, keep: &str) -> (f64, u64) {
    psql(url, "TRUNCATE raw_packets RESTART IDENTITY;\nTRUNCATE traffic_data;\nTRUNCATE flowsentry.checkpoint");
    inserted_at(url, "now() AT TIME ZONE 'utc' - interval '2 days'");
    load(url, PACKETS);
    inserted_at(url, "now() AT TIME ZONE 'utc'");
    // A packet of today closes the windows of the old ones.
    psql(url, INSERT);
    let mut service = Service::start(url, &[&format!("retention.keep={keep}"), "retention.interval=100ms"]);
    service.until_ready();
    let session = Session::open(url);
    let began = clock::now();
    let old_are_stored = format!("SELECT coalesce(sum(packet_count), 0) >= {PACKETS} FROM traffic_data");
    while !session.one::<bool>(&old_are_stored) {
        service.check();
        assert!(began.elapsed() < LIMIT, "not stored within {LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = service.metrics().count("flowsentry_retention_rows_deleted_total");
    let rate = commits(url, INSERT, SPAN);
    let deleted = service.metrics().count("flowsentry_retention_rows_deleted_total") - before;
    service.stop();
    (rate, deleted)
}

/// What a packet says of when it was inserted, which is what retention goes by in this table.
fn inserted_at(url: &str, default: &str) {
    psql(url, &format!("ALTER TABLE raw_packets ALTER inserted_at SET DEFAULT ({default})"));
}
