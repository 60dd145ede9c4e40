//! From probabilities to a verdict: an alarm only where the model is sure enough of it.
//!
//! People stop reading alarms that are mostly false, and a class that is learnt from a few laboratories is surer of itself
//! than it should be on a network that it has never seen. So every class has a threshold of its own, chosen in training on
//! traffic of collections that were left out; what stays below it is Normal, with the low confidence that Normal then has.

use serde::{Deserialize, Serialize};

use super::label::Verdict;

/// A threshold that no probability reaches.
const OFF: f32 = 2.0;

/// The least probability at which each class is a verdict. None at all is a threshold of 0 for every class: the most
/// probable class is the verdict.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thresholds(Vec<f32>);

impl Thresholds {
    /// One a class, in the order of the classes; that of the first, Normal, does not count.
    pub fn new(thresholds: Vec<f32>) -> Self {
        Self(thresholds)
    }

    /// With a class switched off: it is never the verdict.
    #[must_use]
    pub fn without(mut self, class: usize) -> Self {
        if let Some(threshold) = self.0.get_mut(class) {
            *threshold = OFF;
        }
        self
    }

    /// One a class, in the order of the classes; empty if there are none.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one for each of `classes`, or none, and all are probabilities. One of more than 1, which nothing
    /// reaches, switches its class off.
    pub fn fit(&self, classes: usize) -> bool {
        let values = self.0.iter().all(|threshold| (0.0..=OFF).contains(threshold));
        values && (self.is_empty() || self.0.len() == classes)
    }

    /// The most probable class, if it reaches its threshold; else Normal, with the probability of Normal. Of equals the first.
    pub fn verdict(&self, probabilities: &[f32]) -> Verdict {
        let mut best = Verdict { class: 0, confidence: 0.0 };
        for (class, &confidence) in (0u16..).zip(probabilities) {
            if confidence > best.confidence {
                best = Verdict { class, confidence };
            }
        }
        let least = self.0.get(usize::from(best.class)).copied().unwrap_or_default();
        if best.class == 0 || best.confidence >= least {
            best
        } else {
            Verdict { class: 0, confidence: probabilities.first().copied().unwrap_or_default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_below_its_threshold_is_normal_with_low_confidence() {
        let check = |thresholds: &[f32], probabilities: &[f32], class, confidence| {
            let verdict = Thresholds::new(thresholds.to_vec()).verdict(probabilities);
            assert_eq!(verdict, Verdict { class, confidence }, "{thresholds:?} {probabilities:?}");
        };
        check(&[], &[0.3, 0.5, 0.2], 1, 0.5);
        check(&[], &[0.4, 0.4, 0.2], 0, 0.4);
        check(&[0.0, 0.5, 0.9], &[0.3, 0.5, 0.2], 1, 0.5);
        check(&[0.0, 0.6, 0.9], &[0.3, 0.5, 0.2], 0, 0.3);
        check(Thresholds::new(vec![0.0, 0.5, 0.5]).without(1).values(), &[0.0, 1.0, 0.0], 0, 0.0);
        check(&[0.9, 0.6, 0.9], &[0.5, 0.3, 0.2], 0, 0.5);
        check(&[0.0, 0.0, 1.5], &[0.0, 0.0, 1.0], 0, 0.0);
        check(&[], &[], 0, 0.0);
    }

    #[test]
    fn there_is_one_a_class_or_none() {
        let check = |thresholds: &[f32], expected| {
            assert_eq!(Thresholds::new(thresholds.to_vec()).fit(2), expected, "{thresholds:?}");
        };
        check(&[], true);
        check(&[0.0, 0.9], true);
        check(&[0.0, 2.0], true);
        check(&[0.0], false);
        check(&[0.0, 0.9, 0.9], false);
        check(&[0.0, -0.1], false);
        check(&[0.0, f32::NAN], false);
    }
}
