//! Alerts in Suricata's form.

use serde_json::{Value as Json, json};

use super::*;

fn event(values: &[(&str, Value)]) -> Json {
    let values = row(&Table::of(What::Alerts), values);
    serde_json::from_slice(&written(What::Alerts, Format::Eve, &[values])).unwrap()
}

fn scan() -> Vec<(&'static str, Value)> {
    vec![
        ("id", Value::Count(7)),
        ("subject", Value::fixed("10.0.0.66")),
        ("subject_kind", Value::fixed("attacker")),
        ("label", Value::fixed("Port Scanning")),
        ("severity", Value::fixed("high")),
        ("state", Value::fixed("open")),
        ("confidence", Value::Real(0.98765)),
        ("first_seen", seconds(1_700_000_000)),
        ("last_seen", seconds(1_700_000_060)),
        ("packets", Value::Count(500)),
        ("bytes", Value::Count(30_000)),
        ("peers", Value::Count(2)),
        ("peer_sample", texts(&["10.0.0.1", "10.0.0.2"])),
        ("ports", Value::Count(1)),
        ("port_sample", Value::Counts(vec![22])),
        ("protocols", texts(&["TCP"])),
    ]
}

#[test]
fn an_attack_is_one_event() {
    let expected = json!({
        "timestamp": "2023-11-14T22:13:20.000000+0000",
        "flow_id": 7,
        "event_type": "alert",
        "src_ip": "10.0.0.66",
        "dest_ip": "10.0.0.1",
        "dest_port": 22,
        "proto": "TCP",
        "flow": { "pkts_toserver": 500, "bytes_toserver": 30_000, "start": "2023-11-14T22:13:20.000000+0000" },
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": 1_947_001,
            "rev": 1,
            "signature": "FLOWSENTRY Port Scanning",
            "category": "Detection of a Network Scan",
            "severity": 2,
            "source": { "ip": "10.0.0.66" },
            "target": { "ip": "10.0.0.1" },
            "metadata": {
                "flowsentry_id": ["7"],
                "flowsentry_subject": ["10.0.0.66"],
                "flowsentry_subject_kind": ["attacker"],
                "flowsentry_severity": ["high"],
                "flowsentry_state": ["open"],
                "flowsentry_confidence": ["0.988"],
                "flowsentry_last_seen": ["2023-11-14T22:14:20.000000Z"],
                "flowsentry_peers": ["2"],
                "flowsentry_peer_sample": ["10.0.0.1", "10.0.0.2"],
                "flowsentry_ports": ["1"],
                "flowsentry_port_sample": ["22"],
                "flowsentry_protocols": ["TCP"],
            },
        },
    });
    assert_eq!(event(&scan()), expected);
}

#[test]
fn a_victim_is_the_destination_and_an_identity_accuses_nobody() {
    let of = |kind: &'static str| {
        let mut values = scan();
        values[2].1 = Value::fixed(kind);
        event(&values)
    };
    let victim = of("victim");
    assert_eq!((&victim["src_ip"], &victim["dest_ip"]), (&json!("10.0.0.1"), &json!("10.0.0.66")));
    assert_eq!(victim["alert"]["target"]["ip"], "10.0.0.66");
    let identity = of("identity");
    assert_eq!(identity["src_ip"], "10.0.0.66");
    assert_eq!((&identity["alert"]["source"], &identity["alert"]["target"]), (&Json::Null, &Json::Null));
}

#[test]
fn labels_of_a_sites_own_have_numbers_that_stay() {
    let number = |label: &str| {
        let mut values = scan();
        values[3].1 = Value::text(label);
        event(&values)["alert"]["signature_id"].as_u64().unwrap()
    };
    assert_eq!(number("Crypto Mining"), number("Crypto Mining"));
    assert_ne!(number("Crypto Mining"), number("Beaconing"));
    for label in ["Crypto Mining", "", "\u{202e}"] {
        assert!((1_948_000..1_958_000).contains(&number(label)), "{label}");
    }
}

#[test]
fn a_name_tells_the_format() {
    let check = |name: &str, what, expected| {
        assert_eq!(Format::of_file(std::path::Path::new(name), what), expected, "{name}");
    };
    check("/var/log/eve.json", What::Alerts, Some(Format::Eve));
    check("site.EVE.json", What::Alerts, Some(Format::Eve));
    check("eve.json", What::Flows, Some(Format::JsonLines));
    check("alerts.json", What::Alerts, Some(Format::JsonLines));
    check("a.b.parquet", What::Flows, Some(Format::Parquet));
    check("a.CSV", What::Flows, Some(Format::Csv));
    check("flows.txt", What::Flows, None);
    check("csv", What::Flows, None);
}

#[test]
fn flows_have_no_such_form() {
    let refused = Writer::begin(Table::of(What::Flows), Format::Eve, Vec::new());
    assert!(matches!(refused, Err(ExportError::NoEveOfFlows)));
}

proptest! {
    #[test]
    fn every_alert_is_a_line(rows in rows(What::Alerts)) {
        let text = String::from_utf8(written(What::Alerts, Format::Eve, &rows)).unwrap();
        prop_assert_eq!(text.matches('\n').count(), rows.len());
        for line in text.lines() {
            let event: Json = serde_json::from_str(line).unwrap();
            prop_assert_eq!(&event["event_type"], "alert");
        }
    }
}
