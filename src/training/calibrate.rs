//! How sure each class must be: thresholds chosen on ordinary traffic that the judging model has never seen.
//!
//! A threshold chosen on traffic that was learnt from says nothing about another network. So the collections of ordinary
//! traffic are left out in turn: a model learns from the others and from all attacks, and judges those left out as the
//! service would. A host that looks like an attacker does so in every window, so alarms of one class in one capture count as
//! one; each class may have its share of one such alarm an hour.

use std::collections::BTreeMap;

use super::labelled::Labelled;
use crate::model::train::{self, Epoch, Naming, Options, TrainError};
use crate::model::{FileError, Model};
use crate::verdict::features::Matrix;
use crate::verdict::label::Verdict;
use crate::verdict::threshold::Thresholds;

/// The collections of ordinary traffic are left out in so many parts; as many models are trained.
pub const PARTS: usize = 4;

/// False alarms an hour that all classes together may cost, those of one class in one capture counted once.
const ALARMS_AN_HOUR: f64 = 1.0;

/// Below this a class is not a verdict, however few false alarms it has: half a chance is no reason to wake anybody.
const THRESHOLD_MIN: f32 = 0.5;

/// Where nothing that was left out keeps a class from it, no threshold is higher.
const THRESHOLD_MAX: f32 = 0.99;

/// The surest alarm of each class in each capture without an attack.
type Surest = BTreeMap<(u16, u32), f32>;

/// Chooses the thresholds of a model that learns from `training` and is chosen by `validation`.
///
/// # Errors
/// [`TrainError`] if a part cannot be trained.
pub fn thresholds(
    options: &Options,
    naming: &Naming<'_>,
    training: &Labelled,
    validation: &Labelled,
    mut tell: impl FnMut(Epoch),
) -> Result<Thresholds, TrainError> {
    let mut surest = [Surest::new(), Surest::new()];
    let collections = benign_collections(training, validation);
    for part in 0..PARTS.min(collections.len()) {
        let is_out = |split: &Labelled, row: usize| {
            let origin = split.origin(row);
            let place = collections.binary_search(&origin.collection.as_str()).unwrap_or_default();
            origin.is_benign && place % PARTS == part
        };
        let (learnt, chosen_by) =
            (training.only(|row| !is_out(training, row)), validation.only(|row| !is_out(validation, row)));
        let model = match train::train(options, naming, &learnt.rows(), &chosen_by.rows(), &mut tell) {
            Ok(file) => Model::new(&file)?,
            // So few collections that without these nothing is left to learn from.
            Err(TrainError::NoRows { .. }) => continue,
            Err(error) => return Err(error),
        };
        for (split, surest) in [training, validation].into_iter().zip(&mut surest) {
            let judged = split.only(|row| split.as_served[row] && is_out(split, row));
            add(&model, naming, &judged, surest)?;
        }
    }
    let hours = [training, validation].iter().map(|split| benign_hours(split)).sum();
    Ok(choose(naming.classes.len(), hours, surest.iter().flatten().map(|((class, _), sure)| (*class, *sure))))
}

fn benign_collections<'a>(training: &'a Labelled, validation: &'a Labelled) -> Vec<&'a str> {
    let origins = training.captures.iter().chain(&validation.captures).filter(|origin| origin.is_benign);
    let mut collections: Vec<&str> = origins.map(|origin| origin.collection.as_str()).collect();
    collections.sort_unstable();
    collections.dedup();
    collections
}

fn benign_hours(split: &Labelled) -> f64 {
    split.captures.iter().filter(|origin| origin.is_benign).map(|origin| origin.duration.as_secs_f64() / 3600.0).sum()
}

fn add(model: &Model, naming: &Naming<'_>, judged: &Labelled, surest: &mut Surest) -> Result<(), TrainError> {
    let wanted = model.features().names();
    let columns: Vec<usize> =
        wanted.iter().filter_map(|name| naming.features.iter().position(|known| known == name)).collect();
    let rows = judged.values.chunks_exact(judged.columns.max(1));
    let values = rows.flat_map(|row| columns.iter().map(|&column| row[column])).collect();
    let verdicts = model.classify(&Matrix { columns: columns.len(), values }).map_err(|error| match error {
        crate::model::ModelError::Tensor(error) => TrainError::Tensor(error),
        other => TrainError::File(FileError::Bounds { what: other.to_string() }),
    })?;
    for (Verdict { class, confidence }, capture) in verdicts.into_iter().zip(&judged.captures_of_rows) {
        if class != 0 {
            let sure = surest.entry((class, *capture)).or_default();
            *sure = sure.max(confidence);
        }
    }
    Ok(())
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
        check(1.0, &[(1, 0.8), (1, 0.6), (2, 0.2)], &[0.0, 0.801, 0.5]);
        check(2.0, &[(1, 0.8), (1, 0.6), (2, 0.2)], &[0.0, 0.601, 0.5]);
        check(4.0, &[(1, 0.8), (1, 0.6), (1, 0.7), (2, 1.0), (2, 1.0), (2, 1.0)], &[0.0, 0.601, 0.99]);
    }
}
