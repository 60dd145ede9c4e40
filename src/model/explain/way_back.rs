//! The nearest way back: which one feature, moved least towards what is usual, would make the verdict Normal.
//!
//! Asked of the model itself, thresholds and temperature included, so what is told holds. Verdicts need not turn only once
//! on the way; so it is walked in steps, and the first turn is narrowed down. What can only be so or not is left out:
//! nobody can have a little less of a protocol.

use super::{Axis, Seen};
use crate::verdict::phrases::{Decimal, Wording, exponent_of};
use crate::verdict::reasons::WayBack;

/// How far past the usual value the way is walked, in deviations.
const PAST_USUAL: f64 = 0.5;

/// Steps from the flow's value to there.
const STEPS: u32 = 32;

/// Halvings of the step in which the verdict turns.
const HALVINGS: u32 = 24;

/// Significant digits of the value that is told: as few as hold, of these.
const DIGITS: std::ops::RangeInclusive<i32> = 2..=6;

/// A feature that can be moved alone.
struct Way<'a> {
    axis: &'a Axis,
    wording: Wording,
    place: usize,
    row: &'a [f32],
    are_normal: &'a dyn Fn(Vec<f32>) -> Vec<bool>,
    /// Scaled, from the flow's value to a little past the usual one.
    from: f64,
    to: f64,
}

/// The least change of one feature that would make the verdict Normal. `None` if it is Normal, or none would.
pub(super) fn find(
    axes: &[Axis],
    seen: Seen<'_>,
    contributions: &[f64],
    are_normal: &dyn Fn(Vec<f32>) -> Vec<bool>,
) -> Option<WayBack> {
    if are_normal(seen.row.to_vec()) != [false] {
        return None;
    }
    let mut nearest: Option<(f64, WayBack)> = None;
    for (place, axis) in axes.iter().enumerate() {
        // Only what speaks for the verdict speaks less for it when it is nearer to the usual.
        let wording = axis.wording.filter(|wording| !wording.is_truth() && contributions[place] > 0.0);
        let Some(wording) = wording else { continue };
        let from = f64::from(seen.scaled[place]);
        let to = axis.usual + PAST_USUAL.copysign(axis.usual - from);
        // Nothing begins to have what it has none of: no connection ever says anything in ARP.
        if wording.is_whole() && seen.row[place] <= 0.0 && to > from {
            continue;
        }
        let way = Way { axis, wording, place, row: seen.row, are_normal, from, to };
        let Some(turn) = way.turn() else { continue };
        let distance = (turn - from).abs();
        if nearest.as_ref().is_none_or(|(least, _)| distance < *least)
            && let Some(way_back) = way.told(turn)
        {
            nearest = Some((distance, way_back));
        }
    }
    nearest.map(|(_, way_back)| way_back)
}

impl Way<'_> {
    /// Whether the verdict is Normal with other values, in the feature's unit.
    #[allow(clippy::cast_possible_truncation)] // rows are in single precision
    fn are_normal(&self, values: &[f64]) -> Vec<bool> {
        let mut rows = self.row.repeat(values.len());
        for (row, value) in rows.chunks_exact_mut(self.row.len()).zip(values) {
            row[self.place] = *value as f32;
        }
        (self.are_normal)(rows)
    }

    fn is_normal(&self, value: f64) -> bool {
        self.are_normal(&[value]) == [true]
    }

    /// Where the verdict first turns to Normal, scaled; a little on Normal's side.
    fn turn(&self) -> Option<f64> {
        let scaled = |step: u32| self.from + (self.to - self.from) * f64::from(step) / f64::from(STEPS);
        let values: Vec<f64> = (1..=STEPS).map(|step| self.axis.unscaled(scaled(step))).collect();
        let first = (1..=STEPS).zip(self.are_normal(&values)).find(|(_, is_normal)| *is_normal)?.0;
        let (mut before, mut after) = (scaled(first - 1), scaled(first));
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(before, after);
            if self.is_normal(self.axis.unscaled(middle)) {
                after = middle;
            } else {
                before = middle;
            }
        }
        Some(after)
    }

    /// The value with as few digits as hold: there and a digit further the verdict is Normal, and a digit before it is not.
    fn told(&self, turn: f64) -> Option<WayBack> {
        let is_below = self.to < self.from;
        let turn = self.axis.unscaled(turn);
        for digits in DIGITS {
            let exponent = exponent_of(turn, digits);
            let exponent = if self.wording.is_whole() { exponent.max(0) } else { exponent };
            let (value, further) = if is_below {
                (Decimal::not_above(turn, exponent), -1)
            } else {
                (Decimal::not_below(turn, exponent), 1)
            };
            let within = |value: Decimal| value.value().clamp(0.0, self.wording.greatest());
            let told = [within(value), within(value.plus(further)), within(value.plus(-further))];
            if self.are_normal(&told) == [true, true, false] {
                let sentence = self.wording.way_back(value, is_below);
                return Some(WayBack { feature: self.axis.feature.clone(), value: told[0], sentence });
            }
        }
        None
    }
}
