//! Adapting: a trained network learns from a few rows more, and keeps what it knows.
//!
//! Nothing of the first training is needed but the model file. Half of what a step sees are the rows to learn, the other
//! half are rows to remember. Where the parent judges a row rightly, its own answer is what should be said of it (Li and
//! Hoiem 2016: learning without forgetting); where it is wrong, the label is, or the row is nothing to remember. Besides, a
//! spring pulls every weight towards what it was (Li, Grandvalet and Davoine 2018: L2-SP).
//!
//! Features, transforms, scaling, classes, temperature and thresholds are the parent's. The loss is taken at the parent's
//! temperature, so a probability goes on meaning what it meant when the thresholds were chosen. Those were chosen on far
//! more ordinary traffic than a site's few hours are, and hours that were learnt from say nothing of the next ones.
//!
//! The same parent, rows, options and seed give the same file, octet for octet, as in training.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor, Var};
use candle_nn::{Optimizer, ops};

use super::file::{Description, Layer, ModelFile};
use super::network::{self, Network, Scaling};
use super::random::Random;
use super::train::{TrainError, Trainee};
use crate::verdict::threshold::Thresholds;

/// How to adapt.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of draws and noise.
    pub seed: u64,
    /// Most epochs; with validation rows the best one is kept, without them the last.
    pub epochs: usize,
    /// Rows to learn that are drawn an epoch; as many to remember.
    pub draws: usize,
    /// Rows to learn a step; as many to remember.
    pub batch: usize,
    /// Learning rate of the first epoch; it falls to nothing along a cosine.
    pub learning_rate: f64,
    /// Strength of the spring: what the sum of the squared changes of all weights costs.
    pub pull: f64,
    /// Deviation of the noise added to scaled features.
    pub noise: f32,
    /// Share of a label that is spread over all classes: nobody labels without fault.
    pub smoothing: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 12,
            draws: 4_096,
            batch: 128,
            learning_rate: 1e-3,
            pull: 1e-2,
            noise: 0.1,
            smoothing: 0.02,
        }
    }
}

/// Rows of features, not transformed, with a class each.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows {
    /// Row-major, in the order of the parent's inputs.
    pub values: Vec<f32>,
    /// Class of each row.
    pub classes: Vec<u16>,
    /// Capture of each row, as a number. The classes of captures are drawn, then rows of them.
    pub captures: Vec<u32>,
}

impl Rows {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

/// What adapting is made of.
#[derive(Clone, Copy, Debug)]
pub struct Lessons<'a> {
    /// To learn.
    pub added: &'a Rows,
    /// To remember: what the parent judges rightly of them.
    pub remembered: &'a Rows,
    /// To choose the epoch by; may be empty.
    pub validation: &'a Rows,
}

/// An adapted model.
#[derive(Clone, PartialEq, Debug)]
pub struct Adapted {
    /// The file; its version and fingerprint are still the parent's.
    pub file: ModelFile,
    /// The epoch that was kept, from 1. 0: none was better than the parent on the validation rows, and this is the parent.
    pub epoch: usize,
}

/// Adapts `parent`. `tell` is told of every epoch, from 1.
///
/// # Errors
/// [`TrainError`] if the network cannot be computed, or did not converge.
pub fn adapt(
    parent: &ModelFile,
    options: &Options,
    lessons: Lessons<'_>,
    mut tell: impl FnMut(usize),
) -> Result<Adapted, TrainError> {
    let scaling = Scaling::new(&parent.description.inputs);
    let network = Network::new(&parent.layers)?;
    let lesson = |rows| Lesson::new(&scaling, &parent.description, options.smoothing, rows);
    let (added, remembered, validation) =
        (lesson(lessons.added), lesson(lessons.remembered), lesson(lessons.validation));
    let judged = |lesson: &Lesson<'_>| lesson.judged(&network, &parent.description.thresholds);
    let (of_added, of_remembered) = (judged(&added)?, judged(&remembered)?);
    let (added, remembered) = (added.learning(&of_added), remembered.remembering(of_remembered));

    let loss_of = |layers: &[Layer]| -> Result<f64, TrainError> {
        let network = Network::new(layers)?;
        Ok(validation.loss(&network)? + remembered.loss(&network)?)
    };
    let mut best = (loss_of(&parent.layers)?, 0, parent.layers.clone());
    let mut pupil = Pupil::new(parent, options)?;
    let mut random = Random::new(options.seed);
    for epoch in 1..=options.epochs {
        let progress = (epoch - 1) as f64 / options.epochs as f64;
        let rate = options.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
        pupil.trainee.optimizer.set_learning_rate(rate);
        for _ in 0..options.draws.div_ceil(options.batch.max(1)) {
            let mut batch = Batch::default();
            added.draw(options, &mut random, &mut batch);
            remembered.draw(options, &mut random, &mut batch);
            pupil.step(batch, network.outputs())?;
        }
        let layers = pupil.trainee.layers()?;
        let loss = loss_of(&layers)?;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { epochs: epoch });
        }
        if loss < best.0 || lessons.validation.is_empty() {
            best = (loss, epoch, layers);
        }
        tell(epoch);
    }
    let (_, epoch, layers) = best;
    Ok(Adapted { file: file(parent, &scaling, layers)?, epoch })
}

