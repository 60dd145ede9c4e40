//! `flowsentry compare` sets both services' flows side by side, and tells only faults of the old one that are certain.

use serde_json::{Value, json};

use super::kit::{Database, Service, Tables, until};

const SPAN: [&str; 4] = ["--since", "1700000100", "--until", "1700000400"];

/// Ten packets a second for five minutes and one minute before, to two destinations; the old service stores what came in the
/// half minute before, at each half minute.
fn database(sink: &str) -> (Database, Service) {
    let database = Database::new(Tables::Existing);
    database.execute(
        "ALTER TABLE traffic_data ADD COLUMN created_at timestamp without time zone;
         INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
         SELECT 1700000040 + g * 0.1, '10.0.0.1', '10.0.1.' || 1 + g % 2, 'TCP', 60, 1024, 80, 'ACK' FROM generate_series(0, 3899) g;
         INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length) VALUES (1700000200, 'nobody', '10.0.1.1', 'TCP', 60);
         INSERT INTO traffic_data (dest_ip, packet_count, protocol, predicted_label, created_at)
         SELECT dst_ip, count(*), 'TCP', 'DDoS', to_timestamp((floor(timestamp / 30) + 1) * 30) AT TIME ZONE 'utc'
         FROM raw_packets GROUP BY dst_ip, floor(timestamp / 30)",
    );
    database.migrate(&["--adopt", "--set", sink]);
    let service = Service::start(&database, &[sink, "model.path=/nowhere/model.safetensors", "retention.keep=0s"]);
    let table = sink.trim_start_matches("sink.table=");
    let stored = format!("SELECT sum(packet_count) FROM {table} WHERE source_id IS NOT NULL");
    until("all packets to be stored", || database.number(&stored), |packets| *packets == 3900);
    (database, service)
}

const OTHER: &str = "sink.table=traffic_data_new";

#[track_caller]
fn compare(database: &Database, arguments: &[&str]) -> Value {
    let output = database.command("compare").args(SPAN).arg("--json").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn both_services_are_set_side_by_side_in_tables_of_their_own() {
    let (database, service) = database(OTHER);
    check(&database, &["--set", OTHER, "--old-lag", "30s"]);
    drop(service);
}

#[test]
fn both_services_are_set_side_by_side_in_one_table() {
    let (database, service) = database("sink.table=traffic_data");
    check(&database, &["--old-lag", "30s"]);
    drop(service);
}

#[track_caller]
fn check(database: &Database, arguments: &[&str]) {
    let report = compare(database, arguments);
    assert_eq!(
        (&report["packets"], &report["open"], &report["left_over"]),
        (&json!(3001), &json!(0), &json!(0)),
        "{report:#}"
    );
    assert_eq!(
        (&report["rejected"], &report["flowsentry"]),
        (&json!(1), &json!({ "rows": 20, "packets": 3000 })),
        "{report:#}"
    );
    let old = &report["old"];
    // What it stored at the first moment of the span was before it, what came in the last half minute it stored after it.
    assert_eq!((&old["packets"], &old["rows"]), (&json!(3001), &json!(20)), "{report:#}");
    assert_eq!((&old["packets_least"], &old["packets_most"]), (&json!(2701), &json!(3301)), "{report:#}");
    assert_eq!((&old["lost_at_least"], &old["twice_at_least"]), (&json!(0), &json!(0)), "{report:#}");
    assert_eq!(
        report["labels"][0],
        json!({ "label": "DDoS", "flowsentry": { "rows": 0, "packets": 0 }, "old": { "rows": 20, "packets": 3001 } })
    );
    assert_eq!(report["labels"][1]["label"], "unknown");
    assert_eq!(report["times"].as_array().unwrap().len(), 10, "{report:#}");
    assert_eq!(
        report["times"][0],
        json!({
            "from": "2023-11-14T22:15:00Z", "packets": 300,
            "flowsentry": { "rows": 2, "packets": 300 }, "old": { "rows": 2, "packets": 300 },
        })
    );
    assert_eq!(
        report["destinations"][0],
        json!({
            "dest_ip": "10.0.1.1", "protocol": "TCP",
            "flowsentry": { "packets": 1500, "label": "unknown" }, "old": { "packets": 1501, "label": "DDoS" },
        })
    );

    database.execute(
        "INSERT INTO traffic_data (dest_ip, packet_count, protocol, predicted_label, created_at)
        SELECT dest_ip, packet_count, protocol, predicted_label, created_at + interval '1 second' FROM traffic_data
        WHERE predicted_label = 'DDoS' AND created_at >= '2023-11-14 22:16:00' AND created_at < '2023-11-14 22:17:00'",
    );
    let old = &compare(database, arguments)["old"];
    assert_eq!((&old["lost_at_least"], &old["twice_at_least"]), (&json!(0), &json!(300)), "{old:#}");
    database.execute(
        "DELETE FROM traffic_data WHERE predicted_label = 'DDoS' AND created_at >= '2023-11-14 22:16:00'
        AND created_at < '2023-11-14 22:18:00'",
    );
    let report = compare(database, arguments);
    assert_eq!(
        (&report["old"]["lost_at_least"], &report["old"]["twice_at_least"]),
        (&json!(901), &json!(0)),
        "{report:#}"
    );
    let lines = database.command("compare").args(SPAN).args(arguments).output().unwrap();
    let lines = String::from_utf8_lossy(&lines.stdout).into_owned();
    assert!(
        lines.contains("the service before: at least 901 packets are lost, or stored more than 30s after"),
        "{lines}"
    );
    assert!(lines.contains("flowsentry: every packet of a closed window is in a flow, or rejected"), "{lines}");

    // What flowsentry lost would be left over.
    let sink = if arguments.contains(&OTHER) { "traffic_data_new" } else { "traffic_data" };
    database.execute(&format!(
        "DELETE FROM {sink} WHERE source_id IS NOT NULL AND window_start = to_timestamp(1700000130)"
    ));
    assert_eq!(compare(database, arguments)["left_over"], 300);
}

#[test]
fn what_cannot_be_compared_is_told() {
    let (database, service) = database(OTHER);
    let told = |arguments: &[&str], code: i32, words: &str| {
        let output = database.command("compare").args(["--set", OTHER]).args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(words), "{error}");
    };
    told(&["--old-table", "nowhere"], 78, "there is no table \"public\".\"nowhere\"");
    told(&["--old-table", "raw_packets"], 78, "has no column \"dest_ip\"");
    told(&["--since", "10s"], 64, "no whole window");
    // The first version of the old table does not say when a row was stored.
    database.execute("ALTER TABLE traffic_data DROP COLUMN created_at");
    let report = compare(&database, &["--set", OTHER]);
    assert_eq!(report["left_over"], 0);
    assert_eq!(report["old"]["rows_without_time"], json!({ "rows": 26, "packets": 3901 }), "{report:#}");
    assert_eq!(report["old"]["lost_at_least"], Value::Null, "{report:#}");
    drop(service);
}
