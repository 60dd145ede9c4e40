//! Against others on the same rows: the existing system's algorithm, and the SQL that a database engineer would write.
//!
//! A million packets of the adopted table. flowsentry does its whole path; the SQL (`others/engineer.sql`) computes the same
//! statistics in one `INSERT … SELECT … GROUP BY` and has no model; both take turns, and their sums must agree. The existing
//! system's algorithm (`others/existing.py`) takes one window of 30 s; it predicts and inserts flow by flow, so it does that
//! for some flows only, and the time for all of them follows. Its packages are fetched by pip into `target/`; without that
//! it is left out, aloud.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::{Service, Session, Spread, adopt, load, psql, python, server};

const PACKETS: u64 = 1_000_000;
const ROUNDS: usize = 3;
/// Flows that the existing system's algorithm predicts and inserts.
const PREDICTED: &str = "1000";
const LIMIT: Duration = Duration::from_mins(2);
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/others");
const ENGINEER: &str = include_str!("others/engineer.sql");
const BY_SQL: &str = "CREATE TABLE by_sql (
    window_start float8, src_ip varchar, dest_ip varchar, protocol varchar, packet_count bigint, byte_count bigint,
    first_seen timestamptz, last_seen timestamptz, packet_per_sec float8, byte_per_sec float8, gap_mean float8,
    active_seconds bigint, length_min int, length_max int, length_sum_of_squares numeric, tcp_flags text,
    connection_attempts bigint, syn_without_ack_count bigint, syn_ack_count bigint, rst_count bigint, fin_count bigint,
    unique_ports bigint, destination_ports bigint, source_destinations bigint, source_destination_ports bigint,
    destination_sources bigint, reverse_packet_ratio float8)";
/// What must be the same.
const SUMS: &str = "SELECT (count(*), sum(packet_count), sum(byte_count), sum(unique_ports), sum(destination_ports),
    sum(connection_attempts), sum(length_sum_of_squares), sum(active_seconds), sum(source_destinations),
    sum(destination_sources), sum(source_destination_ports), md5(string_agg(DISTINCT tcp_flags, ' ' ORDER BY tcp_flags)))::text FROM";

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    println!("loading {PACKETS} packets …");
    load(&url, PACKETS);
    psql(&url, BY_SQL);
    let session = Session::open(&url);
    let (mut ours, mut engineers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(PACKETS as f64 / flowsentry(&url));
        engineers.push(PACKETS as f64 / engineer(&session));
    }
    let [of_flowsentry, of_sql] =
        ["traffic_data", "by_sql"].map(|table| session.one::<String>(&format!("{SUMS} {table}")));
    assert_eq!(of_flowsentry, of_sql, "the same statistics");
    let ratios = Spread::of(ours.iter().zip(&engineers).map(|(ours, theirs)| ours / theirs));
    let (ours, engineers) = (Spread::of(ours), Spread::of(engineers));
    println!("flowsentry, whole path with model     {} packets/s", ours.shown(0));
    println!(
        "INSERT … SELECT … GROUP BY, no model  {} packets/s; flowsentry is {} times as fast",
        engineers.shown(0),
        ratios.shown(1)
    );
    match python::environment("bench-python", &format!("{HERE}/requirements.txt")) {
        Ok(python) => existing(&python, &url, ours.median()),
        Err(reason) => println!("\n!!! LEFT OUT: the existing system's algorithm. {reason} !!!\n"),
    }
}

fn flowsentry(url: &str) -> f64 {
    psql(url, "TRUNCATE traffic_data;\nTRUNCATE flowsentry.checkpoint;\nCHECKPOINT");
    let watch = Session::open(url);
    let position = watch.position();
    let began = clock::now();
    let settings = [
        "window.idle_timeout=100ms",
        "store.checkpoint_interval=50ms",
        "ingest.poll_interval=10ms",
        "retention.keep=0s",
    ];
    let mut service = Service::start(url, &settings);
    while position() < i64::try_from(PACKETS).unwrap()
        || watch.one::<bool>("SELECT settled <> position FROM flowsentry.checkpoint")
    {
        service.check();
        assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = began.elapsed().as_secs_f64();
    service.stop();
    seconds
}

fn engineer(session: &Session) -> f64 {
    session.run("TRUNCATE by_sql; CHECKPOINT");
    let began = clock::now();
    session.run(ENGINEER);
    began.elapsed().as_secs_f64()
}

fn existing(python: &Path, url: &str, ours: f64) {
    let output = Command::new(python).args([&format!("{HERE}/existing.py"), url, PREDICTED]).output().expect("python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [packets, flows, read, group, each] = figures[..] else { panic!("{text}") };
    let seconds = read + group + flows * each;
    let rate = packets / seconds;
    println!(
        "existing system's algorithm           {rate:.0} packets/s; flowsentry is {:.0} times as fast. \
         One window of {packets} packets, {flows} flows: read {read:.1} s, group {group:.1} s, predict and insert {:.1} ms a \
         flow, which {PREDICTED} flows took and all would take",
        ours / rate,
        each * 1e3,
    );
}
