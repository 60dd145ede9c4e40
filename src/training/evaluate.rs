//! How good a model is on labelled captures: per class and per capture, and what it would cost people in false alarms.
//!
//! One capture may hold most of a class's flows, so a class's recall is averaged over the captures that hold it, and its F1
//! is made of that and of the precision over all flows. Flows whose label the model does not have are counted apart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::corpus::{Capture, Corpus, CorpusError, LABELS, LabelledPacket, Split};
use super::examples::{self, Cutting, Example, Examples};
use crate::model::{Model, ModelError};
use crate::verdict::label::Verdict;

/// Packets from which a flow tells something by itself: spoofed floods make tens of thousands of flows of one packet.
pub const PACKETS_OF_A_FULL_FLOW: u64 = 5;

/// The corpus cannot be read, or the model cannot judge.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The model cannot judge.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A model's figures on one split.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Evaluation {
    /// Name of the model.
    pub model_version: String,
    /// The split.
    pub split: &'static str,
    /// Class names in the order of the confusion matrix.
    pub classes: Vec<String>,
    /// Over all flows.
    pub all: Scores,
    /// Over flows of [`PACKETS_OF_A_FULL_FLOW`] packets and more.
    pub full_flows: Scores,
    /// Capture by capture.
    pub captures: Vec<CaptureScore>,
    /// Flows of labels that the model does not have, by label.
    pub left_out: BTreeMap<&'static str, LeftOut>,
    /// Alarms on captures without an attack.
    pub false_alarms: FalseAlarms,
}

/// Figures over some flows.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Scores {
    /// Class by class.
    pub classes: Vec<ClassScore>,
    /// Mean F1 of the classes that have flows.
    pub macro_f1: f64,
    /// Flows by true class (row) and verdict (column).
    pub confusion: Vec<Vec<u64>>,
}

/// Figures of one class.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClassScore {
    /// The class.
    pub class: String,
    /// Flows of the class.
    pub flows: u64,
    /// Captures that hold it.
    pub captures: usize,
    /// Share of the flows with this verdict that are of the class.
    pub precision: f64,
    /// Share of the class's flows with this verdict.
    pub recall: f64,
    /// Mean of the recall over the captures that hold the class.
    pub recall_by_capture: f64,
    /// Harmonic mean of precision and recall by capture.
    pub f1: f64,
}

/// Figures of one class in one capture.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CaptureScore {
    /// Id of the capture.
    pub capture: String,
    /// What the capture is about.
    pub subject: String,
    /// The class.
    pub class: String,
    /// Flows of the class.
    pub flows: u64,
    /// Share of them with the right verdict.
    pub recall: f64,
    /// Share of the capture's flows with this verdict that are of the class.
    pub precision: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Flows of a label that the model does not have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LeftOut {
    /// How many.
    pub flows: u64,
    /// What the model took them for.
    pub verdicts: BTreeMap<String, u64>,
}

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

/// Verdicts on one capture.
struct Judged<'a> {
    capture: &'a Capture,
    rows: Vec<(Example, Verdict)>,
    seconds: f64,
}

/// Judges every flow of a split, cut into windows as the service cuts.
///
/// # Errors
/// [`EvaluateError`] if a capture cannot be read.
pub fn evaluate(model: &Model, corpus: &Corpus, split: Split, window: Duration) -> Result<Evaluation, EvaluateError> {
    let mut judged = Vec::new();
    for capture in corpus.captures(split)? {
        let packets = corpus.packets(capture)?;
        let mut examples = Examples::new(model.features().len());
        examples::append(&mut examples, model.features(), &packets, Cutting::as_served(window), usize::MAX);
        let verdicts = model.classify(&examples.matrix)?;
        let rows = examples.rows.into_iter().zip(verdicts).collect();
        judged.push(Judged { capture, rows, seconds: seconds(&packets).max(window.as_secs_f64()) });
    }
    Ok(summarise(model, split, &judged))
}

fn seconds(packets: &[LabelledPacket]) -> f64 {
    let time = |labelled: &LabelledPacket| labelled.packet.time;
    match (packets.first(), packets.last()) {
        (Some(first), Some(last)) => time(last).since(time(first)).as_secs_f64(),
        _ => 0.0,
    }
}

