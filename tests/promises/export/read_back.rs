//! Other programs read the same rows: pyarrow, and jq where it is installed.

use serde_json::{Value, json};

use super::*;

const FLOWS: u32 = 5_000;

/// What pyarrow makes of a file.
fn read(python: &Path, file: &Path, text_column: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promises/export/sums.py");
    let output = Command::new(python).arg(script).arg(file).arg(text_column).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What jq makes of a file; `None`, aloud, where there is no jq.
fn jq(filter: &str, file: &Path) -> Option<Value> {
    let Ok(output) = Command::new("jq").args(["--slurp", "--compact-output", filter]).arg(file).output() else {
        println!("skipped: there is no jq");
        return None;
    };
    assert!(output.status.success(), "{}", said(&output));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The same figures by SQL.
fn sums(database: &Database, condition: &str) -> Value {
    let sql = format!(
        "SELECT count(*), sum(packet_count)::bigint, sum(byte_count)::bigint,
             floor(extract(epoch FROM min(start)))::bigint, floor(extract(epoch FROM max(start)))::bigint
         FROM traffic_data, LATERAL (SELECT coalesce(window_start, created_at AT TIME ZONE 'utc')) s (start)
         WHERE {condition}"
    );
    let row = &database.query(&sql)[0];
    let [rows, packets, octets, first, last] = [0, 1, 2, 3, 4].map(|column| row.get::<_, i64>(column));
    let sql = format!("SELECT predicted_label::text, count(*) FROM traffic_data WHERE {condition} GROUP BY 1");
    let labels: serde_json::Map<String, Value> =
        database.query(&sql).iter().map(|row| (row.get(0), row.get::<_, i64>(1).into())).collect();
    json!({ "rows": rows, "packets": packets, "octets": octets, "first": first, "last": last, "labels": labels })
}

#[track_caller]
fn assert_sums(found: &Value, expected: &Value) {
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(found[name], *expected, "{name}");
    }
}

#[test]
fn flows_read_by_another_program_have_the_sums_that_sql_gives() {
    let Some(python) = python() else { return };
    let database = Database::new(Tables::Ours);
    store_flows(&database, FLOWS);
    let export = Export::of(&database);
    let expected = sums(&database, "true");
    for name in ["flows.parquet", "flows.csv", "flows.jsonl"] {
        let file = export.to(name, &[&["flows"][..], &SPAN].concat());
        assert_sums(&read(&python, &file, "flowsentry.protocol"), &expected);
    }
    let file = export.path("flows.jsonl");
    let filter = "{ rows: length, packets: map(.network.packets) | add, octets: map(.network.bytes) | add }";
    if let Some(found) = jq(filter, &file) {
        assert_eq!(found["rows"], expected["rows"]);
        assert_eq!((&found["packets"], &found["octets"]), (&expected["packets"], &expected["octets"]));
    }
}

#[test]
fn only_what_is_asked_for_is_exported() {
    let Some(python) = python() else { return };
    let database = Database::new(Tables::Ours);
    store_flows(&database, FLOWS);
    let export = Export::of(&database);
    let check = |arguments: &[&str], condition: &str| {
        let span: &[&str] = if arguments.contains(&"--since") { &[] } else { &SPAN };
        let file = export.to("some.parquet", &[&["flows", "--force"][..], span, arguments].concat());
        let expected = sums(&database, condition);
        assert_ne!(expected["rows"], 0, "{condition}");
        assert_sums(&read(&python, &file, "flowsentry.protocol"), &expected);
    };
    check(&["--label", "DDoS"], "predicted_label = 'DDoS'");
    check(&["--label", "DDoS", "--label", "Normal"], "predicted_label IN ('DDoS', 'Normal')");
    check(&["--host", "10.1.0.3"], "dest_ip = '10.1.0.3'");
    check(&["--host", "10.0.0.0/29"], "src_ip::inet << '10.0.0.0/29'");
    let half = ["--since", "2026-01-01T01:00:01+01:00", "--until", "2026-01-01T00:00:02Z"];
    check(&half, "window_start >= '2026-01-01 00:00:01Z' AND window_start < '2026-01-01 00:00:02Z'");
}

#[test]
fn the_last_day_is_exported_unless_told_otherwise() {
    let database = Database::new(Tables::Ours);
    database.execute(
        "INSERT INTO traffic_data (src_ip, dest_ip, window_start)
         SELECT '10.0.0.1', '10.0.0.2', now() - i * interval '1 hour' FROM generate_series(1, 40) i",
    );
    let output = Export::of(&database).run(&["flows"]);
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap().lines().count();
    // The one of 24 hours ago is older than that by now.
    assert_eq!(lines, 1 + 23);
}

#[test]
fn a_table_of_the_existing_system_is_exported_with_its_old_rows() {
    let Some(python) = python() else { return };
    let database = Database::new(Tables::Existing);
    // As its ORM left them: before there were windows, and with text as it came.
    database.execute("ALTER TABLE traffic_data ADD created_at timestamp");
    database.execute(
        "INSERT INTO traffic_data (dest_ip, source_mac, packet_count, byte_count, protocol, predicted_label, created_at)
         SELECT '10.1.0.' || i, '02:00:00:00:00:01', i, i * 60, 'TCP', 'Normal', timestamp '2026-01-01 00:00:00' + i * interval '1 s'
         FROM generate_series(1, 100) i",
    );
    let export = Export::of(&database);
    let expected = sums_of_old(&database);
    let before = export.to("before.csv", &[&["flows"][..], &SPAN].concat());
    assert_sums(&read(&python, &before, "destination.ip"), &expected);
    database.migrate(&["--adopt"]);
    store_flows(&database, 50);
    for name in ["after.parquet", "after.csv", "after.jsonl"] {
        let after = export.to(name, &[&["flows"][..], &SPAN].concat());
        assert_sums(&read(&python, &after, "destination.ip"), &sums(&database, "true"));
    }
    let hosts = export.to("host.parquet", &[&["flows", "--host", "10.1.0.96/28"][..], &SPAN].concat());
    assert_eq!(read(&python, &hosts, "destination.ip")["rows"], 5);
}

fn sums_of_old(database: &Database) -> Value {
    let sum = |column: &str| database.number(&format!("SELECT sum({column}) FROM traffic_data"));
    json!({ "rows": 100, "packets": sum("packet_count"), "octets": sum("byte_count"), "labels": { "Normal": 100 } })
}

#[test]
fn hostile_text_survives_and_a_record_stays_a_record() {
    let Some(python) = python() else { return };
    let database = Database::new(Tables::Ours);
    let hostile = [
        "=cmd|' /C calc'!A0",
        "\"quoted\",\r\nsecond line",
        "\u{202e}gpj.exe",
        "\u{1b}[31m\u{1}\u{7f}",
        "<img src=x onerror=alert(1)>",
        "ends with a backslash \\",
    ];
    let long = "é".repeat(64 * 1024);
    for text in hostile.iter().copied().chain([long.as_str()]) {
        let text = text.replace('\'', "''");
        database.execute(&format!(
            "INSERT INTO traffic_data (src_ip, dest_ip, window_start, packet_count, byte_count, predicted_label)
             VALUES ('{text}', '10.0.0.1', '2026-01-01 00:00:01Z', 1, 60, 'Normal')"
        ));
    }
    let export = Export::of(&database);
    let mut expected: Vec<&str> = hostile.iter().copied().chain([long.as_str()]).collect();
    expected.sort_unstable();
    for name in ["flows.parquet", "flows.jsonl"] {
        let file = export.to(name, &[&["flows"][..], &SPAN].concat());
        assert_eq!(read(&python, &file, "source.address")["texts"], json!(expected), "{name}");
    }
    let file = export.to("flows.csv", &[&["flows"][..], &SPAN].concat());
    let found = read(&python, &file, "source.address");
    let mut escaped: Vec<String> = expected
        .iter()
        .map(|text| if text.starts_with('=') { format!("'{text}") } else { (*text).to_owned() })
        .collect();
    escaped.sort();
    assert_eq!((&found["rows"], &found["texts"]), (&json!(expected.len()), &json!(escaped)));
}

#[test]
fn alerts_are_exported_in_the_common_schema_and_as_suricata_has_them() {
    let database = Database::new(Tables::Ours);
    store_alerts(&database);
    let export = Export::of(&database);
    let lines = export.to("alerts.jsonl", &[&["alerts"][..], &SPAN].concat());
    let events = export.to("eve.json", &[&["alerts"][..], &SPAN].concat());
    let sum = |column: &str, condition: &str| {
        database.number(&format!("SELECT sum({column}) FROM flowsentry.alerts WHERE {condition}"))
    };
    let filter = "[length, (map(.network.packets) | add), (map(.network.bytes) | add), (map(.event.kind) | unique)]";
    if let Some(found) = jq(filter, &lines) {
        assert_eq!(found, json!([40, sum("packets", "true"), sum("bytes", "true"), ["alert"]]));
    }
    let told = "state <> 'withdrawn'";
    let filter = "[length, (map(.flow.pkts_toserver) | add), (map(.flow.bytes_toserver) | add), (map(.event_type) | unique),
        (map(select(.src_ip and .dest_ip and .proto == \"TCP\" and .alert.signature_id and .alert.action == \"allowed\")) | length),
        (map(select(.timestamp | test(\"^[0-9-]{10}T[0-9:]{8}[.][0-9]{6}[+]0000$\"))) | length)]";
    if let Some(found) = jq(filter, &events) {
        assert_eq!(found, json!([32, sum("packets", told), sum("bytes", told), ["alert"], 32, 32]));
    }
    if let Some(python) = python() {
        for name in ["alerts.parquet", "alerts.csv"] {
            let file = export.to(name, &[&["alerts"][..], &SPAN].concat());
            let found = read(&python, &file, "flowsentry.note");
            assert_eq!((&found["rows"], &found["packets"]), (&json!(40), &json!(sum("packets", "true"))), "{name}");
        }
    }
    let one = export.run(&[&["alerts", "--format", "jsonl", "--host", "10.0.0.7"][..], &SPAN].concat());
    assert_eq!(String::from_utf8(one.stdout).unwrap().lines().count(), 1);
    let peers = export.run(&[&["alerts", "--format", "jsonl", "--host", "2001:db8::/64"][..], &SPAN].concat());
    assert_eq!(String::from_utf8(peers.stdout).unwrap().lines().count(), 40);
}
