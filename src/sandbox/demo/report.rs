//! The outcome of a demo, for people and for machines.

use std::collections::BTreeMap;
use std::fmt::Write;

use indicatif::HumanCount;
use serde_json::{Map, Value, json};

use super::outcome::{AttackFound, LabelCount, Outcome, WindowStored};
use super::paint::Paint;
use super::show::{SPEED, Sums};
use crate::config::Window;
use crate::flow::time::EventTime;
use crate::verdict::label::{NORMAL, UNKNOWN};

/// Labels, attacks, windows and sums, a block each.
pub fn as_text(outcome: &Outcome, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{}", paint.bold("Flows by label"));
    for LabelCount { label, flows, packets } in &outcome.labels {
        let _ = writeln!(text, "  {label:<32}{:>9} flows{:>10} packets", shown(*flows), shown(*packets));
    }
    let _ = writeln!(text, "\n{}", paint.bold("Attacks in the traffic"));
    for found in &outcome.attacks {
        let _ = writeln!(text, "  {}", attack(found, paint));
    }
    let _ = writeln!(text, "  {}", bystanders(&outcome.bystanders, paint));
    let _ = writeln!(text, "\n{}", paint.bold("Windows"));
    for stored in &outcome.windows {
        let _ = writeln!(text, "  {}", window(stored));
    }
    let note = format!(
        "after its end: since the replay had reached it; of that, {:.1} s is the wait for packets out of order",
        Window::default().out_of_orderness.as_secs_f64() / SPEED
    );
    let _ = writeln!(text, "  {}", paint.dim(&note));
    let _ = writeln!(text, "\n{}", paint.bold("Sums"));
    text + &sums(outcome, paint)
}

/// The object that ends `--json`, without a line feed. `more` is added to it.
pub fn as_json(outcome: &Outcome, more: &[(&str, Value)]) -> String {
    let attacks: Vec<Value> = outcome.attacks.iter().map(attack_as_json).collect();
    let delays: Vec<f64> = outcome.windows.iter().map(|window| rounded(window.delay)).collect();
    let mut object = json!({
        "packets": outcome.sums.packets,
        "flows": outcome.flows(),
        "windows": outcome.windows.len(),
        "labels": by_label(&outcome.labels),
        "rejected": outcome.sums.rejected,
        "late": outcome.late,
        "seconds": rounded(outcome.took.as_secs_f64()),
        "packets_in_flows": outcome.sums.in_flows,
        "rejected_by_reason": outcome.rejected,
        "planned": {
            "packets": outcome.planned.rows,
            "windows": outcome.planned.windows,
            "late": outcome.planned.late,
            "rejected_by_reason": outcome.planned_rejected(),
        },
        "attacks": attacks,
        "bystanders": by_label(&outcome.bystanders),
        "window_delays_seconds": delays,
        "replay_seconds": rounded(outcome.replay.as_secs_f64()),
        "busiest_stage": { "name": outcome.busiest.stage, "seconds": rounded(outcome.busiest.seconds) },
        "contradictions": outcome.contradictions(),
    });
    for (name, value) in more {
        object[*name] = value.clone();
    }
    object.to_string()
}

fn attack_as_json(found: &AttackFound) -> Value {
    json!({ "name": found.attack.name, "label": found.attack.label, "flows_by_label": by_label(&found.labels) })
}

fn by_label(counts: &[LabelCount]) -> Map<String, Value> {
    counts.iter().map(|count| (count.label.clone(), count.flows.into())).collect()
}

/// How many of its flows have its label, and what the others have.
fn attack(found: &AttackFound, paint: Paint) -> String {
    let AttackFound { attack, labels } = found;
    let (right, others): (Vec<_>, Vec<_>) = labels.iter().partition(|count| count.label == attack.label);
    let (right, all) = (flows(right), flows(labels));
    let share = format!("{} of {} flows labelled {}", shown(right), shown(all), attack.label);
    let share = if right > 0 { paint.good(&share) } else { paint.odd(&share) };
    format!("{:<32}{share}{}", attack.name, listed("; others: ", &others))
}

