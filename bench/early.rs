//! What early verdicts cost: the whole path with them and without, at 100,000 open flows.
//!
//! The two alternate in one run, each going first in turn, and what is quoted is the ratio of each pair: throughput, and
//! processor time of the service, with ÷ without. Two million packets of 111,000 pairs of hosts are caught up with, in
//! windows of two minutes: nearly all flows are open nearly all the time, and each look finds nearly all of them touched.
//! A faster source than this there is not, so this is the most that looking can cost. The path is as in catching up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::{Service, Session, Spread, adopt, psql, server, traffic};

const PACKETS: u32 = 2_000_000;
/// 1,001 sources with 111 destinations each.
const DESTINATION: &str = "(s * 7 + (random() * 110)::int) % 1000";
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_mins(2);
const SETTINGS: [&str; 5] = [
    "window.length=2m",
    "window.idle_timeout=1h",
    "store.checkpoint_interval=50ms",
    "ingest.poll_interval=10ms",
    "retention.keep=0s",
];

/// One run of the whole path.
struct Whole {
    seconds: f64,
    cpu_seconds: f64,
    /// Of the aggregation, which finds the flows; and of the classification, which judges them.
    busy: [f64; 2],
    peak_mib: f64,
    looks: f64,
    looked_at: f64,
}

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    println!("loading {PACKETS} packets …");
    psql(&url, &traffic(PACKETS.into(), "(random() * 1000)::int", DESTINATION));

    let (mut throughput, mut cpu) = (Vec::new(), Vec::new());
    println!("round  early  seconds  packets/s  CPU s  aggregate s  classify s  peak MiB  looks  flows looked at");
    for round in 0..=ROUNDS {
        let of = |early: &str| {
            let whole = whole(&url, early);
            report(round, early, &whole);
            whole
        };
        let (with, without) = if round % 2 == 0 {
            let with = of("1s");
            (with, of("0s"))
        } else {
            let without = of("0s");
            (of("1s"), without)
        };
        assert!(with.looked_at > 0.0 && without.looks == 0.0, "looks where there are to be some, and nowhere else");
        if round > 0 {
            throughput.push(without.seconds / with.seconds);
            cpu.push(with.cpu_seconds / without.cpu_seconds);
        }
    }
    let session = Session::open(&url);
    let flows: i64 = session.one("SELECT max(n) FROM (SELECT count(*) n FROM traffic_data GROUP BY window_start) w");
    println!("flows of a window: {flows}");
    println!("throughput, with ÷ without: {}", Spread::of(throughput).shown(3));
    println!("processor time, with ÷ without: {}", Spread::of(cpu).shown(3));
}

fn report(round: usize, early: &str, whole: &Whole) {
    let Whole { seconds, cpu_seconds, busy: [aggregate, classify], peak_mib, looks, looked_at } = whole;
    println!(
        "{:>5}  {early:>5}  {seconds:7.2}  {:9.0}  {cpu_seconds:5.2}  {aggregate:11.2}  {classify:10.2}  {peak_mib:8.0}  \
         {looks:5.0}  {looked_at:15.0}",
        if round == 0 { "warm".to_owned() } else { round.to_string() },
        f64::from(PACKETS) / seconds,
    );
}

fn whole(url: &str, early: &str) -> Whole {
    psql(url, "TRUNCATE traffic_data;\nTRUNCATE flowsentry.checkpoint;\nCHECKPOINT");
    let watch = Session::open(url);
    let position = watch.position();
    let interval = format!("early.interval={early}");
    let settings: Vec<&str> = SETTINGS.into_iter().chain([interval.as_str()]).collect();
    let began = clock::now();
    let mut service = Service::start(url, &settings);
    while position() < i64::from(PACKETS) {
        service.check();
        assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = began.elapsed().as_secs_f64();
    let (cpu_seconds, peak_mib) = (service.cpu_seconds(), service.memory_mib().1);
    let metrics = service.metrics();
    let stages = metrics.by_label("flowsentry_stage_busy_seconds_sum");
    let busy = |name| stages.iter().find(|(stage, _)| stage == name).map_or(0.0, |(_, seconds)| *seconds);
    Whole {
        seconds,
        cpu_seconds,
        busy: [busy("aggregate"), busy("classify")],
        peak_mib,
        looks: metrics.sum("flowsentry_looks_total"),
        looked_at: metrics.sum("flowsentry_flows_looked_at_total"),
    }
}
