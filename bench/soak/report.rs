//! What came of the soak: a line a sample, a table, a file of figures, a picture, and what is wrong.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::kit::chart::{Axis, Panel, svg};
use super::kit::service::Metrics;
use super::kit::{Session, Spread};
use super::{GROWTH_MAX, Sample, WARM_UP};

pub const HEADER: &str =
    " minute   inserted  memory MiB  CPU %  lag rows  lag s  window delay s  deleted  packets MiB  flows MiB";

pub fn line(sample: &Sample, duration: Duration) -> String {
    format!(
        "{:4.1}/{:<3.0} {:9}  {:10.1}  {:5.1}  {:8}  {:5.2}  {:14.2}  {:7.0}  {:11.0}  {:9.0}",
        sample.seconds / 60.0,
        duration.as_secs_f64() / 60.0,
        sample.inserted,
        sample.memory,
        sample.cpu * 100.0,
        sample.lag_rows,
        sample.lag_seconds,
        sample.window_delay,
        sample.deleted,
        sample.sizes.0,
        sample.sizes.1,
    )
}

/// Memory of the first and the last third, medians, the warm-up left out.
fn thirds(samples: &[Sample]) -> (f64, f64) {
    let whole = samples.last().map_or(0.0, |sample| sample.seconds);
    let from = WARM_UP.as_secs_f64().min(whole / 3.0);
    let warm: Vec<&Sample> = samples.iter().filter(|sample| sample.seconds > from).collect();
    let third = warm.len() / 3;
    let median = |samples: &[&Sample]| Spread::of(samples.iter().map(|sample| sample.memory)).median();
    (median(&warm[..third]), median(&warm[warm.len() - third..]))
}

/// What must not be; nothing if all is well.
pub fn faults(session: &Session, metrics: &Metrics, inserted: u64, samples: &[Sample]) -> Vec<String> {
    let mut faults = Vec::new();
    let rejected = metrics.count("flowsentry_packets_rejected_total");
    let in_flows: i64 = session.one("SELECT coalesce(sum(packet_count), 0)::bigint FROM traffic_data");
    if u64::try_from(in_flows) != Ok(inserted - rejected) {
        faults.push(format!("{inserted} packets were inserted and {rejected} rejected, but {in_flows} are in flows"));
    }
    let read = metrics.count("flowsentry_packets_read_total");
    if read != inserted {
        faults.push(format!("{inserted} packets were inserted, but {read} were read"));
    }
    let twice: i64 = session.one(
        "SELECT count(*) FROM (SELECT FROM traffic_data GROUP BY window_start, src_ip, dest_ip, protocol, revision
         HAVING count(*) > 1) twice",
    );
    if twice > 0 {
        faults.push(format!("{twice} flows are there twice"));
    }
    let errors = metrics.count("flowsentry_errors_total");
    if errors > 0 {
        faults.push(format!("{errors} errors in the log"));
    }
    let (first, last) = thirds(samples);
    if last > first * (1.0 + GROWTH_MAX.0) + GROWTH_MAX.1 {
        faults.push(format!("memory grew from {first:.1} to {last:.1} MiB"));
    }
    faults
}

pub fn show(samples: &[Sample], metrics: &Metrics, inserted: u64, peak: f64, faults: &[String]) {
    let seconds = samples.last().map_or(f64::NAN, |sample| sample.seconds);
    let of = |figure: fn(&Sample) -> f64| Spread::of(samples.iter().map(figure).filter(|figure| figure.is_finite()));
    println!("\n{inserted} packets in {seconds:.0} s, {:.0} a second", inserted as f64 / seconds);
    for name in [
        "flows_stored",
        "windows_stored",
        "packets_rejected",
        "packets_late",
        "ids_dead",
        "early_flushes",
        "retention_rows_deleted",
        "wakeups",
        "notifications",
    ] {
        println!("  {name:24} {:12.0}", metrics.sum(&format!("flowsentry_{name}_total")));
    }
    let (first, last) = thirds(samples);
    println!("memory: first third {first:.1}, last third {last:.1}, peak {peak:.1} MiB");
    println!("{:26} {:>10} {:>10} {:>10}", "", "p50", "p99", "max");
    for (name, spread) in [
        ("lag, rows", of(|sample| sample.lag_rows)),
        ("lag, seconds", of(|sample| sample.lag_seconds)),
        ("window delay, seconds", of(|sample| sample.window_delay)),
        ("CPU, % of a core", of(|sample| sample.cpu * 100.0)),
    ] {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| spread.quantile(share));
        println!("{name:26} {p50:10.2} {p99:10.2} {max:10.2}");
    }
    println!("figures and picture: {}, {}", file("csv").display(), file("svg").display());
    for fault in faults {
        println!("FAULT: {fault}");
    }
    println!("{}", if faults.is_empty() { "all is well: sums equal, no flow twice, memory flat" } else { "not well" });
}

/// After each sample, so that an interrupted soak leaves what it saw.
pub fn save(samples: &[Sample]) {
    let mut csv =
        "seconds,memory_mib,cpu,inserted,lag_rows,lag_seconds,window_delay_seconds,deleted,packets_mib,flows_mib\n"
            .to_owned();
    for s in samples {
        let _ = writeln!(
            csv,
            "{:.1},{:.1},{:.3},{},{},{:.3},{:.3},{},{:.0},{:.0}",
            s.seconds,
            s.memory,
            s.cpu,
            s.inserted,
            s.lag_rows,
            s.lag_seconds,
            s.window_delay,
            s.deleted,
            s.sizes.0,
            s.sizes.1
        );
    }
    fs::write(file("csv"), csv).expect("the file of figures");
    fs::write(file("svg"), picture(samples)).expect("the picture");
}

type Figure = fn(&Sample) -> f64;

fn picture(samples: &[Sample]) -> String {
    let panel = |title: &str, lines: &[(&'static str, Figure)]| {
        let points = |figure: &Figure| {
            let points = samples.iter().map(|sample| (sample.seconds / 60.0, figure(sample)));
            points.filter(|(_, y)| y.is_finite()).collect()
        };
        Panel {
            title: title.to_owned(),
            x: ("minutes", Axis::Linear),
            y: Axis::Linear,
            lines: lines.iter().map(|(name, figure)| (*name, points(figure))).collect(),
        }
    };
    svg(&[
        panel("memory of the service, MiB", &[("", |sample| sample.memory)]),
        panel("lag, seconds", &[("", |sample| sample.lag_seconds)]),
        panel("end of window + 5 s → committed, seconds", &[("", |sample| sample.window_delay)]),
        panel("tables, MiB", &[("packets", |sample| sample.sizes.0), ("flows", |sample| sample.sizes.1)]),
    ])
}

/// `target/soak.…`, beside the directory that this program was built into.
fn file(extension: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(3).unwrap().join(format!("soak.{extension}"))
}
