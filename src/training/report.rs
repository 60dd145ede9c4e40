//! Figures of an evaluation as people read them: plain text for a terminal.

use std::fmt::Write;

use super::evaluate::{Evaluation, PACKETS_OF_A_FULL_FLOW, Scores};

/// All figures, for a terminal of 100 columns.
pub fn text(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let heading = format!("model {} on the {} split", evaluation.model_version, evaluation.split);
    line(&mut out, &heading);
    line(&mut out, "\nall flows");
    scores(&mut out, &evaluation.all);
    line(&mut out, &format!("\nflows of {PACKETS_OF_A_FULL_FLOW} packets and more"));
    scores(&mut out, &evaluation.full_flows);
    line(&mut out, "\nverdicts (columns) by true class (rows), all flows");
    confusion(&mut out, evaluation);
    line(&mut out, "\ncapture by capture");
    line(
        &mut out,
        &format!("{:34} {:14} {:>7} {:>9} {:>6} {:>6}", "capture", "class", "flows", "precision", "recall", "F1"),
    );
    for score in &evaluation.captures {
        let figures = format!("{:>7} {:>9.3} {:>6.3} {:>6.3}", score.flows, score.precision, score.recall, score.f1);
        line(&mut out, &format!("{:34} {:14} {figures}", score.capture, score.class));
    }
    for (label, left_out) in &evaluation.left_out {
        let verdicts: Vec<String> = left_out.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
        let text =
            format!("\n{label}, which the model does not have: {} flows: {}", left_out.flows, verdicts.join(", "));
        line(&mut out, &text);
    }
    line(&mut out, &format!("\n{}", false_alarms(evaluation)));
    out
}

/// False alarms in one sentence.
pub fn false_alarms(evaluation: &Evaluation) -> String {
    let found = evaluation.false_alarms;
    format!(
        "false alarms on captures without an attack: {} of {} flows, in {} of {} captures, {:.1} an hour over {:.1} hours",
        found.alarms, found.flows, found.captures_with_alarm, found.captures, found.per_hour, found.hours
    )
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}"); // writing to a string cannot fail
}

fn scores(out: &mut String, scores: &Scores) {
    let heads = ["flows", "captures", "precision", "recall", "by capture", "F1"];
    let [flows, captures, precision, recall, by_capture, f1] = heads;
    let head = format!("{flows:>7} {captures:>8} {precision:>9} {recall:>6} {by_capture:>10} {f1:>6}");
    line(out, &format!("{:14} {head}", "class"));
    for score in &scores.classes {
        let counts = format!("{:>7} {:>8}", score.flows, score.captures);
        let rates = format!(
            "{:>9.3} {:>6.3} {:>10.3} {:>6.3}",
            score.precision, score.recall, score.recall_by_capture, score.f1
        );
        line(out, &format!("{:14} {counts} {rates}", score.class));
    }
    line(out, &format!("macro-F1 {:.3}", scores.macro_f1));
}

fn confusion(out: &mut String, evaluation: &Evaluation) {
    let cells = |cells: &[String]| cells.iter().fold(String::new(), |text, cell| format!("{text} {cell:>13}"));
    line(out, &format!("{:14}{}", "", cells(&evaluation.classes)));
    for (class, row) in evaluation.classes.iter().zip(&evaluation.all.confusion) {
        let row: Vec<String> = row.iter().map(u64::to_string).collect();
        line(out, &format!("{class:14}{}", cells(&row)));
    }
}
