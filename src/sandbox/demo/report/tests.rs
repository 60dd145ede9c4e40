//! What people and machines read.

use std::time::Duration;

use super::super::outcome::Busiest;
use super::*;
use crate::flow::batch::Reason;
use crate::sandbox::{ATTACKS, Planned};

const PLAIN: Paint = Paint { coloured: false };

fn count(label: &str, flows: u64, packets: u64) -> LabelCount {
    LabelCount { label: label.to_owned(), flows, packets }
}

fn outcome() -> Outcome {
    let time = |seconds| EventTime::from_unix_seconds(seconds).unwrap();
    Outcome {
        planned: Planned {
            rows: 1_203,
            packets: 1_200,
            windows: 1,
            out_of_order: 9,
            late: 7,
            unusable: [(Reason::Time, 1), (Reason::Length, 2)].into(),
        },
        sums: Sums { packets: 1_203, rejected: 3, in_flows: 1_200 },
        labels: vec![count("Normal", 20, 1_000), count("DDoS", 4, 200)],
        attacks: vec![
            AttackFound { attack: &ATTACKS[3], labels: vec![count("DDoS", 3, 150), count("Normal", 1, 1)] },
            AttackFound { attack: &ATTACKS[1], labels: vec![count("Normal", 2, 9)] },
        ],
        bystanders: vec![count("Normal", 15, 30), count("DNS Tunnel", 2, 4), count("DDoS", 1, 1)],
        windows: vec![WindowStored {
            start: time(1_700_000_010.0),
            end: time(1_700_000_040.0),
            flows: 24,
            packets: 1_200,
            late: 7,
            delay: 0.7349,
        }],
        rejected: [("length".to_owned(), 2), ("time".to_owned(), 1)].into(),
        late: 7,
        differences: Vec::new(),
        busiest: Busiest { stage: "ingest", seconds: 0.5 },
        replay: Duration::from_secs(10),
        took: Duration::from_millis(15_250),
    }
}

/// Every word of `expected` in a line, in this order, whatever stands between.
#[track_caller]
fn assert_line(text: &str, expected: &[&str]) {
    let has_all = |line: &str| {
        let mut rest = line;
        expected.iter().all(|word| match rest.split_once(word) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    };
    assert!(text.lines().any(has_all), "{expected:?} is in no line of\n{text}");
}

#[test]
fn people_read_labels_attacks_windows_and_sums() {
    let text = as_text(&outcome(), PLAIN);
    assert_line(&text, &["Normal", "20 flows", "1,000 packets"]);
    assert_line(&text, &["SYN flood", "3 of 4 flows labelled DDoS; others: Normal 1"]);
    assert_line(&text, &["port scan", "0 of 2 flows labelled Port Scanning; others: Normal 2"]);
    assert_line(&text, &["everybody else", "3 of 18 flows labelled an attack: DNS Tunnel 2, DDoS 1"]);
    assert_line(&text, &["22:13:30 to 22:14:00 UTC", "24 flows", "1,200 packets (7 of them late)", "0.7 s after"]);
    assert_line(&text, &["1,203 packets in = 1,200 in flows + 3 rejected", "agrees"]);
    assert_line(&text, &["every flow equals a GROUP BY", "agrees"]);
    assert_line(&text, &["rejected: length 2, time 1", "as planned"]);
    assert_line(&text, &["late: 7", "as planned"]);
    assert_line(&text, &["120 packets/s for 10.0 s", "busiest stage: ingest, 5 %"]);
    assert!(!text.contains("NOT") && !text.contains('\x1b'), "{text}");
    assert!(outcome().contradictions().is_empty());
}

#[test]
fn what_does_not_agree_is_said() {
    let check = |spoil: fn(&mut Outcome), line: &[&str], contradiction: Option<&str>| {
        let mut outcome = outcome();
        spoil(&mut outcome);
        assert_line(&as_text(&outcome, PLAIN), line);
        let found = outcome.contradictions();
        assert_eq!(found.len(), usize::from(contradiction.is_some()), "{found:?}");
        assert!(contradiction.is_none_or(|expected| found[0].contains(expected)), "{found:?}");
    };
    check(|it| it.sums.in_flows -= 1, &["DOES NOT AGREE"], Some("1199 in flows and 3 rejected came out"));
    check(|it| it.planned.rows += 1, &["DOES NOT AGREE"], Some("1204 packets were replayed, but 1203"));
    check(|it| it.differences.push("a flow".to_owned()), &["GROUP BY", "DOES NOT AGREE"], Some("a flow"));
    let expected = &["length 2", "planned: length 2, time 1"];
    check(|it| it.rejected.retain(|reason, _| reason != "time"), expected, Some("must be rejected"));
    check(|it| it.late = 8, &["late: 8", "planned: 7"], None); // a matter of speed
}

#[test]
fn machines_read_one_line() {
    let line = as_json(&outcome(), &[("metrics", "http://127.0.0.1:1/metrics".into())]);
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).unwrap();
    let check = |name: &str, expected: Value| assert_eq!(read[name], expected, "{name}");
    check("packets", 1_203.into());
    check("flows", 24.into());
    check("windows", 1.into());
    check("labels", json!({ "Normal": 20, "DDoS": 4 }));
    check("bystanders", json!({ "Normal": 15, "DNS Tunnel": 2, "DDoS": 1 }));
    check("rejected", 3.into());
    check("late", 7.into());
    check("seconds", 15.25.into());
    check("packets_in_flows", 1_200.into());
    check("window_delays_seconds", json!([0.735]));
    check("contradictions", json!([]));
    check("metrics", "http://127.0.0.1:1/metrics".into());
}

#[test]
fn colour_is_for_terminals() {
    let text = as_text(&outcome(), Paint { coloured: true });
    assert!(text.contains("\x1b[1mSums\x1b[0m") && text.contains("\x1b[32magrees\x1b[0m"), "{text:?}");
}
