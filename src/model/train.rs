//! Optimisation: labelled rows become a model file.
//!
//! The same rows, options and seed give the same file, octet for octet (on processors with the same vector instructions):
//! initial weights, draws and noise come from one seeded generator, and nothing depends on time or hash order.
//!
//! Rows are drawn by class, collection and capture: see `draw`.

use candle_core::{D, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, loss, ops};

use super::draw::Draw;
pub use super::draw::Place;
use super::error::FileError;
use super::file::{Description, Golden, Input, Layer, ModelFile, Transform};
pub use super::network::softmax;
use super::network::{self, Network, Scaling};
use super::random::Random;
use crate::verdict::threshold::Thresholds;

/// How to train.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of initial weights, draws and noise.
    pub seed: u64,
    /// Epochs of the schedule.
    pub epochs: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Rows drawn an epoch.
    pub draws: usize,
    /// Rows a step.
    pub batch: usize,
    /// Learning rate of the first epoch; it falls to nothing along a cosine.
    pub learning_rate: f64,
    /// Of `AdamW`.
    pub weight_decay: f64,
    /// Share of draws that class 0 gets; the other classes share the rest.
    pub first_class_share: f32,
    /// Deviation of the noise added to scaled features: what differs less is the same to the model.
    pub noise: f32,
    /// Share of scaled features that are replaced by their mean, so that no class hangs on a single one.
    pub forgotten: f32,
    /// Share of a label that is spread over all classes: nobody labels without fault.
    pub smoothing: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 40,
            hidden: vec![64, 32],
            draws: 20_000,
            batch: 256,
            learning_rate: 2e-3,
            weight_decay: 0.1,
            first_class_share: 0.6,
            noise: 0.1,
            forgotten: 0.05,
            smoothing: 0.02,
        }
    }
}

/// Labelled rows of features, not transformed.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Row-major.
    pub values: &'a [f32],
    /// Class of each row.
    pub classes: &'a [u16],
    /// Capture of each row: a place in `places`.
    pub captures: &'a [u32],
    /// Where each capture is from.
    pub places: &'a [Place],
}

/// What the file says beside the weights.
#[derive(Clone, Debug)]
pub struct Naming<'a> {
    /// Feature names in the order of the columns.
    pub features: &'a [String],
    /// Class names; the first is that of harmless flows.
    pub classes: &'a [String],
    /// Fingerprint of data and options.
    pub fingerprint: String,
    /// Name of the model.
    pub version: String,
}

/// How an epoch went.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// Mean loss of the draws.
    pub loss: f64,
}

/// Training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A class has no rows to learn from.
    #[error("class {class} has no rows to learn from")]
    NoRows {
        /// The class.
        class: String,
    },
    /// The loss was never a number: the learning rate is too high.
    #[error("the network did not converge in any of {epochs} epochs")]
    Diverged {
        /// Epochs run.
        epochs: usize,
    },
    /// The tensor library failed.
    #[error("the network cannot be computed")]
    Tensor(#[from] candle_core::Error),
    /// The trained file is refused by its own checks.
    #[error("the trained model cannot be used")]
    File(#[from] FileError),
}

/// A network that is about to learn.
pub struct Learning<'a> {
    options: &'a Options,
    features: &'a [String],
    classes: &'a [u16],
    inputs: Vec<Input>,
    kept: Kept,
    draw: Draw,
    scaled: Vec<f32>,
    trainee: Trainee,
    random: Random,
}

