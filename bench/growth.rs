//! How time and memory grow: from 10,000 to 10,000,000 packets, and from 100 to 1,000,000 flows in a window of a million packets.
//!
//! Each point is a run of the release binary over an adopted table that holds just that, from the start of the process until
//! the checkpoint has the last packet. The picture is written to `docs/growth.svg` (another place: the argument).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::chart::{Axis, Panel, svg};
use kit::{Service, Session, adopt, psql, server, traffic};

const PACKETS: [u64; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
const FLOWS: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Packets of the runs that differ in flows; all of one window of an hour.
const PACKETS_OF_FLOWS: u64 = 1_000_000;
const LIMIT: Duration = Duration::from_mins(5);
const PICTURE: &str = "docs/growth.svg";

/// What a run took.
struct Run {
    seconds: f64,
    peak_mib: f64,
}

fn main() {
    let picture = std::env::args().nth(1).unwrap_or_else(|| PICTURE.to_owned());
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    let (s, d) = ("(random() ^ 2 * 1000)::int", "(s * 7 + (random() ^ 3 * 33)::int) % 1000");
    println!("   packets    flows  seconds  packets/s  peak MiB");
    let by_packets: Vec<(f64, Run)> =
        PACKETS.iter().map(|&packets| (packets as f64, run(&url, packets, &traffic(packets, s, d), "30s"))).collect();
    let by_flows: Vec<(f64, Run)> = FLOWS
        .iter()
        .map(|&flows| {
            // So many pairs of hosts, each as often as the others.
            let sql =
                traffic(PACKETS_OF_FLOWS, &format!("(g % {flows} / 1000)::int"), &format!("(g % {flows} % 1000)::int"));
            (flows as f64, run(&url, PACKETS_OF_FLOWS, &sql, "1h"))
        })
        .collect();
    std::fs::write(&picture, drawn(&by_packets, &by_flows)).expect("the picture");
    println!("picture: {picture}");
}

fn run(url: &str, packets: u64, sql: &str, window: &str) -> Run {
    psql(url, "TRUNCATE raw_packets, traffic_data RESTART IDENTITY;\nTRUNCATE flowsentry.checkpoint");
    psql(url, sql);
    let watch = Session::open(url);
    let position = watch.position();
    let window = format!("window.length={window}");
    let began = clock::now();
    let settings = [
        "store.checkpoint_interval=50ms",
        "ingest.poll_interval=10ms",
        "window.idle_timeout=100ms",
        "retention.keep=0s",
        &window,
    ];
    let mut service = Service::start(url, &settings);
    let last = i64::try_from(packets).unwrap();
    let stored = "SELECT coalesce(sum(packet_count), 0)::bigint FROM traffic_data";
    while position() < last || watch.one::<bool>("SELECT settled <> position FROM flowsentry.checkpoint") {
        service.check();
        assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let run = Run { seconds: began.elapsed().as_secs_f64(), peak_mib: service.memory_mib().1 };
    assert_eq!(watch.one::<i64>(stored), last, "packets in flows");
    let flows: i64 = watch.one("SELECT count(*) FROM traffic_data");
    println!("{packets:10} {flows:8} {:8.2} {:10.0} {:9.1}", run.seconds, packets as f64 / run.seconds, run.peak_mib);
    service.stop();
    run
}

fn drawn(by_packets: &[(f64, Run)], by_flows: &[(f64, Run)]) -> String {
    let panel = |title: &str, x, runs: &[(f64, Run)], y: fn(&Run) -> f64, axis| Panel {
        title: title.to_owned(),
        x: (x, Axis::Logarithmic),
        y: axis,
        lines: vec![("", runs.iter().map(|(x, run)| (*x, y(run))).collect())],
    };
    let (packets, flows) = ("packets", "flows of 1M packets");
    svg(&[
        panel("seconds, start of the process included", packets, by_packets, |run| run.seconds, Axis::Logarithmic),
        panel("peak memory, MiB", packets, by_packets, |run| run.peak_mib, Axis::Linear),
        panel("seconds", flows, by_flows, |run| run.seconds, Axis::Linear),
        panel("peak memory, MiB", flows, by_flows, |run| run.peak_mib, Axis::Linear),
    ])
}
