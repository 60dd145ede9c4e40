//! Captures are cut into windows as the service cuts them, and windows into prefixes.
//!
//! A window's packets are folded as they come, so that the same window can be judged again and again while it is open: what
//! is judged at a moment, neighbours included, is made of the packets before that moment and of nothing else. A flow's
//! label says what its source does: an attack's name if any of its packets was sent by the attacking side, else Normal.

use std::collections::HashMap;
use std::time::Duration;

use crate::flow::context::Neighbours;
use crate::flow::key::FlowKey;
use crate::flow::map::FlowMap;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};
use crate::model::{Model, ModelError};
use crate::training::corpus::{LABELS, Label, LabelledPacket};
use crate::training::examples::of_attacker;
use crate::verdict::features::Matrix;
use crate::verdict::label::Verdict;

/// A flow and what was said of it.
#[derive(Clone, PartialEq, Debug)]
pub struct JudgedFlow {
    /// What its source does.
    pub label: Label,
    /// Its packets.
    pub packets: u64,
    /// What the model says.
    pub verdict: Verdict,
    /// Probability of each of the model's classes.
    pub probabilities: Vec<f32>,
}

/// The windows of a capture with their packets, earliest first. `packets` are in the order of time.
pub fn windows(packets: &[LabelledPacket], length: Duration) -> impl Iterator<Item = (Window, &[LabelledPacket])> {
    let windows = Tumbling::new(length);
    let window_of = move |labelled: &LabelledPacket| windows.window_of(labelled.packet.time);
    packets
        .chunk_by(move |left, right| window_of(left) == window_of(right))
        .filter_map(move |chunk| chunk.first().map(|first| (window_of(first), chunk)))
}

/// The packets before `moment`; `packets` are in the order of time.
pub fn before(packets: &[LabelledPacket], moment: EventTime) -> &[LabelledPacket] {
    &packets[..packets.partition_point(|labelled| labelled.packet.time < moment)]
}

/// When the attacking side of `label` first sends.
pub fn onset(packets: &[LabelledPacket], label: Label) -> Option<EventTime> {
    packets.iter().find(|labelled| labelled.label == label).map(|labelled| labelled.packet.time)
}

/// The flows of one window so far.
#[derive(Debug, Default)]
pub struct OpenWindow {
    flows: FlowMap,
    labels: HashMap<FlowKey, [u32; LABELS.len()]>,
}

impl OpenWindow {
    /// Of these packets, which are of one window.
    pub fn of(packets: &[LabelledPacket]) -> Self {
        let mut window = Self::default();
        window.fold(packets);
        window
    }

    /// More packets of the window.
    pub fn fold(&mut self, packets: &[LabelledPacket]) {
        let folded: Vec<Packet> = packets.iter().map(|labelled| labelled.packet).collect();
        self.flows.fold_all(&folded);
        for labelled in packets {
            self.labels.entry(labelled.packet.key).or_default()[usize::from(labelled.label.0)] += 1;
        }
    }

    /// Judges the flows whose label is `wanted`, by label and key.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot judge.
    pub fn judge(&self, model: &Model, wanted: impl Fn(Label) -> bool) -> Result<Vec<JudgedFlow>, ModelError> {
        let label_of = |key: &FlowKey| self.labels.get(key).map_or(Label::NORMAL, of_attacker);
        let mut keys: Vec<(Label, FlowKey)> = self.flows.iter().map(|(key, _)| (label_of(key), *key)).collect();
        keys.retain(|(label, _)| wanted(*label));
        keys.sort_unstable(); // sums of floating numbers, and so the figures, hang on the order
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let neighbours = Neighbours::of(&self.flows);
        let mut matrix = Matrix { columns: model.features().len(), values: Vec::new() };
        let mut known = Vec::with_capacity(keys.len());
        for (label, key) in &keys {
            let Some(flow) = self.flows.get(key) else { continue };
            let context = neighbours.context(&self.flows, key, flow);
            model.features().append(key, flow, &context, &mut matrix.values);
            known.push((*label, flow.volume.packets));
        }
        let verdicts = model.classify(&matrix)?;
        let probabilities = model.probabilities(&matrix)?;
        let rows = probabilities.chunks_exact(model.classes().names().len().max(1));
        let judged = known.into_iter().zip(verdicts).zip(rows);
        Ok(judged
            .map(|(((label, packets), verdict), row)| JudgedFlow {
                label,
                packets,
                verdict,
                probabilities: row.to_vec(),
            })
            .collect())
    }
}
