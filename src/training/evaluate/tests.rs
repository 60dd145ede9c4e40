//! Figures are those one computes by hand.

use super::*;
use crate::model::{Description, Golden, Input, Layer, ModelFile, Transform};
use crate::training::corpus::Label;
use crate::verdict::threshold::Thresholds;

/// A model of two classes; what it computes does not matter here.
fn model() -> Model {
    let input = Input { feature: "rst_share".to_owned(), transform: Transform::None, mean: 0.0, deviation: 1.0 };
    let description = Description {
        format: Description::FORMAT,
        version: "v".to_owned(),
        training_fingerprint: String::new(),
        classes: vec!["Normal".to_owned(), "DDoS".to_owned()],
        hidden: vec![],
        temperature: 1.0,
        thresholds: Thresholds::default(),
        inputs: vec![input],
        golden: Golden { rows: vec![vec![0.0]], probabilities: vec![vec![0.5, 0.5]] },
    };
    let layers = vec![Layer { inputs: 1, outputs: 2, weights: vec![0.0; 2], bias: vec![0.0; 2] }];
    Model::new(&ModelFile { description, layers }).unwrap()
}

fn capture(id: &str, subject: &str) -> Capture {
    Capture { id: id.to_owned(), subject: subject.to_owned(), repo: None, licence: String::new() }
}

/// Rows as (label, packets, verdict).
fn judged<'a>(capture: &'a Capture, seconds: f64, rows: &[(&str, u64, u16)]) -> Judged<'a> {
    let row = |&(label, packets, class): &(&str, u64, u16)| {
        let label = Label::from_name(label).unwrap();
        (Example { label, packets }, Verdict { class, confidence: 1.0 })
    };
    Judged { capture, rows: rows.iter().map(row).collect(), seconds }
}

#[test]
fn figures_are_those_one_computes_by_hand() {
    let (one, two, benign) = (capture("one", "DDoS"), capture("two", "DDoS"), capture("three", "Normal"));
    let rows = [
        judged(&one, 60.0, &[("DDoS", 1, 1), ("DDoS", 1, 1), ("DDoS", 1, 1), ("DDoS", 9, 0), ("Normal", 9, 0)]),
        judged(&two, 60.0, &[("DDoS", 9, 0), ("Slowloris", 9, 1), ("Slowloris", 9, 0), ("Slowloris", 9, 1)]),
        judged(&benign, 1800.0, &[("Normal", 9, 0), ("Normal", 1, 1), ("Normal", 2, 1)]),
    ];
    let found = summarise(&model(), Split::Test, &rows);
    let check = |what: &str, found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{what}: {found}");
    let ddos = &found.all.classes[1];
    assert_eq!((ddos.flows, ddos.captures), (5, 2));
    assert_eq!(found.all.confusion, [[2, 2], [2, 3]]);
    check("precision", ddos.precision, 3.0 / 5.0);
    check("recall", ddos.recall, 3.0 / 5.0);
    check("recall by capture", ddos.recall_by_capture, 0.375);
    check("F1", ddos.f1, 2.0 * 0.6 * 0.375 / 0.975);
    let normal = &found.all.classes[0];
    check("recall by capture of Normal", normal.recall_by_capture, 2.0 / 3.0);
    check("macro-F1", found.all.macro_f1, f64::midpoint(ddos.f1, normal.f1));
    assert_eq!(found.full_flows.confusion, [[2, 0], [2, 0]]);
    check("precision without verdicts", found.full_flows.classes[1].precision, 0.0);

    let slowloris = &found.left_out["Slowloris"];
    assert_eq!((slowloris.flows, slowloris.verdicts["DDoS"], slowloris.verdicts["Normal"]), (3, 2, 1));

    let alarms = found.false_alarms;
    assert_eq!((alarms.captures, alarms.captures_with_alarm, alarms.flows, alarms.alarms), (1, 1, 3, 2));
    check("alarms an hour", alarms.per_hour, 4.0);

    let of_capture = |id: &str, class: &str| {
        found.captures.iter().find(|score| score.capture == id && score.class == class).map(|score| score.recall)
    };
    assert_eq!(of_capture("one", "DDoS"), Some(0.75));
    assert_eq!(of_capture("two", "Normal"), None);
}
