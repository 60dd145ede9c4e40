//! How sure a verdict must be, and how long is learnt: chosen on collections that the judging model has never seen.
//!
//! What is chosen on traffic that was learnt from says nothing about another network. So all collections are left out in
//! turn: a model learns from the others and from made-up traffic, and judges those left out as the service would. From all
//! those verdicts follow the epoch, the temperature and the thresholds of the model that then learns from everything. A host
//! that looks like an attacker does so in every window, so alarms of one class in one capture count as one; each class may
//! have its share of the alarms that are allowed.

use std::collections::{BTreeMap, BTreeSet};

use super::labelled::{Kind, Labelled};
use crate::model::train::{self, Epoch, Naming, Options, TrainError};
use crate::verdict::threshold::Thresholds;

/// The collections are left out in so many parts; as many models are trained.
pub const PARTS: usize = 6;

/// False alarms an hour that all classes together may cost, those of one class in one capture counted once. The judging
/// models lack a part of all ordinary collections, which the model that is made of all of them has.
const ALARMS_AN_HOUR: f64 = 2.0;

/// Below this a class is not a verdict, however few false alarms it has: half a chance is no reason to wake anybody.
const THRESHOLD_MIN: f32 = 0.5;

/// Where nothing that was left out keeps a class from it, no threshold is higher.
const THRESHOLD_MAX: f32 = 0.99;

/// The choices above, for the fingerprint of a model.
pub fn choices() -> String {
    format!("{PARTS} {ALARMS_AN_HOUR} {THRESHOLD_MIN} {THRESHOLD_MAX}")
}

/// What follows from the verdicts on what was left out.
#[derive(Clone, PartialEq, Debug)]
pub struct Calibration {
    /// The epoch after which the loss on what was left out was least.
    pub epoch: usize,
    /// The temperature at which that loss is least.
    pub temperature: f32,
    /// How probable each class must be.
    pub thresholds: Thresholds,
}

/// What models said of rows that they had not learnt from.
#[derive(Default)]
struct Judged {
    /// Logits of the classes, row-major.
    logits: Vec<f32>,
    classes: Vec<u16>,
    captures: Vec<u32>,
    /// How much each row weighs in the loss: captures alike, not rows.
    weights: Vec<f64>,
}

/// Chooses how the model that learns from all of `labelled` shall judge.
///
/// # Errors
/// [`TrainError`] if a part cannot be trained.
pub fn calibrate(
    options: &Options,
    naming: &Naming<'_>,
    labelled: &Labelled<'_>,
    mut tell: impl FnMut(Epoch),
) -> Result<Calibration, TrainError> {
    let parts = parts(labelled);
    let part_of = |collection: &str| parts.get(collection).copied();
    let mut judged = Judged::default();
    let mut losses = vec![0.0; options.epochs];
    for part in 0..PARTS {
        let is_out = |row: usize| {
            let origin = labelled.origin(row);
            let is_there = |collection: &str| origin.kind != Kind::MadeUp && part_of(collection) == Some(part);
            is_there(&origin.collection) || origin.background.as_deref().is_some_and(is_there)
        };
        let learnt = labelled.only(|row| !is_out(row));
        let out = labelled.only(|row| labelled.as_served[row] && is_out(row));
        let learning = match train::Learning::new(options, naming, &learnt.rows()) {
            Ok(learning) => learning,
            // So few collections that without these nothing is left to learn from.
            Err(TrainError::NoRows { .. }) => continue,
            Err(error) => return Err(error),
        };
        let weights = capture_weights(&out);
        let trained = learning.run(options.epochs, |epoch, trained| {
            let logits = trained.logits(&out.values)?;
            losses[epoch.number - 1] +=
                train::mean_loss(&logits, naming.classes.len(), &out.classes_of_rows, &weights, 1.0);
            tell(epoch);
            Ok(())
        })?;
        judged.logits.extend(trained.logits(&out.values)?);
        judged.classes.extend(&out.classes_of_rows);
        judged.captures.extend(&out.captures_of_rows);
        judged.weights.extend(weights);
    }
    if judged.classes.is_empty() {
        // Nothing could be left out: so few captures that nothing is left to learn from, or none of them hold a class.
        let thresholds = choose(naming.classes.len(), 0.0, std::iter::empty());
        return Ok(Calibration { epoch: options.epochs, temperature: 1.0, thresholds });
    }
    let best = (1..).zip(&losses).min_by(|left, right| left.1.total_cmp(right.1)).map_or(1, |(epoch, _)| epoch);
    let temperature = train::choose_temperature(&judged.logits, naming.classes.len(), &judged.classes, &judged.weights);
    let thresholds = thresholds(&judged, naming.classes.len(), temperature, labelled);
    Ok(Calibration { epoch: best, temperature, thresholds })
}

