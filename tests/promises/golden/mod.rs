//! Training and service tell a model the same of the same packets: both are held against one file of features, and that
//! file against the features' formulas in plain SQL.
//!
//! `packets.tsv`: a handshake, a scan, ARP poisoning, DNS, one-way UDP, ICMP. `features.tsv`: every feature of every flow.

mod probe;
mod training;
mod vectors;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::kit::{Database, Service, Tables, sums, until};
use probe::Probe;
use vectors::{Rows, Vectors};

/// How far a confidence may be off: the service adds in single precision, and in another order.
const CONFIDENCE_TOLERANCE: f64 = 2e-5;

#[test]
fn training_reads_the_golden_features_off_the_golden_packets() {
    let (found, expected) = (training::vectors(&Rows::read()), Vectors::read());
    if found == expected {
        return;
    }
    let known: BTreeMap<_, f32> = expected.values().map(|(key, feature, value)| ((key, feature), value)).collect();
    let differing: Vec<String> = found
        .values()
        .filter(|(key, feature, value)| known.get(&(*key, *feature)) != Some(value))
        .map(|(key, feature, value)| format!("{key}: {feature} is {value}, not {:?}", known.get(&(key, feature))))
        .take(20)
        .collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features.tsv");
    fs::write(&file, found.to_text()).unwrap();
    panic!(
        "features are others than golden:\n{}\nIf that is meant: cp {} tests/promises/golden/features.tsv",
        differing.join("\n"),
        file.display(),
    );
}

#[test]
fn the_service_tells_its_model_the_golden_features() {
    let vectors = Vectors::read();
    let probe = Probe::around(&vectors);
    assert_sensitive(&probe, &vectors);
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("probe");
    fs::write(&model, probe.to_bytes(&vectors)).unwrap();

    let database = Database::new(Tables::Adopted);
    let setting = format!("model.path={}", model.display());
    let service =
        Service::start(&database, &["window.idle_timeout=100ms", "store.checkpoint_interval=50ms", setting.as_str()]);
    let rows = Rows::read();
    database.execute(&rows.insert());
    until(
        "all packets to be stored",
        || sums(&database),
        |sums| sums.stored == i64::try_from(rows.rows.len()).unwrap(),
    );
    let stored = database.query(
        "SELECT concat(src_ip, ' > ', dest_ip, ' ', protocol), confidence::float8, model_version::text FROM traffic_data",
    );
    assert_eq!(stored.len(), vectors.flows.len());
    for row in stored {
        let (key, found, version): (String, f64, &str) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(version, "probe");
        let expected = probe.confidence(&vectors.flows[&key]);
        assert!(
            (found - expected).abs() <= CONFIDENCE_TOLERANCE,
            "{key}: confidence is {found}, not {expected}: the service told the model other features than the golden ones"
        );
    }
    drop(service);
}

/// Any feature that was off by a tenth would show in some flow's confidence.
fn assert_sensitive(probe: &Probe, vectors: &Vectors) {
    for (index, feature) in vectors.features.iter().enumerate() {
        let seen = vectors.flows.values().any(|values| {
            let mut other = values.clone();
            other[index] = other[index] * 1.1 + 0.1;
            (probe.confidence(&other) - probe.confidence(values)).abs() > 20.0 * CONFIDENCE_TOLERANCE
        });
        assert!(seen, "{feature} could be another, and nobody would notice");
    }
}

/// By a query that is as long as the catalogue, and shares nothing with the program.
#[test]
fn the_golden_features_are_what_plain_sql_says() {
    let database = Database::new(Tables::Existing);
    database.execute(&Rows::read().insert());
    let rows = database.query(include_str!("independent.sql"));
    let vectors = Vectors::read();
    let golden: BTreeMap<_, f32> = vectors.values().map(|(key, feature, value)| ((key, feature), value)).collect();
    let mut compared = 0;
    for row in &rows {
        let (key, feature, expected): (&str, &str, f64) = (row.get(0), row.get(1), row.get(2));
        let found = f64::from(golden[&(key, feature)]);
        // The entropy of a name is kept in steps of 1/256 bit.
        let tolerance = if feature == "dns_name_entropy" { 1.0 / 256.0 } else { expected.abs() * 1e-6 + 1e-9 };
        assert!((found - expected).abs() <= tolerance, "{key}: {feature} is {found}, by SQL {expected}");
        compared += 1;
    }
    assert!(compared >= 90 * vectors.flows.len(), "only {compared} of {} features", golden.len());
}
