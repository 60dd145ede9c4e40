//! Why the network says what it says: its linear piece around a flow, in words.
//!
//! Exact, no estimate: on its piece the network is linear, so the contributions and the base add up to the difference of
//! the outputs. Plain loops in double precision over a copy of the weights, since reasons are asked for a few times a second.
//! Where anything is not a finite number there are no reasons rather than false ones.

use super::file::{Input, Layer, Transform};
use super::network::DEVIATIONS_MAX;
use crate::verdict::features::catalogue;
use crate::verdict::phrases::{Spans, Wording};
use crate::verdict::reasons::{REASONS_MAX, Reason, Reasons};
use piece::Piece;

mod piece;
mod way_back;

/// What explaining needs to know of a model.
#[derive(Debug)]
pub(super) struct Explainer {
    layers: Vec<Layer>,
    axes: Vec<Axis>,
}

/// One input as reasons see it.
#[derive(Clone, Debug)]
struct Axis {
    feature: String,
    /// The catalogue's, which has one for every feature.
    wording: Option<Wording>,
    transform: Transform,
    mean: f64,
    deviation: f64,
    /// The mean of Normal flows, scaled.
    usual: f64,
}

impl Axis {
    fn new(input: &Input, wording: Option<Wording>) -> Self {
        let (mean, deviation) = (f64::from(input.mean), f64::from(input.deviation));
        let usual = (f64::from(input.usual.unwrap_or(input.mean)) - mean) / deviation;
        let most = f64::from(DEVIATIONS_MAX);
        let usual = usual.clamp(-most, most);
        Self { feature: input.feature.clone(), wording, transform: input.transform, mean, deviation, usual }
    }

    /// A scaled value in the feature's unit.
    fn unscaled(&self, scaled: f64) -> f64 {
        let transformed = self.mean + scaled * self.deviation;
        let value = if self.transform == Transform::Log1p { transformed.exp_m1() } else { transformed };
        value.clamp(0.0, self.wording.as_ref().map_or(f64::from(f32::MAX), Wording::greatest))
    }
}

/// A flow as its model sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// Its features.
    pub(super) row: &'a [f32],
    /// The same, scaled.
    pub(super) scaled: &'a [f32],
    /// How long it was seen.
    pub(super) spans: Spans,
}

impl Explainer {
    /// Of the inputs and layers of one model file.
    pub(super) fn new(inputs: &[Input], layers: &[Layer]) -> Self {
        let catalogue = catalogue();
        let axis = |input: &Input| {
            let feature = catalogue.iter().find(|feature| feature.name == input.feature);
            Axis::new(input, feature.and_then(Wording::of))
        };
        Self { layers: layers.to_vec(), axes: inputs.iter().map(axis).collect() }
    }

    /// Why a flow is of a class. `are_normal` judges whole rows of features. `None` if the class is Normal or none of the
    /// model's, or if the outputs are no finite numbers.
    pub(super) fn explain(
        &self,
        seen: Seen<'_>,
        class: u16,
        are_normal: &dyn Fn(Vec<f32>) -> Vec<bool>,
    ) -> Option<Reasons> {
        let class = usize::from(class);
        let classes = self.layers.last()?.outputs;
        if class == 0 || class >= classes || seen.row.len() != self.axes.len() {
            return None;
        }
        let scaled: Vec<f64> = seen.scaled.iter().copied().map(f64::from).collect();
        let usual: Vec<f64> = self.axes.iter().map(|axis| axis.usual).collect();
        let (piece, outputs) = Piece::around(&self.layers, &scaled);
        let difference = |outputs: &[f64]| outputs[class] - outputs[0];
        let mut weights = vec![0.0; classes];
        (weights[0], weights[class]) = (-1.0, 1.0);
        let gradient = piece.gradient(&weights);
        let contributions: Vec<f64> =
            gradient.iter().zip(&scaled).zip(&usual).map(|((slope, value), usual)| slope * (value - usual)).collect();
        let (logit_difference, base) = (difference(&outputs), difference(&piece.continued(&usual)));
        let all: f64 = contributions.iter().sum();
        if ![logit_difference, base, all].iter().all(|number| number.is_finite()) {
            return None;
        }
        let features = self.told(seen, &contributions);
        let others = all - features.iter().map(|reason| reason.contribution).sum::<f64>();
        let way_back = way_back::find(&self.axes, seen, &contributions, are_normal);
        Some(Reasons { logit_difference, base, features, others, way_back })
    }

    /// The features that speak most for the verdict, and are unlike what is usual.
    fn told(&self, seen: Seen<'_>, contributions: &[f64]) -> Vec<Reason> {
        let mut places: Vec<usize> = (0..contributions.len()).filter(|&place| contributions[place] > 0.0).collect();
        places.sort_by(|left, right| contributions[*right].total_cmp(&contributions[*left]));
        let reason = |place: usize| {
            let (axis, value) = (&self.axes[place], f64::from(seen.row[place]));
            let value = if value.is_finite() { value } else { axis.unscaled(f64::from(seen.scaled[place])) };
            let usual = axis.unscaled(axis.usual);
            let sentence = axis.wording?.sentence(value, usual, seen.spans)?;
            Some(Reason { feature: axis.feature.clone(), value, usual, contribution: contributions[place], sentence })
        };
        places.into_iter().filter_map(reason).take(REASONS_MAX).collect()
    }
}

#[cfg(test)]
mod tests;
