//! Catching up: the whole path on two million packets of the adopted table, against a bare COPY of the same columns.
//!
//! The two alternate in one run, and what is quoted is the ratio of each pair. The floor is psql, thrown away: the server
//! and a C client that does nothing. The whole path counts from the start of the process until the checkpoint holds the
//! last packet; its checkpoint moves every 50 ms here and it polls every 10 ms, so that
//! the end is seen when it comes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use flowsentry::telemetry::clock;
use kit::caught_up::CaughtUp;
use kit::{COLUMNS, Spread, adopt, load, psql, server};

const PACKETS: u32 = 2_000_000;
const ROUNDS: usize = 5;

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
        let whole = CaughtUp::with(&url, PACKETS, &[], |_| ());
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
            println!("where the time goes, seconds: {}", shown(&stages(&whole)));
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

/// Seconds that each stage worked, and that it waited.
fn stages(whole: &CaughtUp) -> Vec<(String, f64)> {
    let busy = whole.metrics.by_label("flowsentry_stage_busy_seconds_sum");
    let waiting = whole.metrics.by_label("flowsentry_stage_wait_seconds_total");
    let of = |figures: Vec<(String, f64)>, what| {
        figures.into_iter().map(move |(stage, seconds)| (format!("{stage} {what}"), seconds))
    };
    of(busy, "busy").chain(of(waiting, "waiting")).collect()
}
