//! What a model would cost people: alarms on captures in which nothing hostile is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Judged;
use crate::verdict::label::{Classes, NORMAL};

/// Alarms on captures without an attack.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct FalseAlarms {
    /// Their captures.
    pub captures: usize,
    /// Captures with an alarm.
    pub captures_with_alarm: usize,
    /// Their flows.
    pub flows: u64,
    /// Flows with a verdict other than Normal.
    pub alarms: u64,
    /// How long they last together; each at least one window.
    pub hours: f64,
    /// Alarms an hour.
    pub per_hour: f64,
}

/// Alarms on one capture without an attack.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct BenignCapture {
    /// Id of the capture.
    pub capture: String,
    /// Its flows.
    pub flows: u64,
    /// Flows with a verdict other than Normal.
    pub alarms: u64,
    /// How long it lasts; at least one window.
    pub hours: f64,
    /// Alarms an hour.
    pub per_hour: f64,
    /// What the alarms say, and how many say it.
    pub verdicts: BTreeMap<String, u64>,
}

/// Capture by capture, in the order given.
pub fn by_capture(classes: &Classes, judged: &[Judged<'_>]) -> Vec<BenignCapture> {
    let benign = judged.iter().filter(|judged| judged.capture.is_benign());
    benign
        .map(|judged| {
            let mut verdicts = BTreeMap::<String, u64>::new();
            for flow in &judged.flows {
                let label = classes.label(flow.verdict);
                if label != NORMAL {
                    *verdicts.entry(label.to_owned()).or_default() += 1;
                }
            }
            let alarms = verdicts.values().sum();
            let hours = judged.seconds / 3600.0;
            let (capture, flows) = (judged.capture.id.clone(), judged.flows.len() as u64);
            BenignCapture { capture, flows, alarms, hours, per_hour: rate(alarms, hours), verdicts }
        })
        .collect()
}

impl FalseAlarms {
    /// Over all captures without an attack.
    pub fn of(captures: &[BenignCapture]) -> Self {
        let mut found = Self::default();
        for capture in captures {
            found.captures += 1;
            found.captures_with_alarm += usize::from(capture.alarms > 0);
            found.flows += capture.flows;
            found.alarms += capture.alarms;
            found.hours += capture.hours;
        }
        found.per_hour = rate(found.alarms, found.hours);
        found
    }
}

fn rate(alarms: u64, hours: f64) -> f64 {
    if hours > 0.0 { alarms as f64 / hours } else { 0.0 }
}
