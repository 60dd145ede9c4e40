//! Figures of an evaluation as people read them: plain text for a terminal, and a page for a browser.

use std::fmt::Write;

use super::evaluate::{CaptureScore, Evaluation, PACKETS_OF_A_FULL_FLOW, Robustness, Scores};

mod effect;
mod html;
mod markup;
mod pictures;
mod plot;
mod table;

pub use effect::effect;
pub use html::page;

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
    alarms_by_capture(&mut out, evaluation);
    how_soon(&mut out, evaluation);
    how_sure(&mut out, evaluation);
    if let Some(robustness) = &evaluation.robustness {
        when_attacks_change(&mut out, robustness);
    }
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

/// How long after the attack's first packet a capture's class had its first right verdict, and its first right one on a
/// whole window; empty where it is no attack.
pub fn first_right_verdicts(evaluation: &Evaluation, score: &CaptureScore) -> [String; 2] {
    let attack = evaluation.attacks.iter().find(|it| it.capture == score.capture && it.class == score.class);
    attack.map_or_else(Default::default, |attack| {
        [attack.seconds_to_right_verdict, attack.seconds_to_right_final_verdict].map(seconds)
    })
}

/// How long something took, if it ever came to pass.
fn seconds(after: Option<f64>) -> String {
    after.map_or("never".to_owned(), |seconds| format!("{seconds:.0} s"))
}

fn alarms_by_capture(out: &mut String, evaluation: &Evaluation) {
    for capture in evaluation.benign_captures.iter().filter(|capture| capture.alarms > 0) {
        let verdicts: Vec<String> = capture.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
        let figures = format!("{:>7.1} an hour: {}", capture.per_hour, verdicts.join(", "));
        line(out, &format!("{:34} {figures}", capture.capture));
    }
}

fn how_soon(out: &mut String, evaluation: &Evaluation) {
    let cells =
        |cells: &mut dyn Iterator<Item = String>| cells.fold(String::new(), |text, cell| format!("{text} {cell:>9}"));
    line(out, "\nrecall so many seconds into an attack, averaged over captures (captures recognised by then)");
    for curve in &evaluation.prefixes {
        let at = cells(&mut curve.points.iter().map(|point| format!("{} s", point.seconds)));
        let recall = cells(&mut curve.points.iter().map(|point| format!("{:.3}", point.recall)));
        let recognised = cells(&mut curve.points.iter().map(|point| format!("({})", point.recognised)));
        line(out, &format!("{:14}{at}\n{:14}{recall}", curve.class, ""));
        line(out, &format!("{:14}{recognised}", format!("of {}", curve.captures)));
    }
    line(out, "\nfrom an attack's first packet to its first right verdict, and to its first on a whole window");
    for attack in &evaluation.attacks {
        let after = [attack.seconds_to_right_verdict, attack.seconds_to_right_final_verdict].map(seconds);
        line(out, &format!("{:34} {:14} {:>7} {:>7}", attack.capture, attack.class, after[0], after[1]));
    }
}

fn how_sure(out: &mut String, evaluation: &Evaluation) {
    let reliability = &evaluation.reliability;
    let errors = format!("{:.3}, {:.3} over flows", reliability.ece, reliability.ece_over_flows);
    line(out, &format!("\nexpected calibration error: {errors}"));
    line(out, "average precision, captures weighing the same");
    for curve in &evaluation.precision_recall {
        line(out, &format!("{:14} {:.3}", curve.class, curve.average_precision));
    }
}

fn when_attacks_change(out: &mut String, robustness: &Robustness) {
    line(out, "\nrecall by capture when attacks change (captures recognised at least once)");
    for changed in &robustness.changes {
        line(out, &changed.change);
        for class in &changed.classes {
            let counts = format!("({} of {})", class.recognised, class.captures);
            line(out, &format!("  {:14} {:.3} {counts}", class.class, class.recall_by_capture));
        }
    }
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
    line(out, &format!("macro-F1 {:.3} over the classes of the existing system", scores.macro_f1_existing));
}

fn confusion(out: &mut String, evaluation: &Evaluation) {
    let cells = |cells: &[String]| cells.iter().fold(String::new(), |text, cell| format!("{text} {cell:>13}"));
    line(out, &format!("{:14}{}", "", cells(&evaluation.classes)));
    for (class, row) in evaluation.classes.iter().zip(&evaluation.all.confusion) {
        let row: Vec<String> = row.iter().map(u64::to_string).collect();
        line(out, &format!("{class:14}{}", cells(&row)));
    }
}