/// The parent with other weights, and with what these make of its golden rows.
fn file(parent: &ModelFile, scaling: &Scaling, layers: Vec<Layer>) -> Result<ModelFile, TrainError> {
    let network = Network::new(&layers)?;
    let mut description = parent.description.clone();
    let answers = description.golden.rows.iter();
    description.golden.probabilities = answers
        .map(|row| network::probabilities(scaling, &network, description.temperature, row))
        .collect::<Result<_, _>>()?;
    Ok(ModelFile { description, layers })
}

/// Scaled rows, and what should be said of them.
struct Lesson<'a> {
    columns: usize,
    outputs: usize,
    temperature: f32,
    scaled: Vec<f32>,
    classes: &'a [u16],
    /// Probabilities, row-major.
    targets: Vec<f32>,
    /// Rows that are drawn as often as those of any other group.
    groups: Vec<Vec<usize>>,
}

impl<'a> Lesson<'a> {
    fn new(scaling: &Scaling, parent: &Description, smoothing: f32, rows: &'a Rows) -> Self {
        let outputs = parent.classes.len();
        let spread = smoothing / outputs as f32;
        let mut targets = vec![spread; outputs * rows.classes.len()];
        for (target, class) in targets.chunks_exact_mut(outputs).zip(&rows.classes) {
            target[usize::from(*class)] += 1.0 - smoothing;
        }
        let mut groups = BTreeMap::<(u32, u16), Vec<usize>>::new();
        for (row, place) in rows.captures.iter().copied().zip(rows.classes.iter().copied()).enumerate() {
            groups.entry(place).or_default().push(row);
        }
        Self {
            columns: scaling.columns(),
            outputs,
            temperature: parent.temperature,
            scaled: scaling.apply(&rows.values),
            classes: &rows.classes,
            targets,
            groups: groups.into_values().collect(),
        }
    }

    /// To learn: where the parent is right its own answers are the targets. What it is wrong about makes groups of its own,
    /// so that a few mistakes among many rows are drawn as often as these.
    fn learning(mut self, parent: &Answers) -> Self {
        for (row, target) in self.targets.chunks_exact_mut(self.outputs).enumerate() {
            if parent.is_right[row] {
                target.copy_from_slice(&parent.probabilities[row * self.outputs..(row + 1) * self.outputs]);
            }
        }
        let halves = self.groups.into_iter().map(|rows| rows.into_iter().partition(|&row| parent.is_right[row]));
        let groups = halves.flat_map(|(right, wrong): (Vec<usize>, Vec<usize>)| [right, wrong]);
        self.groups = groups.filter(|rows| !rows.is_empty()).collect();
        self
    }

    /// To remember: the parent's answers where it is right.
    fn remembering(mut self, parent: Answers) -> Self {
        self.groups.iter_mut().for_each(|rows| rows.retain(|&row| parent.is_right[row]));
        self.groups.retain(|rows| !rows.is_empty());
        self.targets = parent.probabilities;
        self
    }

    /// What a network says of the rows, and where that is their class.
    fn judged(&self, network: &Network, thresholds: &Thresholds) -> Result<Answers, TrainError> {
        let probabilities = self.answers(network)?;
        let verdicts = probabilities.chunks_exact(self.outputs).map(|row| thresholds.verdict(row).class);
        let is_right = verdicts.zip(self.classes).map(|(verdict, class)| verdict == *class).collect();
        Ok(Answers { probabilities, is_right })
    }

    /// Probabilities of all rows.
    fn answers(&self, network: &Network) -> Result<Vec<f32>, TrainError> {
        let mut answers = network.logits(self.scaled.clone(), self.columns)?;
        answers.chunks_exact_mut(self.outputs).for_each(|row| network::softmax(row, self.temperature));
        Ok(answers)
    }

