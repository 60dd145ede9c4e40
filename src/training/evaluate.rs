//! How good a model is on labelled captures: per class and per capture, how sure it is, how soon it knows, and what it would
//! cost people in false alarms. Flows whose label the model does not have are counted apart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::corpus::{Capture, Corpus, CorpusError, LabelledPacket, Split};
use crate::model::{Model, ModelError};

mod alarms;
mod attacks;
mod cut;
mod perturb;
mod precision_recall;
mod reliability;
mod robustness;
mod scores;
mod weights;

pub use alarms::{BenignCapture, FalseAlarms};
pub use attacks::{Attack, PREFIX_SECONDS, PrefixCurve, PrefixPoint};
pub use cut::JudgedFlow;
pub use precision_recall::{Point, PrecisionRecall};
pub use reliability::{BINS, Bin, Reliability};
pub use robustness::{Changed, ClassRecall, Robustness, robustness};
pub use scores::{CaptureScore, ClassScore, EXISTING_CLASSES, Scores};

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
    /// The same, capture by capture.
    pub benign_captures: Vec<BenignCapture>,
    /// Whether it is right as often as it is sure.
    pub reliability: Reliability,
    /// What each class could reach at other thresholds.
    pub precision_recall: Vec<PrecisionRecall>,
    /// How soon each attack is recognised.
    pub attacks: Vec<Attack>,
    /// How soon the attacks of a class are.
    pub prefixes: Vec<PrefixCurve>,
    /// How recall falls when attacks change, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robustness: Option<Robustness>,
}

/// Flows of a label that the model does not have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LeftOut {
    /// How many.
    pub flows: u64,
    /// What the model took them for.
    pub verdicts: BTreeMap<String, u64>,
}

/// Verdicts on one capture.
struct Judged<'a> {
    capture: &'a Capture,
    flows: Vec<JudgedFlow>,
    seconds: f64,
}

/// Judges every flow of a split, cut into windows as the service cuts.
///
/// # Errors
/// [`EvaluateError`] if a capture cannot be read.
pub fn evaluate(model: &Model, corpus: &Corpus, split: Split, window: Duration) -> Result<Evaluation, EvaluateError> {
    let (mut judged, mut attacks) = (Vec::new(), Vec::new());
    for capture in corpus.captures(split)? {
        let packets = corpus.packets(capture)?;
        judged.push(Judged::of(model, capture, &packets, window)?);
        attacks.extend(attacks::of_capture(model, capture, &packets, window)?);
    }
    Ok(summarise(model, split, &judged, attacks))
}

impl<'a> Judged<'a> {
    fn of(
        model: &Model,
        capture: &'a Capture,
        packets: &[LabelledPacket],
        window: Duration,
    ) -> Result<Self, ModelError> {
        let mut flows = Vec::new();
        for (_, packets) in cut::windows(packets, window) {
            flows.extend(cut::OpenWindow::of(packets).judge(model, |_| true)?);
        }
        Ok(Self { capture, flows, seconds: seconds(packets).max(window.as_secs_f64()) })
    }
}

fn seconds(packets: &[LabelledPacket]) -> f64 {
    let time = |labelled: &LabelledPacket| labelled.packet.time;
    match (packets.first(), packets.last()) {
        (Some(first), Some(last)) => time(last).since(time(first)).as_secs_f64(),
        _ => 0.0,
    }
}

fn summarise(model: &Model, split: Split, judged: &[Judged<'_>], attacks: Vec<Attack>) -> Evaluation {
    let classes = model.classes().names().to_vec();
    let confusions = |least: u64| -> Vec<(&Capture, scores::Confusion)> {
        judged.iter().map(|judged| (judged.capture, scores::Confusion::of(&classes, judged, least))).collect()
    };
    let (all, full) = (confusions(0), confusions(PACKETS_OF_A_FULL_FLOW));
    let weighted = weights::weighted(&classes, judged);
    let benign_captures = alarms::by_capture(model.classes(), judged);
    Evaluation {
        model_version: model.version().to_string(),
        split: split.name(),
        all: Scores::of(&classes, &all),
        full_flows: Scores::of(&classes, &full),
        captures: all.iter().flat_map(|(capture, confusion)| confusion.captures(capture, &classes)).collect(),
        left_out: left_out(model, judged),
        false_alarms: FalseAlarms::of(&benign_captures),
        benign_captures,
        reliability: Reliability::of(&weighted),
        precision_recall: PrecisionRecall::of(&classes, &weighted),
        prefixes: attacks::curves(&classes, &attacks),
        attacks,
        robustness: None,
        classes,
    }
}

fn left_out(model: &Model, judged: &[Judged<'_>]) -> BTreeMap<&'static str, LeftOut> {
    let mut left_out = BTreeMap::<&'static str, LeftOut>::new();
    let flows = judged.iter().flat_map(|judged| &judged.flows);
    for flow in flows.filter(|flow| model.classes().position(flow.label.name()).is_none()) {
        let entry = left_out.entry(flow.label.name()).or_default();
        entry.flows += 1;
        *entry.verdicts.entry(model.classes().label(flow.verdict).to_owned()).or_default() += 1;
    }
    left_out
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
