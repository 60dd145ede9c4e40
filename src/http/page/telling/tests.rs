use serde_json::json;

use super::*;
use crate::http::api::time;
use crate::postgres::queries::AlertRow;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"\u{202e}\u{1b}[2J";

/// An alert whose every text others wrote.
fn alert(kind: &str, peers: i64, reasons: Option<Value>) -> Alert {
    let seen = time::read("2026-03-02T08:00:00Z").unwrap();
    let text = HOSTILE.to_owned();
    Alert::from(AlertRow {
        id: 7,
        source_id: 1,
        subject: "10.0.0.1".parse().unwrap(),
        subject_kind: kind.to_owned(),
        label: text.clone(),
        severity: text.clone(),
        state: "open".to_owned(),
        confidence: 0.9,
        first_seen: seen,
        last_seen: seen,
        detected_at: seen,
        updated_at: seen,
        ended_at: None,
        packets: 1,
        bytes: 60,
        flows: 1,
        windows: 1,
        peers,
        peer_sample: vec!["192.0.2.1".parse().unwrap()],
        ports: 2,
        port_sample: vec![22, 80],
        protocols: vec![text.clone()],
        reasons,
        model_version: Some(text.clone()),
        merged_into: None,
        acknowledged_at: Some(seen),
        acknowledged_by: Some(text.clone()),
        note: Some(text),
    })
}

#[test]
fn an_alert_says_who_does_what_to_whom() {
    let check = |kind: &str, peers: i64, expected: &str| {
        let told = headline(&alert(kind, peers, None)).into_string();
        assert_eq!(told.replace("<bdi dir=\"auto\">", "").replace("</bdi>", ""), expected, "{kind} {peers}");
    };
    check("attacker", 1, "10.0.0.1 attacks 192.0.2.1");
    check("attacker", 254, "10.0.0.1 attacks 254 hosts");
    check("victim", 1, "10.0.0.1 is attacked by 192.0.2.1");
    check("victim", 2300, "10.0.0.1 is attacked by 2,300 hosts");
    check("identity", 1, "Several devices claim to be 10.0.0.1");
}

#[test]
fn what_others_wrote_is_shown_and_no_markup() {
    let reasons = json!({ "features": [{ "sentence": HOSTILE, "contribution": 1.0 }] });
    let told = article(&alert("attacker", 2, Some(reasons)), time::now()).into_string();
    assert!(!told.contains("<img") && !told.contains('\u{202e}') && !told.contains('\u{1b}'), "{told}");
    assert_eq!(told.matches("&lt;img src=x onerror=alert(1)&gt;&quot;\\u{202e}␛[2J").count(), 5, "{told}");
}

#[test]
fn reasons_may_have_any_shape() {
    let check = |reasons: Value, expected: &[(&str, Option<f64>)]| {
        let alert = alert("attacker", 1, Some(reasons));
        let found: Vec<(&str, Option<f64>)> =
            super::reasons(&alert).iter().map(|one| (one.sentence, one.share)).collect();
        assert_eq!(found, expected);
    };
    check(json!(null), &[]);
    check(json!([1]), &[]);
    check(json!({ "features": "x" }), &[]);
    check(json!({ "features": [1, { "sentence": 2 }, { "sentence": "a" }] }), &[("a", None)]);
    check(
        json!({ "features": [{ "sentence": "a", "contribution": 2.0 }, { "sentence": "b", "contribution": -5.0 }], "others": 2.0 }),
        &[("a", Some(0.5)), ("b", None)],
    );
    assert_eq!(way_back(&alert("attacker", 1, Some(json!({ "way_back": { "sentence": "c" } })))), Some("c"));
    assert_eq!(way_back(&alert("attacker", 1, Some(json!({ "way_back": 1 })))), None);
}
