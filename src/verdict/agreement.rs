//! Two models on the same flows: how often they say the same.
//!
//! Labels are compared by name: two models may have other classes, or the same in another order.

use std::collections::BTreeMap;

use super::label::{Classes, Verdict};

/// What one model says of some flows.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Its classes.
    pub classes: &'a Classes,
    /// One a flow.
    pub verdicts: &'a [Verdict],
}

/// How the verdicts of two models on the same flows agree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Agreement<'a> {
    /// Flows by what the one and what the other model calls them.
    pub pairs: BTreeMap<(&'a str, &'a str), u64>,
}

impl<'a> Agreement<'a> {
    /// Compares verdicts on the same flows in the same order. What only one of them has judged is left out.
    pub fn of(one: Said<'a>, other: Said<'a>) -> Self {
        let mut pairs = BTreeMap::new();
        for (first, second) in one.verdicts.iter().zip(other.verdicts) {
            *pairs.entry((one.classes.label(*first), other.classes.label(*second))).or_default() += 1;
        }
        Self { pairs }
    }

    /// Flows of which both say the same.
    pub fn same(&self) -> u64 {
        self.pairs.iter().filter(|((one, other), _)| one == other).map(|(_, flows)| flows).sum()
    }

    /// Flows of which they say different things.
    pub fn other(&self) -> u64 {
        self.pairs.values().sum::<u64>() - self.same()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verdicts of these classes, as sure as can be.
    fn verdicts(classes: &[u16]) -> Vec<Verdict> {
        classes.iter().map(|&class| Verdict { class, confidence: 1.0 }).collect()
    }

    #[test]
    fn labels_are_compared_by_name() {
        let classes = |names: &[&str]| Classes::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let (ours, theirs) = (classes(&["Normal", "DDoS"]), classes(&["DDoS", "Slowloris", "Normal"]));
        let check = |one: &[u16], other: &[u16], same: u64, pairs: &[(&str, &str, u64)]| {
            let (one, other) = (verdicts(one), verdicts(other));
            let one = Said { classes: &ours, verdicts: &one };
            let agreement = Agreement::of(one, Said { classes: &theirs, verdicts: &other });
            let found: Vec<_> = agreement.pairs.iter().map(|((one, other), flows)| (*one, *other, *flows)).collect();
            assert_eq!(found, pairs);
            assert_eq!(agreement.same(), same);
            assert_eq!(agreement.other(), pairs.iter().map(|pair| pair.2).sum::<u64>() - same);
        };
        check(&[], &[], 0, &[]);
        check(&[0, 1], &[2, 0], 2, &[("DDoS", "DDoS", 1), ("Normal", "Normal", 1)]);
        check(&[0, 0, 1], &[0, 0, 1], 0, &[("DDoS", "Slowloris", 1), ("Normal", "DDoS", 2)]);
        check(&[0, 0, 0], &[2, 1, 2], 2, &[("Normal", "Normal", 2), ("Normal", "Slowloris", 1)]);
        check(&[9], &[9], 1, &[("unknown", "unknown", 1)]);
        check(&[0, 1], &[2], 1, &[("Normal", "Normal", 1)]);
    }
}
