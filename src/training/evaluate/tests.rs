//! Figures are those one computes by hand.

use super::testing::{about as check, capture, model};
use super::*;
use crate::training::corpus::Label;
use crate::training::kit;
use crate::verdict::label::Verdict;

/// Rows as (label, packets, verdict).
fn judged<'a>(capture: &'a Capture, seconds: f64, rows: &[(&str, u64, u16)]) -> Judged<'a> {
    let flow = |&(label, packets, class): &(&str, u64, u16)| {
        let label = Label::from_name(label).unwrap();
        JudgedFlow { label, packets, verdict: Verdict { class, confidence: 1.0 }, probabilities: vec![0.5, 0.5] }
    };
    Judged { capture, flows: rows.iter().map(flow).collect(), seconds }
}

#[test]
fn figures_are_those_one_computes_by_hand() {
    let (one, two, benign) = (capture("one", "DDoS"), capture("two", "DDoS"), capture("three", "Normal"));
    let rows = [
        judged(&one, 60.0, &[("DDoS", 1, 1), ("DDoS", 1, 1), ("DDoS", 1, 1), ("DDoS", 9, 0), ("Normal", 9, 0)]),
        judged(&two, 60.0, &[("DDoS", 9, 0), ("Slowloris", 9, 1), ("Slowloris", 9, 0), ("Slowloris", 9, 1)]),
        judged(&benign, 1800.0, &[("Normal", 9, 0), ("Normal", 1, 1), ("Normal", 2, 1)]),
    ];
    let found = summarise(&model("rst_share", 0.5), Split::Test, &rows, Vec::new());
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
    let [of_capture] = &found.benign_captures[..] else { panic!("{:?}", found.benign_captures) };
    assert_eq!((of_capture.capture.as_str(), of_capture.flows, of_capture.alarms), ("three", 3, 2));
    assert_eq!(of_capture.verdicts, BTreeMap::from([("DDoS".to_owned(), 2)]));
    check("alarms an hour of the capture", of_capture.per_hour, 4.0);

    let of_capture = |id: &str, class: &str| {
        found.captures.iter().find(|score| score.capture == id && score.class == class).map(|score| score.recall)
    };
    assert_eq!(of_capture("one", "DDoS"), Some(0.75));
    assert_eq!(of_capture("two", "Normal"), None);
}

/// The made-up corpus: in each of its windows sixty ordinary packets go to the host that a flood of sixty goes to.
fn made_up() -> (tempfile::TempDir, Corpus) {
    let directory = tempfile::tempdir().unwrap();
    kit::write_corpus(directory.path());
    let corpus = Corpus::open(directory.path()).unwrap();
    (directory, corpus)
}

const WINDOW: Duration = Duration::from_secs(30);

#[test]
fn the_longest_prefix_is_the_window_and_an_unchanged_attack_the_recording() {
    let (_directory, corpus) = made_up();
    let model = model("destination_packets", 100.0);
    let found = evaluate(&model, &corpus, Split::Test, WINDOW).unwrap();
    check("recall of floods", found.all.classes[1].recall_by_capture, 1.0);
    let [curve] = &found.prefixes[..] else { panic!("{:?}", found.prefixes) };
    let recalls: Vec<f64> = curve.points.iter().map(|point| point.recall).collect();
    assert_eq!(recalls, [0.0, 0.0, 0.0, 0.0, 1.0]);
    // Two packets every half second, the first two at once: the 101st comes at 25 s, and 26 s is the first moment after.
    assert_eq!(found.attacks[0].seconds_to_right_verdict, Some(26.0));

    let changed = robustness(&model, &corpus, Split::Test, WINDOW).unwrap().changes;
    let recall = |change: &str| {
        let changed = changed.iter().find(|changed| changed.change.starts_with(change)).unwrap();
        (changed.classes[0].recall_by_capture, changed.classes[0].recognised)
    };
    assert_eq!(recall("as recorded"), (1.0, 1));
    assert_eq!(recall("padding"), (1.0, 1));
    // Thirty or six packets of the flood in a window instead of sixty.
    assert_eq!(recall("rate ÷ 2"), (0.0, 0));
    assert_eq!(recall("rate ÷ 10"), (0.0, 0));
    // What slips past the end of the recording is alone there.
    let (delayed, recognised) = recall("delays");
    assert!((0.9..1.0).contains(&delayed) && recognised == 1, "{delayed}");
}

#[test]
fn the_json_of_an_evaluation() {
    let (one, two) = (capture("one", "DDoS"), capture("two", "Normal"));
    let rows = [
        judged(&one, 60.0, &[("DDoS", 9, 1), ("DDoS", 1, 0), ("Slowloris", 9, 1)]),
        judged(&two, 3600.0, &[("Normal", 9, 0), ("Normal", 9, 1)]),
    ];
    let attack = Attack {
        capture: "one".to_owned(),
        class: "DDoS".to_owned(),
        seconds_to_right_verdict: Some(2.0),
        seconds_to_right_final_verdict: None,
        prefix_recall: vec![0.0, 0.5, 0.5, 0.5, 0.5],
    };
    let mut found = summarise(&model("rst_share", 0.5), Split::Validation, &rows, vec![attack]);
    let class = ClassRecall { class: "DDoS".to_owned(), captures: 1, recall_by_capture: 0.5, recognised: 1 };
    found.robustness =
        Some(Robustness { changes: vec![Changed { change: "as recorded".to_owned(), classes: vec![class] }] });
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap());
}