fn summarise(model: &Model, split: Split, judged: &[Judged<'_>]) -> Evaluation {
    let classes = model.classes().names().to_vec();
    let tallies = |least: u64| -> Vec<(&Capture, Confusion)> {
        judged.iter().map(|judged| (judged.capture, Confusion::of(&classes, judged, least))).collect()
    };
    let (all, full) = (tallies(0), tallies(PACKETS_OF_A_FULL_FLOW));
    Evaluation {
        model_version: model.version().to_string(),
        split: split.name(),
        all: scores(&classes, &all),
        full_flows: scores(&classes, &full),
        captures: all.iter().flat_map(|(capture, confusion)| confusion.captures(capture, &classes)).collect(),
        left_out: left_out(model, judged),
        false_alarms: false_alarms(model, judged),
        classes,
    }
}

/// Flows by true class and verdict.
struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    fn empty(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    fn of(classes: &[String], judged: &Judged<'_>, least_packets: u64) -> Self {
        let mut confusion = Self::empty(classes.len());
        for (example, verdict) in judged.rows.iter().filter(|(example, _)| example.packets >= least_packets) {
            if let Some(class) = classes.iter().position(|class| class == example.label.name()) {
                confusion.0[class][usize::from(verdict.class)] += 1;
            }
        }
        confusion
    }

    fn add(&mut self, other: &Self) {
        for (row, others) in self.0.iter_mut().zip(&other.0) {
            for (count, other) in row.iter_mut().zip(others) {
                *count += other;
            }
        }
    }

    fn flows(&self, class: usize) -> u64 {
        self.0[class].iter().sum()
    }

    fn recall(&self, class: usize) -> f64 {
        ratio(self.0[class][class], self.flows(class))
    }

    fn precision(&self, class: usize) -> f64 {
        ratio(self.0[class][class], self.0.iter().map(|row| row[class]).sum())
    }

    /// Figures of each class that a capture holds.
    fn captures(&self, capture: &Capture, classes: &[String]) -> Vec<CaptureScore> {
        let held = (0..classes.len()).filter(|&class| self.flows(class) > 0);
        held.map(|class| CaptureScore {
            capture: capture.id.clone(),
            subject: capture.subject.clone(),
            class: classes[class].clone(),
            flows: self.flows(class),
            recall: self.recall(class),
            precision: self.precision(class),
            f1: harmonic_mean(self.precision(class), self.recall(class)),
        })
        .collect()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn harmonic_mean(left: f64, right: f64) -> f64 {
    if left + right > 0.0 { 2.0 * left * right / (left + right) } else { 0.0 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn scores(classes: &[String], captures: &[(&Capture, Confusion)]) -> Scores {
    let mut total = Confusion::empty(classes.len());
    for (_, confusion) in captures {
        total.add(confusion);
    }
    let score = |(class, name): (usize, &String)| {
        let holding = captures.iter().filter(|(_, confusion)| confusion.flows(class) > 0);
        let recalls: Vec<f64> = holding.map(|(_, confusion)| confusion.recall(class)).collect();
        let (precision, recall_by_capture) = (total.precision(class), mean(&recalls));
        ClassScore {
            class: name.clone(),
            flows: total.flows(class),
            captures: recalls.len(),
            precision,
            recall: total.recall(class),
            recall_by_capture,
            f1: harmonic_mean(precision, recall_by_capture),
        }
    };
    let scored: Vec<ClassScore> = classes.iter().enumerate().map(score).collect();
    let f1: Vec<f64> = scored.iter().filter(|score| score.flows > 0).map(|score| score.f1).collect();
    Scores { classes: scored, macro_f1: mean(&f1), confusion: total.0 }
}

fn left_out(model: &Model, judged: &[Judged<'_>]) -> BTreeMap<&'static str, LeftOut> {
    let mut left_out = BTreeMap::<&'static str, LeftOut>::new();
    let rows = judged.iter().flat_map(|judged| &judged.rows);
    for (example, verdict) in rows.filter(|(example, _)| model.classes().position(example.label.name()).is_none()) {
        let entry = left_out.entry(example.label.name()).or_default();
        entry.flows += 1;
        *entry.verdicts.entry(model.classes().label(*verdict).to_owned()).or_default() += 1;
    }
    left_out
}

fn false_alarms(model: &Model, judged: &[Judged<'_>]) -> FalseAlarms {
    let mut found = FalseAlarms::default();
    for judged in judged.iter().filter(|judged| judged.capture.is_benign()) {
        let is_alarm = |(_, verdict): &&(Example, Verdict)| model.classes().label(*verdict) != LABELS[0];
        let alarms = judged.rows.iter().filter(is_alarm).count() as u64;
        found.captures += 1;
        found.captures_with_alarm += usize::from(alarms > 0);
        found.flows += judged.rows.len() as u64;
        found.alarms += alarms;
        found.hours += judged.seconds / 3600.0;
    }
    found.per_hour = if found.hours > 0.0 { found.alarms as f64 / found.hours } else { 0.0 };
    found
}

#[cfg(test)]
mod tests;
