//! An hour at 10,000 packets a second with retention running: are memory and lag flat, and do the sums agree?
//!
//! Two sniffers insert into the adopted table, one ten times a second, the other a batch every two seconds; the traffic is
//! the demo's recordings over and over, a twentieth of it with forged sources, some of it out of order, late, unusable or
//! rolled back. The service is the release binary; packets older than five minutes are deleted all the time. Every five
//! seconds the service is looked at from outside. In the end every packet that was inserted must be in exactly one flow, or
//! rejected.
//!
//! `make soak MINUTES=60`. Figures go to `target/soak.csv`, the picture to `target/soak.svg`. Exit code 1 if sums differ, a
//! flow is there twice, or memory grows beyond [`GROWTH_MAX`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;
#[path = "soak/report.rs"]
mod report;
#[path = "soak/sniffers.rs"]
mod sniffers;

use std::process::ExitCode;
use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::service::Metrics;
use kit::{Service, Session, adopt, server_with};
use sniffers::Sniffers;

const MINUTES: f64 = 60.0;
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// Samples of the start that do not count for memory: the first windows fill it.
const WARM_UP: Duration = Duration::from_mins(3);
/// By how much memory may be higher in the last third than in the first: this share, and so many MiB.
const GROWTH_MAX: (f64, f64) = (0.10, 16.0);
/// For the last windows to be closed, once nothing comes any more.
const END_LIMIT: Duration = Duration::from_mins(3);
/// How long packets are kept, in seconds: a third of a trial, but at least what open windows need; five minutes at most.
const KEEP_SECONDS: (u64, u64) = (80, 300);
/// What the watermark trails behind the newest packet, seconds: the default.
const OUT_OF_ORDERNESS: f64 = 5.0;

/// What was seen from outside at one moment.
struct Sample {
    seconds: f64,
    /// Memory of the service, MiB.
    memory: f64,
    /// Of a core, since the sample before.
    cpu: f64,
    /// Packets that sniffers have committed.
    inserted: u64,
    /// Ids drawn that no checkpoint holds yet: at 10,000 packets/s and a checkpoint a second, 10,000 are none.
    lag_rows: f64,
    /// From the time of the newest packet that was folded until now, seconds.
    lag_seconds: f64,
    /// Between the samples, from the end of a window and the out-of-orderness bound to its commit, mean seconds.
    window_delay: f64,
    /// Packets deleted so far.
    deleted: f64,
    /// Size of the table of packets and of that of flows, MiB.
    sizes: (f64, f64),
}

fn main() -> ExitCode {
    let minutes = std::env::args().nth(1).map_or(MINUTES, |text| text.parse().expect("minutes, such as 60"));
    let duration = Duration::from_secs_f64(minutes * 60.0);
    let server = server_with(&[("max_wal_size", "2GB")]);
    let url = server.url("postgres");
    adopt(&url);
    let session = Session::open(&url);
    let keep = format!("retention.keep={}s", (duration.as_secs() / 3).clamp(KEEP_SECONDS.0, KEEP_SECONDS.1));
    let mut service = Service::start(&url, &[&keep, "retention.interval=10s"]);
    service.until_ready();
    println!("{} packets/s for {minutes} minutes; a line every {SAMPLE_INTERVAL:?}", sniffers::PACKETS_PER_SECOND);
    let sniffers = Sniffers::start(&url, duration);
    let samples = watch(&mut service, &session, &sniffers, duration);
    let inserted = sniffers.join();
    let metrics = until_done(&mut service, &session);
    let peak = service.memory_mib().1;
    let faults = report::faults(&session, &metrics, inserted, &samples);
    report::show(&samples, &metrics, inserted, peak, &faults);
    service.stop();
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn watch(service: &mut Service, session: &Session, sniffers: &Sniffers, duration: Duration) -> Vec<Sample> {
    let begun = clock::now();
    let mut samples: Vec<Sample> = Vec::new();
    let mut before = (0.0, service.cpu_seconds(), 0.0, 0.0);
    println!("{}", report::HEADER);
    while begun.elapsed() < duration {
        let due = SAMPLE_INTERVAL.saturating_mul(u32::try_from(samples.len() + 1).unwrap());
        std::thread::sleep(due.min(duration).saturating_sub(begun.elapsed()));
        service.check();
        let metrics = service.metrics();
        let (seconds, cpu) = (begun.elapsed().as_secs_f64(), service.cpu_seconds());
        let (delay_sum, delay_count) =
            (metrics.sum("flowsentry_window_delay_seconds_sum"), metrics.sum("flowsentry_window_delay_seconds_count"));
        let watermark = metrics.sum("flowsentry_watermark_timestamp_seconds");
        let sample = Sample {
            seconds,
            memory: service.memory_mib().0,
            cpu: (cpu - before.1) / (seconds - before.0),
            inserted: sniffers.committed(),
            lag_rows: session.one::<i64>(LAG_ROWS) as f64,
            lag_seconds: clock::since_epoch().as_secs_f64() - watermark - OUT_OF_ORDERNESS,
            window_delay: (delay_sum - before.2) / (delay_count - before.3),
            deleted: metrics.sum("flowsentry_retention_rows_deleted_total"),
            sizes: (session.one(&size("raw_packets")), session.one(&size("traffic_data"))),
        };
        before = (seconds, cpu, delay_sum, delay_count);
        println!("{}", report::line(&sample, duration));
        samples.push(sample);
        report::save(&samples);
    }
    samples
}

const LAG_ROWS: &str = "SELECT (SELECT last_value FROM raw_packets_id_seq)
    - coalesce((SELECT max(position_high) FROM flowsentry.checkpoint), 0)";

fn size(table: &str) -> String {
    format!("SELECT pg_total_relation_size('{table}')::float8 / 1048576")
}

/// Waits until all is read and no window is open.
fn until_done(service: &mut Service, session: &Session) -> Metrics {
    let deadline = clock::now() + END_LIMIT;
    loop {
        service.check();
        let metrics = service.metrics();
        let read = session.one::<i64>(LAG_ROWS) == 0;
        if read && metrics.sum("flowsentry_open_flows") == 0.0 && metrics.sum("flowsentry_pending_ids") == 0.0 {
            return metrics;
        }
        assert!(clock::now() < deadline, "windows are still open after {END_LIMIT:?}: {}", service.log());
        std::thread::sleep(Duration::from_millis(500));
    }
}
