//! What adapting a model changed: the figures before and after, side by side.

use std::fmt::Write;

use crate::training::evaluate::{Evaluation, FalseAlarms, Scores};

/// Recall and precision of each class that has flows, and false alarms; for a terminal.
pub fn effect(before: &Evaluation, after: &Evaluation) -> String {
    let mut out = format!("{:14} {:>7} {:>17} {:>17}\n", "class", "flows", "recall by capture", "precision");
    for (was, is) in before.all.classes.iter().zip(&after.all.classes).filter(|(was, _)| was.flows > 0) {
        let recall = change(was.recall_by_capture, is.recall_by_capture);
        // Writing to a String cannot fail.
        let _ =
            writeln!(out, "{:14} {:>7} {recall:>17} {:>17}", was.class, was.flows, change(was.precision, is.precision));
    }
    let macro_f1 = |scores: &Scores| scores.macro_f1;
    let _ = writeln!(out, "macro-F1 {}", change(macro_f1(&before.all), macro_f1(&after.all)));
    if before.false_alarms.captures > 0 {
        let alarms = |alarms: FalseAlarms| format!("{} in {} captures", alarms.alarms, alarms.captures_with_alarm);
        let (was, is) = (before.false_alarms, after.false_alarms);
        let over = format!("{} flows, {} captures, {:.1} hours", was.flows, was.captures, was.hours);
        let _ =
            writeln!(out, "false alarms on captures without an attack: {} -> {}, of {over}", alarms(was), alarms(is));
    }
    out
}

fn change(before: f64, after: f64) -> String {
    format!("{before:.3} -> {after:.3}")
}
