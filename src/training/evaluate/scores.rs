//! Precision, recall and F1: by class and by capture.
//!
//! One capture may hold most of a class's flows, so a class's recall is averaged over the captures that hold it, and its F1
//! is made of that and of the precision over all flows.

use serde::Serialize;

use super::Judged;
use crate::training::corpus::{Capture, LABELS};

/// The classes of the existing system, which labels nothing else: the figure to compare with is made of these.
pub const EXISTING_CLASSES: [&str; 5] = [LABELS[0], LABELS[1], LABELS[2], LABELS[3], LABELS[4]];

/// Figures over some flows.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Scores {
    /// Class by class.
    pub classes: Vec<ClassScore>,
    /// Mean F1 of the classes that have flows.
    pub macro_f1: f64,
    /// Mean F1 of those of [`EXISTING_CLASSES`] that have flows.
    pub macro_f1_existing: f64,
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

/// Flows by true class and verdict.
pub(super) struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    fn empty(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// Of the flows of a capture that have `least_packets` and whose label is a class.
    pub(super) fn of(classes: &[String], judged: &Judged<'_>, least_packets: u64) -> Self {
        let mut confusion = Self::empty(classes.len());
        for flow in judged.flows.iter().filter(|flow| flow.packets >= least_packets) {
            if let Some(class) = classes.iter().position(|class| class == flow.label.name()) {
                confusion.0[class][usize::from(flow.verdict.class)] += 1;
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
    pub(super) fn captures(&self, capture: &Capture, classes: &[String]) -> Vec<CaptureScore> {
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

impl Scores {
    /// Of the confusions of some captures.
    pub(super) fn of(classes: &[String], captures: &[(&Capture, Confusion)]) -> Self {
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
        let macro_f1 = |is_counted: &dyn Fn(&str) -> bool| {
            let counted = scored.iter().filter(|score| score.flows > 0 && is_counted(&score.class));
            mean(&counted.map(|score| score.f1).collect::<Vec<f64>>())
        };
        let macro_f1_existing = macro_f1(&|class| EXISTING_CLASSES.contains(&class));
        Self { macro_f1: macro_f1(&|_| true), macro_f1_existing, classes: scored, confusion: total.0 }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn harmonic_mean(left: f64, right: f64) -> f64 {
    if left + right > 0.0 { 2.0 * left * right / (left + right) } else { 0.0 }
}

/// 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0; // a sum of nothing is −0
    }
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, capture};
    use super::*;

    #[test]
    fn a_mean_of_nothing_is_0_without_a_sign() {
        assert_eq!(mean(&[]).to_bits(), 0.0f64.to_bits());
        assert_eq!(mean(&[1.0, 2.0]).to_bits(), 1.5f64.to_bits());
    }

    #[test]
    fn a_class_that_the_existing_system_lacks_is_in_one_macro_f1_only() {
        let classes = ["Normal", "DDoS", "DNS Tunnel"].map(str::to_owned);
        let confusion = Confusion(vec![vec![8, 2, 0], vec![0, 4, 0], vec![1, 0, 1]]);
        let capture = capture("one", "DDoS");
        let found = Scores::of(&classes, &[(&capture, confusion)]);
        let (normal, ddos, tunnel) = (2.0 * 8.0 / 9.0 * 0.8 / (8.0 / 9.0 + 0.8), 0.8, 2.0 / 3.0);
        about("all", found.macro_f1, (normal + ddos + tunnel) / 3.0);
        about("existing", found.macro_f1_existing, f64::midpoint(normal, ddos));
        assert_eq!(EXISTING_CLASSES[4], "ARP Poisoning");
    }
}
