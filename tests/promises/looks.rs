//! Open windows are looked at while they fill; what is stored of them is what would be stored without.

use super::kit::{Database, Service, Tables, assert_flows_equal_group_by, assert_verified, model, sums, until};

/// A flow a source from `first` to `last`, of `packets` packets each, around a time of one window.
fn insert(database: &Database, first: u32, last: u32, packets: u32) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
         SELECT 1700000012 + p * 0.01, '10.1.' || s / 250 || '.' || s % 250, '10.0.0.2', 'TCP', 60, 1024 + p, s, 'SYN'
         FROM generate_series({first}, {last}) s, generate_series(1, {packets}) p"
    ));
}

#[test]
fn an_open_window_is_looked_at_again_and_again_and_stored_once() {
    let database = Database::new(Tables::Adopted);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    std::fs::write(&path, model("probes", 2, ["Normal", "Flood"])).unwrap();
    let path = format!("model.path={}", path.display());
    let settings = ["window.idle_timeout=1h", "early.interval=250ms", "ingest.rows_per_batch=100", &path];
    let service = Service::start(&database, &settings);
    service.until_owner();

    let looks = || service.metric(r#"flowsentry_looks_total{result="taken"}"#);
    let looked_at = || service.metric("flowsentry_flows_looked_at_total");
    insert(&database, 1, 500, 1);
    until("all flows to be looked at", looked_at, |flows| *flows >= 500.0);
    let (first, once) = (looks(), looked_at());
    insert(&database, 1, 500, 3);
    until("those that grew to be looked at again", looked_at, |flows| *flows >= once + 500.0);
    assert!(looks() > first);
    assert_eq!((service.metric("flowsentry_open_windows"), sums(&database).stored), (1.0, 0), "nothing is stored yet");

    // A time past the window closes it.
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         VALUES (1700000100, '10.0.0.9', '10.0.0.2', 'UDP', 60)",
    );
    until("the window to be stored", || sums(&database), |sums| sums.stored == 2000);
    assert!(service.stop().success());
    let labels = database
        .query("SELECT predicted_label, count(*)::bigint, sum(packet_count)::bigint FROM traffic_data GROUP BY 1");
    let labels: Vec<(String, i64, i64)> = labels.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(labels, [("Flood".to_owned(), 500, 2000)]);
    finish(&database);
}

/// What is left open is stored by a service that does not look, and all is as it should be.
fn finish(database: &Database) {
    let service = Service::start(database, &["early.interval=0s"]);
    until("the rest to be stored", || sums(database), super::kit::Sums::agree);
    assert_eq!(service.metric(r#"flowsentry_looks_total{result="taken"}"#), 0.0, "switched off");
    assert!(service.stop().success());
    assert_flows_equal_group_by(database);
    assert_verified(database);
}

#[test]
fn looks_between_kills_and_partial_rows_change_nothing_that_is_stored() {
    let database = Database::new(Tables::Adopted);
    let settings = [
        "early.interval=250ms",
        "early.flows_max=50",
        "flows.memory_max=256KiB",
        "store.checkpoint_interval=50ms",
        "ingest.rows_per_batch=64",
    ];
    for round in 0..3 {
        let service = Service::start(&database, &settings);
        service.until_owner();
        let looked_at = || service.metric("flowsentry_flows_looked_at_total");
        insert(&database, round * 400, round * 400 + 700, 2);
        until("a look", looked_at, |flows| *flows > 0.0);
        service.kill();
    }
    finish(&database);
}
