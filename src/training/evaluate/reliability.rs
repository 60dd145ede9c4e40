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
