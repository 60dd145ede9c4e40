//! What early verdicts cost: the whole path with them and without, at 100,000 open flows.
//!
//! The two alternate in one run, each going first in turn, and what is quoted is the ratio of each pair: throughput, and
//! processor time of the service, with ÷ without. Eight million packets of 111,000 pairs of hosts are caught up with, in
//! windows of two minutes: nearly all flows are open nearly all the time, and each look finds nearly all of them touched.
//! A faster source than this there is not, so this is the most that looking can cost. The path is as in catching up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use kit::caught_up::CaughtUp;
use kit::{Session, Spread, adopt, psql, server, traffic};

const PACKETS: u32 = 8_000_000;
/// 1,001 sources with 111 destinations each.
const DESTINATION: &str = "(s * 7 + (random() * 110)::int) % 1000";
const ROUNDS: usize = 5;
/// `early.interval` as it is where nobody sets it.
const DEFAULT: &str = "500ms";

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
            let interval = format!("early.interval={early}");
            let whole = CaughtUp::with(&url, PACKETS, &["window.length=2m", &interval], |_| ());
            report(round, early, &whole);
            whole
        };
        let (with, without) = if round % 2 == 0 {
            let with = of(DEFAULT);
            (with, of("0s"))
        } else {
            let without = of("0s");
            (of(DEFAULT), without)
        };
        assert!(looked_at(&with) > 0.0 && looks(&without) == 0.0, "looks where there are to be some, and nowhere else");
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

fn looks(whole: &CaughtUp) -> f64 {
    whole.metrics.sum("flowsentry_looks_total")
}

fn looked_at(whole: &CaughtUp) -> f64 {
    whole.metrics.sum("flowsentry_flows_looked_at_total")
}

fn report(round: usize, early: &str, whole: &CaughtUp) {
    let CaughtUp { seconds, cpu_seconds, peak_mib, metrics } = whole;
    let stages = metrics.by_label("flowsentry_stage_busy_seconds_sum");
    let busy = |name| stages.iter().find(|(stage, _)| stage == name).map_or(0.0, |(_, seconds)| *seconds);
    // The aggregation finds the flows, the classification judges them.
    let (aggregate, classify) = (busy("aggregate"), busy("classify"));
    let (looks, looked_at) = (looks(whole), looked_at(whole));
    println!(
        "{:>5}  {early:>5}  {seconds:7.2}  {:9.0}  {cpu_seconds:5.2}  {aggregate:11.2}  {classify:10.2}  {peak_mib:8.0}  \
         {looks:5.0}  {looked_at:15.0}",
        if round == 0 { "warm".to_owned() } else { round.to_string() },
        f64::from(PACKETS) / seconds,
    );
}
