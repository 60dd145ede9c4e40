//! What alerts are about is made to happen to a real service, and a real Prometheus raises them; mended, they rest.
//!
//! The rules are ours, with their patience taken out: spans of minutes are seconds.

use super::prometheus::Prometheus;
use crate::kit::{Database, Service, Tables, until};

const SETTINGS: [&str; 5] = [
    "model.path=/nowhere/model.safetensors",
    "audit.interval=200ms",
    "database.lock_timeout=100ms",
    "store.checkpoint_interval=50ms",
    "retry.backoff_max=200ms",
];
const INSERT: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                      SELECT extract(epoch FROM clock_timestamp()), '10.0.0.1', '10.0.1.1', 'UDP', 60 FROM generate_series(1, 10)";

/// Spans of minutes become seconds, and nothing has to last.
fn hasty(rules: &str) -> String {
    let mut text: String = rules
        .lines()
        .filter(|line| !line.trim_start().starts_with("for: "))
        .fold(String::new(), |text, line| text + line + "\n");
    for (patient, hasty) in
        [("[5m]", "[15s]"), ("[10m]", "[15s]"), ("[15m]", "[15s]"), ("[1h]", "[15s]"), ("> 60)", "> 2)")]
    {
        text = text.replace(patient, hasty);
    }
    text
}

/// Waits until the alert fires, or rests.
#[track_caller]
fn until_alert(prometheus: &Prometheus, name: &str, fires: bool) {
    let expression = format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}");
    let firing = || prometheus.query(&expression);
    let what = format!("{name} to {}", if fires { "fire" } else { "rest" });
    let _alerts = until(&what, firing, |alerts| alerts.as_ref().is_ok_and(|alerts| alerts.is_empty() != fires));
}

#[test]
fn alerts_fire_when_what_they_tell_of_happens_and_rest_when_it_is_mended() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &SETTINGS);
    service.until_owner();
    let line = service.until_logged("serving metrics and health over HTTP");
    let Some(prometheus) = Prometheus::start_with(line["address"].as_str().unwrap(), hasty) else { return };
    until_alert(&prometheus, "FlowsentryModelUnknown", true);

    let session = database.session();
    session.execute("BEGIN");
    session.execute(INSERT);
    database.execute(INSERT);
    until_alert(&prometheus, "FlowsentryGapPending", true);
    until_alert(&prometheus, "FlowsentryHolderIdle", true);
    session.execute("COMMIT");
    until_alert(&prometheus, "FlowsentryGapPending", false);
    until_alert(&prometheus, "FlowsentryHolderIdle", false);

    session.execute("BEGIN; LOCK TABLE traffic_data IN ACCESS EXCLUSIVE MODE");
    database.execute(INSERT);
    until_alert(&prometheus, "FlowsentrySinkBlocked", true);
    until_alert(&prometheus, "FlowsentryRestarting", true);
    session.execute("ROLLBACK");
    until_alert(&prometheus, "FlowsentrySinkBlocked", false);
    until_alert(&prometheus, "FlowsentryRestarting", false);

    database.execute(&INSERT.replace("10.0.0.1", "x"));
    until_alert(&prometheus, "FlowsentryPacketsRejected", true);

    database.execute("SELECT setval('raw_packets_id_seq', 1000)");
    database.execute(INSERT);
    let position = || database.number("SELECT position_high FROM flowsentry.checkpoint");
    until("the ids to be consumed", position, |high| *high == 1010);
    database.execute(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
         VALUES (900, extract(epoch FROM clock_timestamp()), '10.0.0.1', '10.0.1.1', 'UDP', 60)",
    );
    until_alert(&prometheus, "FlowsentryAuditMissing", true);

    until_alert(&prometheus, "FlowsentryDown", false);
    service.kill();
    until_alert(&prometheus, "FlowsentryDown", true);
}