    /// Mean surprise at the targets, groups counting alike; 0 of no rows.
    fn loss(&self, network: &Network) -> Result<f64, TrainError> {
        let answers = self.answers(network)?;
        let surprise = |row: usize| {
            let places = row * self.outputs..(row + 1) * self.outputs;
            let pairs = self.targets[places.clone()].iter().zip(&answers[places]);
            -pairs.map(|(target, found)| f64::from(*target) * f64::from(found.max(f32::MIN_POSITIVE)).ln()).sum::<f64>()
        };
        let mean = |rows: &Vec<usize>| rows.iter().map(|&row| surprise(row)).sum::<f64>() / rows.len() as f64;
        Ok(self.groups.iter().map(mean).sum::<f64>() / self.groups.len().max(1) as f64)
    }

    /// Appends rows that are drawn: a group, one of its rows, and noise on it.
    fn draw(&self, options: &Options, random: &mut Random, batch: &mut Batch) {
        if self.groups.is_empty() {
            return;
        }
        for _ in 0..options.batch {
            let group = &self.groups[random.below(self.groups.len())];
            let row = group[random.below(group.len())];
            let values = &self.scaled[row * self.columns..(row + 1) * self.columns];
            batch.values.extend(values.iter().map(|value| value + options.noise * random.normal()));
            batch.targets.extend_from_slice(&self.targets[row * self.outputs..(row + 1) * self.outputs]);
        }
    }
}

/// What a network says of rows.
struct Answers {
    /// Row-major.
    probabilities: Vec<f32>,
    /// Whether the verdict is the row's class.
    is_right: Vec<bool>,
}

/// What a step sees.
#[derive(Default)]
struct Batch {
    values: Vec<f32>,
    targets: Vec<f32>,
}

/// The parent's network while it learns more.
struct Pupil {
    trainee: Trainee,
    /// Weights and biases as they were.
    parent: Vec<(Tensor, Tensor)>,
    temperature: f64,
    pull: f64,
}

impl Pupil {
    fn new(parent: &ModelFile, options: &Options) -> Result<Self, TrainError> {
        let trainee = Trainee::of(&parent.layers)?;
        // Copies, since a variable changes in place; detached, since the spring would pull at both of its ends.
        let copies = trainee.layers.iter().map(|(weights, bias)| Ok((weights.copy()?.detach(), bias.copy()?.detach())));
        let copies = copies.collect::<candle_core::Result<_>>()?;
        Ok(Self { trainee, parent: copies, temperature: parent.description.temperature.into(), pull: options.pull })
    }

    fn step(&mut self, batch: Batch, outputs: usize) -> Result<(), TrainError> {
        let rows = batch.targets.len() / outputs;
        let columns = batch.values.len() / rows.max(1);
        let values = Tensor::from_vec(batch.values, (rows, columns), &Device::Cpu)?;
        let targets = Tensor::from_vec(batch.targets, (rows, outputs), &Device::Cpu)?;
        let answers = ops::log_softmax(&(self.trainee.forward(values)? / self.temperature)?, D::Minus1)?;
        let mut loss = ((answers * targets)?.sum_all()? / -(rows as f64))?;
        for ((weights, bias), (old_weights, old_bias)) in self.trainee.layers.iter().zip(&self.parent) {
            for (now, before) in [(weights, old_weights), (bias, old_bias)] {
                loss = (loss + ((now.as_tensor() - before)?.sqr()?.sum_all()? * self.pull)?)?;
            }
        }
        self.trainee.optimizer.backward_step(&loss)?;
        Ok(())
    }
}

impl Trainee {
    /// The network of a file, to learn more; nothing pulls its weights towards 0.
    fn of(layers: &[Layer]) -> Result<Self, TrainError> {
        let variables = layers.iter().map(|layer| {
            let weights = Tensor::from_slice(&layer.weights, (layer.outputs, layer.inputs), &Device::Cpu)?;
            let bias = Var::from_slice(&layer.bias, layer.outputs, &Device::Cpu)?;
            Ok((Var::from_tensor(&weights.t()?.contiguous()?)?, bias))
        });
        let variables = variables.collect::<candle_core::Result<Vec<(Var, Var)>>>()?;
        let classes = layers.last().map_or(0, |layer| layer.outputs);
        Self::learning(variables, classes, 0.0)
    }
}

#[cfg(test)]
mod tests;
