//! Renders what was recorded, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::instrument::SUM;
use super::{ALL, BUILD_INFO, Definition, Kind};

/// From a tenth of a millisecond, a batch, to a minute, more than anything should take.
const BUCKETS: [f64; 17] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const MICROSECONDS: u64 = 1_000_000;

static INSTALLED: OnceLock<Result<Handle, InstallError>> = OnceLock::new();

/// Metrics cannot be recorded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("metrics cannot be recorded: {reason}; this is a bug")]
pub struct InstallError {
    /// What the exporter says.
    pub reason: String,
}

/// Records the metrics of this process from now on, every one of the table known and at zero. The first call installs,
/// later ones return the same handle.
pub fn install() -> Result<Handle, InstallError> {
    INSTALLED.get_or_init(install_once).clone()
}

fn install_once() -> Result<Handle, InstallError> {
    let (recorder, handle) = recorder().map_err(|error| InstallError { reason: error.to_string() })?;
    metrics::set_global_recorder(recorder).map_err(|error| InstallError { reason: error.to_string() })?;
    register_all();
    Ok(handle)
}

fn recorder() -> Result<(PrometheusRecorder, Handle), BuildError> {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder();
    let handle = Handle(recorder.handle());
    Ok((recorder, handle))
}

fn register_all() {
    for definition in ALL {
        definition.register();
    }
    BUILD_INFO.set_with("version", env!("CARGO_PKG_VERSION"), 1.0);
}

/// Reads what was recorded. Clones read the same.
#[derive(Clone, Debug)]
pub struct Handle(PrometheusHandle);

impl Handle {
    /// All metrics in Prometheus' text format (version 0.0.4), in a fixed order.
    pub fn render(&self) -> String {
        let page = self.0.render();
        let mut families: BTreeMap<&str, &str> =
            page.split("\n\n").filter_map(|text| Some((name_of(text)?, text))).collect();
        let mut out = String::with_capacity(page.len());
        for definition in ALL {
            match families.remove(definition.name) {
                Some(text) if definition.kind == Kind::Tally => write_tally(&mut out, text, definition),
                Some(text) => write_family(&mut out, text, definition.kind),
                // A label's first value has not occurred: the help is there all the same.
                None => write_header(&mut out, definition.name, definition.kind, definition.help),
            }
            out.push('\n');
        }
        out
    }

    /// Moves what histograms collected into their buckets. Call every few seconds where nothing scrapes: the raw values
    /// take memory until then.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn name_of(family: &str) -> Option<&str> {
    family.lines().find_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
}

fn write_header(out: &mut String, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter | Kind::TimeCounter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram | Kind::Tally => "histogram",
    };
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n"); // a String takes everything
}