/// The part of each recorded collection. Those with the same classes are spread over the parts.
fn parts<'a>(labelled: &'a Labelled<'_>) -> BTreeMap<&'a str, usize> {
    let mut classes = BTreeMap::<&str, BTreeSet<u16>>::new();
    for (row, class) in labelled.classes_of_rows.iter().enumerate() {
        let origin = labelled.origin(row);
        if origin.kind == Kind::Recorded {
            classes.entry(&origin.collection).or_default().insert(*class);
        }
    }
    let mut collections: Vec<(BTreeSet<u16>, &str)> =
        classes.into_iter().map(|(collection, classes)| (classes, collection)).collect();
    collections.sort();
    collections.into_iter().enumerate().map(|(place, (_, collection))| (collection, place % PARTS)).collect()
}

/// Captures of a class weigh alike, and so do classes.
fn capture_weights(labelled: &Labelled<'_>) -> Vec<f64> {
    let places = || labelled.classes_of_rows.iter().zip(&labelled.captures_of_rows);
    let mut rows = BTreeMap::<(u16, u32), f64>::new();
    places().for_each(|(class, capture)| *rows.entry((*class, *capture)).or_default() += 1.0);
    let mut captures = BTreeMap::<u16, f64>::new();
    for (class, _) in rows.keys() {
        *captures.entry(*class).or_default() += 1.0;
    }
    places().map(|(class, capture)| 1.0 / rows[&(*class, *capture)] / captures[class]).collect()
}

fn thresholds(judged: &Judged, classes: usize, temperature: f32, labelled: &Labelled<'_>) -> Thresholds {
    // The surest alarm of each class in each capture without an attack.
    let mut surest = BTreeMap::<(u16, u32), f32>::new();
    for (row, capture) in judged.logits.chunks_exact(classes).zip(&judged.captures) {
        if !labelled.captures[*capture as usize].is_benign {
            continue;
        }
        let mut probabilities = row.to_vec();
        train::softmax(&mut probabilities, temperature);
        let best = (0..).zip(&probabilities).max_by(|left, right| left.1.total_cmp(right.1));
        if let Some((class, &sure)) = best.filter(|(class, _)| *class != 0) {
            let known = surest.entry((class, *capture)).or_default();
            *known = known.max(sure);
        }
    }
    let benign = labelled.captures.iter().filter(|origin| origin.is_benign && origin.kind == Kind::Recorded);
    let hours = benign.map(|origin| origin.duration.as_secs_f64() / 3600.0).sum();
    choose(classes, hours, surest.into_iter().map(|((class, _), sure)| (class, sure)))
}

/// The least thresholds at which each class has at most its share of the alarms that so many hours may have.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small number of alarms
fn choose(classes: usize, hours: f64, alarms: impl Iterator<Item = (u16, f32)>) -> Thresholds {
    let mut by_class = vec![Vec::new(); classes];
    for (class, sure) in alarms {
        by_class[usize::from(class)].push(sure);
    }
    let allowed = (hours * ALARMS_AN_HOUR / (classes - 1).max(1) as f64) as usize;
    let threshold = |mut sure: Vec<f32>| {
        sure.sort_unstable_by(|left, right| right.total_cmp(left));
        let least = sure.get(allowed).map_or(0.0, |sure| sure.next_up());
        // Rounded up, so that people can read it; the surest alarm that is too many stays below.
        ((least * 1000.0).ceil() / 1000.0).clamp(THRESHOLD_MIN, THRESHOLD_MAX)
    };
    let mut thresholds: Vec<f32> = by_class.into_iter().map(threshold).collect();
    thresholds[0] = 0.0;
    Thresholds::new(thresholds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_leaves_a_class_its_share_of_the_alarms() {
        let check = |hours, alarms: &[(u16, f32)], expected: &[f32]| {
            let found = choose(3, hours, alarms.iter().copied());
            for (found, expected) in found.values().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{hours} {alarms:?}: {found} for {expected}");
            }
        };
        check(0.0, &[], &[0.0, 0.5, 0.5]);
        check(0.5, &[(1, 0.8), (1, 0.6), (2, 0.2)], &[0.0, 0.801, 0.5]);
        check(1.0, &[(1, 0.8), (1, 0.6), (2, 0.2)], &[0.0, 0.601, 0.5]);
        check(2.0, &[(1, 0.8), (1, 0.6), (1, 0.7), (2, 1.0), (2, 1.0), (2, 1.0)], &[0.0, 0.601, 0.99]);
    }
}