/// How many flows of those who attack nobody are labelled an attack.
fn bystanders(labels: &[LabelCount], paint: Paint) -> String {
    let alarms: Vec<_> = labels.iter().filter(|count| ![NORMAL, UNKNOWN].contains(&count.label.as_str())).collect();
    let false_ones = flows(alarms.iter().copied());
    let share = format!("{} of {} flows labelled an attack", shown(false_ones), shown(flows(labels)));
    let share = if false_ones == 0 { paint.good(&share) } else { paint.odd(&share) };
    format!("{:<32}{share}{}", "everybody else", listed(": ", &alarms))
}

fn flows<'a>(counts: impl IntoIterator<Item = &'a LabelCount>) -> u64 {
    counts.into_iter().map(|count| count.flows).sum()
}

fn listed(before: &str, counts: &[&LabelCount]) -> String {
    let counts: Vec<String> = counts.iter().map(|count| format!("{} {}", count.label, shown(count.flows))).collect();
    if counts.is_empty() { String::new() } else { format!("{before}{}", counts.join(", ")) }
}

fn window(stored: &WindowStored) -> String {
    let WindowStored { start, end, flows, packets, late, delay } = *stored;
    let late = if late > 0 { format!(" ({} of them late)", shown(late)) } else { String::new() };
    let span = format!("{} to {} UTC", time_of_day(start), time_of_day(end));
    let (flows, packets) = (shown(flows), shown(packets));
    format!("{span:<32}{flows:>9} flows{packets:>10} packets{late}, stored {delay:.1} s after its end")
}

fn sums(outcome: &Outcome, paint: Paint) -> String {
    let Sums { packets, rejected, in_flows } = outcome.sums;
    let verdict = |holds: bool, well: &str, badly: &str| if holds { paint.good(well) } else { paint.bad(badly) };
    let mut text = String::new();
    let mut line = |left: String, right: String| {
        let _ = writeln!(text, "  {left:<66}{right}"); // writing to a String cannot fail
    };
    let sum = format!("{} packets in = {} in flows + {} rejected", shown(packets), shown(in_flows), shown(rejected));
    line(sum, verdict(outcome.sums.agree() && packets == outcome.planned.rows, "agrees", "DOES NOT AGREE"));
    let differences = outcome.differences.is_empty();
    line("every flow equals a GROUP BY over raw_packets".to_owned(), verdict(differences, "agrees", "DOES NOT AGREE"));
    let planned = outcome.planned_rejected();
    let expected = format!("planned: {}", reasons(&planned));
    line(
        format!("rejected: {}", reasons(&outcome.rejected)),
        verdict(outcome.rejected == planned, "as planned", &expected),
    );
    let late = outcome.planned.late;
    let as_planned = outcome.late == late;
    let right = if as_planned { paint.good("as planned") } else { paint.odd(&format!("planned: {}", shown(late))) };
    line(format!("late: {}", shown(outcome.late)), right);
    let seconds = outcome.replay.as_secs_f64().max(0.001);
    let share = outcome.busiest.seconds / seconds * 100.0;
    let rate = u128::from(packets) * 1000 / outcome.replay.as_millis().max(1);
    let rate = format!("{} packets/s for {seconds:.1} s", shown(u64::try_from(rate).unwrap_or(u64::MAX)));
    line(rate, format!("busiest stage: {}, {share:.0} % of that time", outcome.busiest.stage));
    text
}

fn reasons(rejected: &BTreeMap<String, u64>) -> String {
    let reasons: Vec<String> = rejected.iter().map(|(reason, rows)| format!("{reason} {rows}")).collect();
    if reasons.is_empty() { "nothing".to_owned() } else { reasons.join(", ") }
}

fn shown(count: u64) -> String {
    HumanCount(count).to_string()
}

fn time_of_day(time: EventTime) -> String {
    let seconds = time.micros().div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// To milliseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
