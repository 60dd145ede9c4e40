//! Catching up: the whole path on two million packets of the adopted table, against a bare COPY of the same columns.
//!
//! The two alternate in one run, and what is quoted is the ratio of each pair. The floor is psql, thrown away: the server
//! and a C client that does nothing. The whole path counts from the start of the process until the checkpoint holds the
//! last packet; its checkpoint moves every 50 ms here and it polls every 10 ms, so that
//! the end is seen when it comes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::{COLUMNS, Service, Session, Spread, adopt, load, psql, server};

const PACKETS: u32 = 2_000_000;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_mins(2);
const SETTINGS: [&str; 4] =
    ["window.idle_timeout=1h", "store.checkpoint_interval=50ms", "ingest.poll_interval=10ms", "retention.keep=0s"];

/// One run of the whole path.
struct Whole {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
    stages: Vec<(String, f64)>,
}

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    println!("loading {PACKETS} packets …");
    load(&url, PACKETS.into());

    let mut ratios = Vec::new();
    println!("round  floor s  whole s  of floor  packets/s  client CPU µs/packet  peak MiB");
    for round in 0..=ROUNDS {
        let floor = floor(&url);
        let whole = whole(&url);
        let ratio = floor / whole.seconds;
        let packets = f64::from(PACKETS);
        println!(
            "{:>5}  {floor:7.2}  {:7.2}  {ratio:8.2}  {:9.0}  {:20.2}  {:8.0}",
            if round == 0 { "warm".to_owned() } else { round.to_string() },
            whole.seconds,
            packets / whole.seconds,
            whole.cpu_seconds / packets * 1e6,
            whole.peak_mib,
        );
        if round > 0 {
            ratios.push(ratio);
        }
        if round == ROUNDS {
            println!("where the time goes, seconds: {}", shown(&whole.stages));
        }
    }
    println!("of floor: {}", Spread::of(ratios).shown(2));
}

fn shown(stages: &[(String, f64)]) -> String {
    stages.iter().map(|(stage, seconds)| format!("{stage} {seconds:.2}")).collect::<Vec<_>>().join(", ")
}

/// Seconds that a bare COPY of the same columns takes, its output thrown away.
fn floor(url: &str) -> f64 {
    let copy = format!("COPY (SELECT {COLUMNS} FROM raw_packets WHERE id > 0 ORDER BY id) TO STDOUT (FORMAT binary)");
    let began = clock::now();
    psql(url, &copy);
    began.elapsed().as_secs_f64()
}

fn whole(url: &str) -> Whole {
    psql(url, "TRUNCATE traffic_data;\nTRUNCATE flowsentry.checkpoint;\nCHECKPOINT");
    let watch = Session::open(url);
    let position = watch.position();
    let began = clock::now();
    let mut service = Service::start(url, &SETTINGS);
    while position() < i64::from(PACKETS) {
        service.check();
        assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = began.elapsed().as_secs_f64();
    let (cpu_seconds, peak_mib) = (service.cpu_seconds(), service.memory_mib().1);
    let metrics = service.metrics();
    let busy = metrics.by_label("flowsentry_stage_busy_seconds_sum");
    let waiting = metrics.by_label("flowsentry_stage_wait_seconds_total");
    let of = |figures: Vec<(String, f64)>, what| {
        figures.into_iter().map(move |(stage, seconds)| (format!("{stage} {what}"), seconds))
    };
    let stages = of(busy, "busy").chain(of(waiting, "waiting")).collect();
    Whole { seconds, cpu_seconds, peak_mib, stages }
}