impl<'a> Learning<'a> {
    /// Scales the rows and draws the first weights.
    ///
    /// # Errors
    /// [`TrainError::NoRows`] if a class has no rows.
    pub fn new(options: &'a Options, naming: &Naming<'a>, rows: &Rows<'a>) -> Result<Self, TrainError> {
        let draw = Draw::new(naming.classes, rows, options.first_class_share)?;
        let mut random = Random::new(options.seed);
        let inputs = scale(naming.features, rows, &draw, &mut random);
        let kept = Kept { of: naming.features.len(), columns: inputs.iter().map(|(column, _)| *column).collect() };
        let inputs: Vec<Input> = inputs.into_iter().map(|(_, input)| input).collect();
        let scaled = Scaling::new(&inputs).apply(&kept.of_rows(rows.values));
        let trainee = Trainee::new(options, inputs.len(), naming.classes.len(), &mut random)?;
        Ok(Self {
            options,
            features: naming.features,
            classes: rows.classes,
            inputs,
            kept,
            draw,
            scaled,
            trainee,
            random,
        })
    }

    /// Learns until after the epoch `last`, on the schedule of all epochs, and shows what came of it after each.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is no number, and what `tell` returns.
    pub fn run(
        mut self,
        last: usize,
        mut tell: impl FnMut(Epoch, &Trained) -> Result<(), TrainError>,
    ) -> Result<Trained, TrainError> {
        let mut trained = self.trained()?;
        for number in 1..=last.min(self.options.epochs) {
            self.trainee.optimizer.set_learning_rate(learning_rate(self.options, number));
            let loss = self.trainee.epoch(self.options, &self.draw, &self.scaled, self.classes, &mut self.random)?;
            if !loss.is_finite() {
                return Err(TrainError::Diverged { epochs: number });
            }
            trained = self.trained()?;
            tell(Epoch { number, loss }, &trained)?;
        }
        Ok(trained)
    }

    fn trained(&self) -> Result<Trained, TrainError> {
        debug_assert_eq!(self.kept.of, self.features.len());
        Ok(Trained {
            hidden: self.options.hidden.clone(),
            inputs: self.inputs.clone(),
            kept: self.kept.clone(),
            layers: self.trainee.layers()?,
        })
    }
}

/// A network that has learnt; how its verdicts are to be read is not yet said.
#[derive(Clone, Debug)]
pub struct Trained {
    hidden: Vec<usize>,
    inputs: Vec<Input>,
    kept: Kept,
    layers: Vec<Layer>,
}

/// The features that vary, of all that were given.
#[derive(Clone, Debug)]
struct Kept {
    of: usize,
    columns: Vec<usize>,
}

impl Kept {
    fn of_rows(&self, values: &[f32]) -> Vec<f32> {
        values.chunks_exact(self.of).flat_map(|row| self.columns.iter().map(|&column| row[column])).collect()
    }
}

impl Trained {
    /// Logits of every class, row by row; the rows hold all features that were given to learn from.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] if they cannot be computed.
    pub fn logits(&self, values: &[f32]) -> Result<Vec<f32>, TrainError> {
        let scaled = Scaling::new(&self.inputs).apply(&self.kept.of_rows(values));
        Ok(Network::new(&self.layers)?.logits(scaled, self.inputs.len())?)
    }

    /// The file of the model, with `golden` rows that prove it.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] if the golden rows cannot be computed.
    pub fn into_file(
        self,
        naming: &Naming<'_>,
        temperature: f32,
        thresholds: Thresholds,
        golden: &Rows<'_>,
    ) -> Result<ModelFile, TrainError> {
        let (scaling, network) = (Scaling::new(&self.inputs), Network::new(&self.layers)?);
        let rows = golden_rows(golden, self.kept.of, naming.classes.len());
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| self.kept.of_rows(row)).collect();
        let probabilities = rows
            .iter()
            .map(|row| network::probabilities(&scaling, &network, temperature, row))
            .collect::<Result<_, _>>()?;
        let description = Description {
            format: Description::FORMAT,
            version: naming.version.clone(),
            training_fingerprint: naming.fingerprint.clone(),
            classes: naming.classes.to_vec(),
            hidden: self.hidden,
            temperature,
            thresholds,
            inputs: self.inputs,
            golden: Golden { rows, probabilities },
        };
        Ok(ModelFile { description, layers: self.layers })
    }
}

