//! Whether a model is right as often as it is sure: the reliability diagram and the expected calibration error.
//!
//! After Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2: verdicts fall
//! into M = 15 bins of equal width by confidence, bin m taking ((m − 1)/M, m/M]; with accuracy and mean confidence of each,
//! ECE = Σₘ |Bₘ|/n · |acc(Bₘ) − conf(Bₘ)|. |Bₘ| and n count weights ([`super::weights`]) in place of flows, and so do both
//! means, so that no capture dominates; the error with every flow counting the same stands beside it.

use serde::Serialize;

use super::weights::Weighted;

/// Bins of the diagram, as in the paper.
pub const BINS: usize = 15;

/// A reliability diagram.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Reliability {
    /// Expected calibration error, 0 to 1, captures weighing the same.
    pub ece: f64,
    /// The same with every flow weighing the same.
    pub ece_over_flows: f64,
    /// Bins in the order of confidence; empty ones left out.
    pub bins: Vec<Bin>,
}

/// Verdicts of about the same confidence.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Bin {
    /// Confidence above which it begins.
    pub above: f64,
    /// The greatest confidence in it.
    pub up_to: f64,
    /// Flows in it.
    pub flows: u64,
    /// Share of all weight, 0 to 1.
    pub share: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of right verdicts.
    pub accuracy: f64,
}

impl Reliability {
    /// Of verdicts.
    pub fn of(verdicts: &[Weighted<'_>]) -> Self {
        let bins = bins(verdicts, |weighted| weighted.weight);
        let over_flows = self::bins(verdicts, |_| 1.0);
        Self { ece: ece(&bins), ece_over_flows: ece(&over_flows), bins }
    }
}

fn ece(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.share * (bin.accuracy - bin.confidence).abs()).sum()
}

#[derive(Clone, Copy, Default)]
struct Sums {
    flows: u64,
    weight: f64,
    confidence: f64,
    right: f64,
}

fn bins(verdicts: &[Weighted<'_>], weight_of: impl Fn(&Weighted<'_>) -> f64) -> Vec<Bin> {
    let mut sums = [Sums::default(); BINS];
    for verdict in verdicts {
        let (weight, confidence) = (weight_of(verdict), f64::from(verdict.flow.verdict.confidence));
        let sums = &mut sums[bin_of(confidence)];
        sums.flows += 1;
        sums.weight += weight;
        sums.confidence += weight * confidence;
        sums.right += if usize::from(verdict.flow.verdict.class) == verdict.class { weight } else { 0.0 };
    }
    let whole: f64 = sums.iter().map(|sums| sums.weight).sum();
    let bin = |(index, sums): (usize, &Sums)| Bin {
        above: index as f64 / BINS as f64,
        up_to: (index + 1) as f64 / BINS as f64,
        flows: sums.flows,
        share: sums.weight / whole,
        confidence: sums.confidence / sums.weight,
        accuracy: sums.right / sums.weight,
    };
    sums.iter().enumerate().filter(|(_, sums)| sums.flows > 0).map(bin).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to the bins before
fn bin_of(confidence: f64) -> usize {
    let bins = BINS as f64;
    ((confidence * bins).ceil() - 1.0).clamp(0.0, bins - 1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, capture, classes, judged};
    use super::super::weights::weighted;
    use super::*;

    #[test]
    fn the_error_is_the_one_of_the_paper_with_captures_weighing_the_same() {
        let (one, two) = (capture("one", "DDoS"), capture("two", "DDoS"));
        let judged =
            [judged(&one, &[("DDoS", 0.9), ("DDoS", 0.1), ("Slowloris", 0.7)]), judged(&two, &[("DDoS", 0.55)])];
        let found = Reliability::of(&weighted(&classes(), &judged));
        let [unsure, sure] = &found.bins[..] else { panic!("{:?}", found.bins) };
        about("begin of the unsure", unsure.above, 8.0 / 15.0);
        about("end of the unsure", unsure.up_to, 9.0 / 15.0);
        assert_eq!((unsure.flows, sure.flows), (1, 2));
        about("share of the unsure", unsure.share, 0.5);
        about("accuracy of the unsure", unsure.accuracy, 1.0);
        about("accuracy of the sure", sure.accuracy, 0.5);
        about("confidence of the sure", sure.confidence, 0.9);
        about("error", found.ece, 0.5 * 0.45 + 0.5 * 0.4);
        about("error over flows", found.ece_over_flows, (0.45 + 2.0 * 0.4) / 3.0);
    }

    #[test]
    fn bins_hold_their_upper_end() {
        let check = |confidence: f64, expected: usize| assert_eq!(bin_of(confidence), expected, "{confidence}");
        check(0.0, 0);
        check(1.0 / 15.0, 0);
        check(0.07, 1);
        check(0.5, 7);
        check(1.0, 14);
        check(f64::NAN, 0);
    }

    #[test]
    fn of_no_verdicts_there_is_no_diagram() {
        let found = Reliability::of(&[]);
        assert!(found.bins.is_empty() && found.ece.abs() < 1e-9);
    }
}
