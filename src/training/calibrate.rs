//! How sure a verdict must be, and how long is learnt: chosen on collections that the judging model has never seen.
//!
//! What is chosen on traffic that was learnt from says nothing about another network. So all collections are left out in
//! turn: a model learns from the others and from made-up traffic, and judges those left out as the service would. From all
//! those verdicts follow the epoch, the temperature and the thresholds of the model that then learns from everything. Our own
//! recordings are never left out: like made-up traffic they are there to be learnt from, not to stand for other networks.

use std::collections::{BTreeMap, BTreeSet};

use super::corpus::OWN_RECORDINGS;
use super::labelled::{Kind, Labelled, Origin};
use crate::model::train::{self, Epoch, Naming, Options, TrainError};
use crate::verdict::threshold::Thresholds;

/// The collections are left out in so many parts; as many models are trained.
pub const PARTS: usize = 6;

/// What a false alarm an hour costs, as a share of a class's recall: a class may alarm more often where it finds more.
const COST_OF_AN_ALARM_AN_HOUR: f64 = 0.1;

/// Below this a class is not a verdict, however few false alarms it has: half a chance is no reason to wake anybody.
const THRESHOLD_MIN: f32 = 0.5;

/// Thresholds that are tried, from the least on.
const THRESHOLDS: u16 = 100;

/// And how far they are apart.
const THRESHOLD_STEP: f32 = 0.005;

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
        // Nothing could be left out: a directory of own recordings alone, or of one collection.
        let thresholds = choose(naming.classes.len(), 0.0, &[]);
        return Ok(Calibration { epoch: options.epochs, temperature: 1.0, thresholds });
    }
    let best = (1..).zip(&losses).min_by(|left, right| left.1.total_cmp(right.1)).map_or(1, |(epoch, _)| epoch);
    let temperature = train::choose_temperature(&judged.logits, naming.classes.len(), &judged.classes, &judged.weights);
    let thresholds = thresholds(&judged, naming.classes.len(), temperature, labelled);
    Ok(Calibration { epoch: best, temperature, thresholds })
}

fn may_be_left_out(origin: &Origin) -> bool {
    origin.kind == Kind::Recorded && origin.collection != OWN_RECORDINGS
}

/// The part of each recorded collection but our own. Those with the same classes are spread over the parts.
fn parts<'a>(labelled: &'a Labelled<'_>) -> BTreeMap<&'a str, usize> {
    let mut classes = BTreeMap::<&str, BTreeSet<u16>>::new();
    for (row, class) in labelled.classes_of_rows.iter().enumerate() {
        let origin = labelled.origin(row);
        if may_be_left_out(origin) {
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
    let mut verdicts = Vec::new();
    for (row, logits) in judged.logits.chunks_exact(classes).enumerate() {
        let mut probabilities = logits.to_vec();
        train::softmax(&mut probabilities, temperature);
        let best = (0..).zip(probabilities).max_by(|left, right| left.1.total_cmp(&right.1));
        let Some((class, sure)) = best else { continue };
        let is_benign = labelled.captures[judged.captures[row] as usize].is_benign;
        verdicts.push(Judgement { class, sure, is: judged.classes[row], weight: judged.weights[row], is_benign });
    }
    choose(classes, hours(labelled), &verdicts)
}

/// How long ordinary captures that may be left out are.
fn hours(labelled: &Labelled<'_>) -> f64 {
    let ordinary = labelled.captures.iter().filter(|origin| origin.is_benign && may_be_left_out(origin));
    ordinary.map(|origin| origin.duration.as_secs_f64() / 3600.0).sum()
}

/// What a model said of a flow that it had not learnt from.
struct Judgement {
    /// The most probable class, and how probable it is.
    class: u16,
    sure: f32,
    /// What the flow is.
    is: u16,
    /// Its share of its class: captures alike.
    weight: f64,
    /// Whether nothing hostile is in its capture.
    is_benign: bool,
}

/// The least thresholds at which recall is worth most beside the false alarms in so many hours.
fn choose(classes: usize, hours: f64, verdicts: &[Judgement]) -> Thresholds {
    let candidates = (0..THRESHOLDS).map(|step| f32::from(step).mul_add(THRESHOLD_STEP, THRESHOLD_MIN));
    let threshold = |class: u16| {
        let worth = |threshold: f32| {
            let said = || verdicts.iter().filter(|verdict| verdict.class == class && verdict.sure >= threshold);
            let recall: f64 = said().filter(|verdict| verdict.is == class).map(|verdict| verdict.weight).sum();
            let alarms = said().filter(|verdict| verdict.is == 0 && verdict.is_benign).count();
            recall - COST_OF_AN_ALARM_AN_HOUR * alarms as f64 / hours.max(f64::MIN_POSITIVE)
        };
        let least = (THRESHOLD_MIN, worth(THRESHOLD_MIN));
        let best = candidates.clone().map(|threshold| (threshold, worth(threshold)));
        best.fold(least, |best, next| if next.1 > best.1 + 1e-9 { next } else { best }).0
    };
    let mut thresholds: Vec<f32> = (0..).take(classes).map(threshold).collect();
    thresholds[0] = 0.0;
    Thresholds::new(thresholds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_weighs_recall_against_false_alarms() {
        let check = |hours, verdicts: &[(u16, f32, u16)], expected: &[f32]| {
            let captures = |is: u16| verdicts.iter().filter(|verdict| verdict.2 == is).count() as f64;
            let verdicts: Vec<Judgement> = verdicts
                .iter()
                .map(|&(class, sure, is)| Judgement { class, sure, is, weight: 1.0 / captures(is), is_benign: is == 0 })
                .collect();
            let found = choose(3, hours, &verdicts);
            for (found, expected) in found.values().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{hours}: {found} for {expected}");
            }
        };
        check(1.0, &[], &[0.0, 0.5, 0.5]);
        // A false alarm above which all attacks lie; of the other class, half of the attacks are worth the alarm an hour.
        check(1.0, &[(1, 0.7, 0), (1, 0.9, 1), (2, 0.7, 0), (2, 0.6, 2), (2, 0.9, 2)], &[0.0, 0.705, 0.5]);
        // Six alarms an hour are not.
        let alarms = [(2, 0.7, 0); 6];
        check(1.0, &[&alarms[..], &[(2, 0.6, 2), (2, 0.9, 2)]].concat(), &[0.0, 0.5, 0.705]);
        // In ten hours they are.
        check(10.0, &[&alarms[..], &[(2, 0.6, 2), (2, 0.9, 2)]].concat(), &[0.0, 0.5, 0.5]);
    }
}