fn learning_rate(options: &Options, epoch: usize) -> f64 {
    let progress = (epoch - 1) as f64 / options.epochs.max(1) as f64;
    options.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
}

/// Rows drawn to learn the scales from.
const SCALE_DRAWS: usize = 50_000;

/// Mean and deviation of every feature as it is drawn, and its mean over what is drawn of class 0. A feature that never
/// varies teaches nothing and is left out.
#[allow(clippy::cast_possible_truncation)] // scales are used in single precision
fn scale(names: &[String], rows: &Rows<'_>, draw: &Draw, random: &mut Random) -> Vec<(usize, Input)> {
    let columns = names.len();
    let drawn: Vec<usize> = (0..SCALE_DRAWS).map(|_| draw.row(random)).collect();
    let mut inputs = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let values: Vec<f64> = drawn.iter().map(|row| f64::from(rows.values[row * columns + column])).collect();
        // Shares and flags end at 1; what does not spans orders of size.
        let transform = if values.iter().any(|value| *value > 1.0) { Transform::Log1p } else { Transform::None };
        let transformed = |value: &f64| if transform == Transform::Log1p { value.ln_1p() } else { *value };
        let count = values.len() as f64;
        let mean = values.iter().map(transformed).sum::<f64>() / count;
        let variance = values.iter().map(|value| (transformed(value) - mean).powi(2)).sum::<f64>() / count;
        if variance > 1e-9 {
            let (mean, deviation) = (mean as f32, variance.sqrt() as f32);
            let of_first = drawn.iter().zip(&values).filter(|(row, _)| rows.classes[**row] == 0);
            let (sum, count) =
                of_first.fold((0.0, 0.0), |(sum, count), (_, value)| (sum + transformed(value), count + 1.0));
            let usual = (count > 0.0).then_some((sum / count) as f32);
            inputs.push((column, Input { feature: name.clone(), transform, mean, deviation, usual }));
        }
    }
    inputs
}

/// A network while it learns.
pub(super) struct Trainee {
    /// Weights [inputs, outputs] and bias [outputs].
    pub(super) layers: Vec<(Var, Var)>,
    pub(super) optimizer: AdamW,
    classes: usize,
}

impl Trainee {
    fn new(options: &Options, inputs: usize, classes: usize, random: &mut Random) -> Result<Self, TrainError> {
        let widths: Vec<usize> = [inputs].iter().chain(&options.hidden).chain(&[classes]).copied().collect();
        let mut layers = Vec::new();
        for pair in widths.windows(2) {
            // He et al. 2015, uniform: keeps the variance of what passes through a layer with `relu`.
            let bound = (6.0 / pair[0] as f32).sqrt();
            let weights: Vec<f32> = (0..pair[0] * pair[1]).map(|_| random.between(-bound, bound)).collect();
            let weights = Var::from_vec(weights, (pair[0], pair[1]), &Device::Cpu)?;
            let bias = Var::from_vec(vec![0f32; pair[1]], pair[1], &Device::Cpu)?;
            layers.push((weights, bias));
        }
        Self::learning(layers, classes, options.weight_decay)
    }

    /// With these weights and biases.
    pub(super) fn learning(layers: Vec<(Var, Var)>, classes: usize, weight_decay: f64) -> Result<Self, TrainError> {
        let variables = layers.iter().flat_map(|(weights, bias)| [weights.clone(), bias.clone()]).collect();
        let parameters = ParamsAdamW { weight_decay, ..ParamsAdamW::default() };
        Ok(Self { layers, optimizer: AdamW::new(variables, parameters)?, classes })
    }

