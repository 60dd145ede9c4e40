//! How recall falls when attacks are run to stay unseen: padded, slower, delayed, or among ordinary traffic of the attacker.
//!
//! Each attack capture of a split is changed ([`super::perturb`]), cut into windows as the service cuts, and judged. The
//! ordinary traffic to mix in is that of the split's own captures without an attack, another one for each attack in turn.

use std::time::Duration;

use serde::Serialize;

use super::perturb::Change;
use super::scores::{Confusion, Scores};
use super::{EvaluateError, Judged};
use crate::model::Model;
use crate::training::corpus::{Capture, Corpus, LabelledPacket, Split};
use crate::verdict::label::NORMAL;

/// What is tried, the recording itself first.
const CHANGES: [Change; 6] = [
    Change::Nothing,
    Change::Padding(400),
    Change::Slower(2),
    Change::Slower(10),
    Change::Delays(Duration::from_secs(2)),
    Change::Mixed,
];

/// Drawn anew for each capture, so that a capture more or less changes no other's figures.
const SEED: u64 = 1;

/// Ordinary captures of fewer packets say little.
const ORDINARY_PACKETS_MIN: usize = 300;

/// Recall under each change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Robustness {
    /// Row by row, the unchanged recording first.
    pub changes: Vec<Changed>,
}

/// Figures under one change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Changed {
    /// What was changed.
    pub change: String,
    /// Attack by attack.
    pub classes: Vec<ClassRecall>,
}

/// How much of a class is recognised.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClassRecall {
    /// The class.
    pub class: String,
    /// Captures that hold it.
    pub captures: usize,
    /// Mean of the recall over these.
    pub recall_by_capture: f64,
    /// Captures with at least one right verdict.
    pub recognised: usize,
}

/// Judges the changed attacks of a split.
///
/// # Errors
/// [`EvaluateError`] if a capture cannot be read.
pub fn robustness(model: &Model, corpus: &Corpus, split: Split, window: Duration) -> Result<Robustness, EvaluateError> {
    let captures = corpus.captures(split)?;
    let mut ordinary: Vec<Vec<LabelledPacket>> = Vec::new();
    for capture in captures.iter().filter(|capture| capture.is_benign()) {
        let packets = corpus.packets(capture)?;
        if packets.len() >= ORDINARY_PACKETS_MIN {
            ordinary.push(packets);
        }
    }
    let attacks: Vec<&Capture> = captures.into_iter().filter(|capture| !capture.is_benign()).collect();
    let mut confusions: Vec<Vec<(&Capture, Confusion)>> = CHANGES.map(|_| Vec::new()).into();
    for (number, capture) in attacks.into_iter().enumerate() {
        let packets = corpus.packets(capture)?;
        let beside = ordinary.get(number % ordinary.len().max(1)).map_or(&[][..], Vec::as_slice);
        for (change, confusions) in CHANGES.iter().zip(&mut confusions) {
            let changed = change.apply(&packets, beside, SEED);
            let judged = Judged::of(model, capture, &changed, window)?;
            confusions.push((capture, Confusion::of(model.classes().names(), &judged, 0)));
        }
    }
    let changed = CHANGES.iter().zip(&confusions);
    Ok(Robustness { changes: changed.map(|(change, confusions)| summary(model, *change, confusions)).collect() })
}

fn summary(model: &Model, change: Change, confusions: &[(&Capture, Confusion)]) -> Changed {
    let classes = model.classes().names();
    let scores = Scores::of(classes, confusions);
    let captures: Vec<_> =
        confusions.iter().flat_map(|(capture, confusion)| confusion.captures(capture, classes)).collect();
    let attacks = scores.classes.into_iter().filter(|score| score.captures > 0 && score.class != NORMAL);
    let recall = |score: super::ClassScore| {
        let of_class = captures.iter().filter(|capture| capture.class == score.class && capture.recall > 0.0);
        ClassRecall {
            recognised: of_class.count(),
            captures: score.captures,
            recall_by_capture: score.recall_by_capture,
            class: score.class,
        }
    };
    Changed { change: change.name(), classes: attacks.map(recall).collect() }
}