/// Samples by label; the sort is stable, so that the buckets of a histogram stay in order.
fn write_family(out: &mut String, family: &str, kind: Kind) {
    let (comments, mut samples): (Vec<&str>, Vec<&str>) = family.lines().partition(|line| line.starts_with('#'));
    samples.sort_by_key(|sample| first_label(sample));
    for line in comments.into_iter().chain(samples) {
        match line.rsplit_once(' ') {
            Some((name, value)) if kind == Kind::TimeCounter && !line.starts_with('#') => {
                let _ = write!(out, "{name} {}", in_seconds(value)); // a String takes everything
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
}

/// Counters of buckets as a histogram: each bucket counts the lower ones too.
fn write_tally(out: &mut String, family: &str, definition: &Definition) {
    let name = definition.name;
    write_header(out, name, definition.kind, definition.help);
    let Some(label) = &definition.label else { return };
    let sample = |value: &str| {
        let start = format!("{name}{{{}=\"{value}\"}} ", label.name);
        family.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("0")
    };
    let mut packets: u64 = 0;
    for bound in label.values {
        packets = packets.saturating_add(sample(bound).parse().unwrap_or(0));
        let _ = writeln!(out, "{name}_bucket{{{}=\"{bound}\"}} {packets}", label.name); // a String takes everything
    }
    let _ = write!(out, "{name}_sum {}\n{name}_count {packets}\n", in_seconds(sample(SUM)));
}

/// `stage="store"` of a sample; nothing if there is no label or only that of a bucket.
fn first_label(sample: &str) -> &str {
    let labels = sample.split_once('{').map_or("", |(_, labels)| labels);
    let label = labels.split_once("\",").or_else(|| labels.split_once("\"}")).map_or("", |(label, _)| label);
    if label.starts_with("le=") { "" } else { label }
}

fn in_seconds(microseconds: &str) -> String {
    let microseconds: u64 = microseconds.parse().unwrap_or_default();
    format!("{}.{:06}", microseconds / MICROSECONDS, microseconds % MICROSECONDS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::*;
    use super::*;

    /// What is rendered after `record`, by a recorder of its own.
    fn rendered(record: impl FnOnce()) -> String {
        let (recorder, handle) = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            register_all();
            record();
        });
        handle.upkeep();
        handle.render()
    }

    #[test]
    fn every_metric_is_rendered_from_the_start() {
        let page = rendered(|| {}).replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let shown: Vec<&str> = page.lines().filter(|line| !line.contains("_bucket{")).collect();
        insta::assert_snapshot!(shown.join("\n"));
        for definition in ALL {
            assert!(page.contains(&format!("# HELP {} {}\n", definition.name, definition.help)), "{}", definition.name);
        }
    }

    #[test]
    fn what_is_recorded_is_rendered() {
        let page = rendered(|| {
            PACKETS_READ.add(3);
            PACKETS_READ.add(4);
            WAKEUPS.add_with("cause", "fallback", 2);
            PACKETS_REJECTED.add_with("reason", "no \"time\"\n", 1);
            STAGE_WAIT.add_with("stage", "ingest", Duration::from_micros(1_250_001));
            LAG_ROWS.set(2.5);
            STORE_TRANSACTION.record(Duration::from_millis(2));
            STORE_TRANSACTION.record(Duration::from_hours(1));
            STAGE_BUSY.record_with("stage", "store", Duration::from_millis(20));
            PACKET_LATENESS.add(&[5, 0, 3], 4_500_000);
            PACKET_LATENESS.add(&[1, 0, 0, 2], 1);
        });
        let check = |line: &str| assert!(page.lines().any(|rendered| rendered == line), "{line}\nis not in\n{page}");
        check("flowsentry_packets_read_total 7");
        check("flowsentry_wakeups_total{cause=\"fallback\"} 2");
        check("flowsentry_wakeups_total{cause=\"start\"} 0");
        check("flowsentry_packets_rejected_total{reason=\"no \\\"time\\\"\\n\"} 1");
        check("flowsentry_stage_wait_seconds_total{stage=\"ingest\"} 1.250001");
        check("flowsentry_lag_rows 2.5");
        check("flowsentry_store_transaction_seconds_bucket{le=\"0.0025\"} 1");
        check("flowsentry_store_transaction_seconds_bucket{le=\"60\"} 1");
        check("flowsentry_store_transaction_seconds_bucket{le=\"+Inf\"} 2");
        check("flowsentry_stage_busy_seconds_count{stage=\"store\"} 1");
        check("flowsentry_packet_lateness_seconds_bucket{le=\"0\"} 6");
        check("flowsentry_packet_lateness_seconds_bucket{le=\"0.001\"} 6");
        check("flowsentry_packet_lateness_seconds_bucket{le=\"0.01\"} 9");
        check("flowsentry_packet_lateness_seconds_bucket{le=\"+Inf\"} 11");
        check("flowsentry_packet_lateness_seconds_sum 4.500001");
        check("flowsentry_packet_lateness_seconds_count 11");
    }

    #[test]
    fn labels_take_a_bounded_number_of_values() {
        let page =
            rendered(|| (0..1000).for_each(|n| FLOWS_STORED.add_with("label", &format!("{n}{}", "x".repeat(n)), 1)));
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("flowsentry_flows_stored_total{")).collect();
        assert!(lines.len() <= 65, "{}", lines.len());
        assert!(lines.iter().all(|line| line.len() < 128));
        let sum: u64 = lines.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
        assert_eq!(sum, 1000, "none is lost");
        assert!(lines.iter().any(|line| line.starts_with("flowsentry_flows_stored_total{label=\"other\"} 9")));
    }

    #[test]
    fn what_is_set_alone_is_0_everywhere_else() {
        let versions = |set: &[Option<&str>]| {
            let page = rendered(|| set.iter().for_each(|version| SHADOW_INFO.set_only_with("version", *version)));
            let lines = page.lines().filter_map(|line| line.strip_prefix("flowsentry_shadow_info{version="));
            lines.filter(|line| line.ends_with(" 1")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(versions(&[Some("one")]), ["\"one\"} 1"]);
        assert_eq!(versions(&[Some("one"), Some("two")]), ["\"two\"} 1"]);
        assert_eq!(versions(&[Some("one"), Some("two"), Some("one")]), ["\"one\"} 1"]);
        assert_eq!(versions(&[Some("one"), None]), [] as [&str; 0]);
        let many: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(|version| Some(&**version)).collect();
        assert_eq!(versions(&many), ["\"other\"} 1"]);
        assert_eq!(versions(&[&many[..], &[Some("1")]].concat()), ["\"1\"} 1"]);
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for definition in ALL {
            let name = definition.name;
            let counts = matches!(definition.kind, Kind::Counter | Kind::TimeCounter);
            assert!(name.starts_with("flowsentry_"), "{name}");
            assert_eq!(name.ends_with("_total"), counts, "{name}");
            assert!(name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{name}");
            assert!(definition.help.ends_with('.') && !definition.help.contains(['\n', '\\']), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn installing_twice_gives_the_same_handle() {
        let (first, second) = (install().unwrap(), install().unwrap());
        CHECKPOINTS.add(1);
        assert!(!first.render().contains("flowsentry_checkpoints_total 0"));
        assert!(!second.render().contains("flowsentry_checkpoints_total 0"));
    }
}