    /// One epoch; mean loss of its steps.
    fn epoch(
        &mut self,
        options: &Options,
        draw: &Draw,
        scaled: &[f32],
        classes: &[u16],
        random: &mut Random,
    ) -> Result<f64, TrainError> {
        let columns = scaled.len() / classes.len().max(1);
        let steps = options.draws.div_ceil(options.batch.max(1)).max(1);
        let mut sum = 0.0;
        for _ in 0..steps {
            let mut values = Vec::with_capacity(options.batch * columns);
            let mut targets = Vec::with_capacity(options.batch);
            for _ in 0..options.batch {
                let row = draw.row(random);
                targets.push(u32::from(classes[row]));
                values.extend(scaled[row * columns..(row + 1) * columns].iter().map(|value| {
                    let known = if random.unit() < options.forgotten { 0.0 } else { *value };
                    known + options.noise * random.normal()
                }));
            }
            let values = Tensor::from_vec(values, (options.batch, columns), &Device::Cpu)?;
            let targets = Tensor::from_vec(targets, options.batch, &Device::Cpu)?;
            let logits = ops::log_softmax(&self.forward(values)?, D::Minus1)?;
            let own = loss::nll(&logits, &targets)?;
            let spread = logits.mean_all()?.neg()?;
            let loss = ((own * (1.0 - options.smoothing))? + (spread * options.smoothing)?)?;
            sum += f64::from(loss.to_scalar::<f32>()?);
            self.optimizer.backward_step(&loss)?;
        }
        Ok(sum / steps as f64)
    }

    pub(super) fn forward(&self, mut values: Tensor) -> candle_core::Result<Tensor> {
        for (index, (weights, bias)) in self.layers.iter().enumerate() {
            if index > 0 {
                values = values.relu()?;
            }
            values = values.matmul(weights)?.broadcast_add(bias)?;
        }
        Ok(values)
    }

    /// Its weights, as a file has them.
    pub(super) fn layers(&self) -> candle_core::Result<Vec<Layer>> {
        debug_assert_eq!(self.layers.last().and_then(|(_, bias)| bias.dims1().ok()), Some(self.classes));
        let layer = |(weights, bias): &(Var, Var)| {
            let (inputs, outputs) = weights.dims2()?;
            let weights = weights.as_tensor().t()?.contiguous()?.flatten_all()?.to_vec1()?;
            Ok(Layer { inputs, outputs, weights, bias: bias.to_vec1()? })
        };
        self.layers.iter().map(layer).collect()
    }
}

/// Mean of −ln(probability of the true class), weighted.
pub fn mean_loss(logits: &[f32], outputs: usize, classes: &[u16], weights: &[f64], temperature: f32) -> f64 {
    let rows = logits.chunks_exact(outputs).zip(classes).zip(weights);
    rows.map(|((row, class), weight)| {
        let mut row = row.to_vec();
        network::softmax(&mut row, temperature);
        -weight * f64::from(row[usize::from(*class)].max(f32::MIN_POSITIVE)).ln()
    })
    .sum()
}

/// The temperature at which rows are least surprising.
pub fn choose_temperature(logits: &[f32], outputs: usize, classes: &[u16], weights: &[f64]) -> f32 {
    let candidates = (0u8..60).map(|step| 0.5 * 1.04f32.powi(i32::from(step)));
    let loss = |temperature| mean_loss(logits, outputs, classes, weights, temperature);
    let scored = candidates.map(|temperature| (temperature, loss(temperature)));
    scored.min_by(|left, right| left.1.total_cmp(&right.1)).map_or(1.0, |(temperature, _)| temperature)
}

/// The first rows of each class: enough to tell a network from another.
fn golden_rows(rows: &Rows<'_>, columns: usize, count: usize) -> Vec<Vec<f32>> {
    let rows_of = |class: usize| {
        let mine = rows.classes.iter().enumerate().filter(move |(_, found)| usize::from(**found) == class);
        mine.take(2).map(|(row, _)| rows.values[row * columns..(row + 1) * columns].to_vec())
    };
    (0..count).flat_map(rows_of).collect()
}

#[cfg(test)]
mod tests;
