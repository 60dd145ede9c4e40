//! Rows of features to probabilities: scaling, fully connected layers with `relu` between them, softmax.
//!
//! Passes of about 1,000 rows on one thread: more fall out of the cache, and a second thread costs more than it brings.
//! What stands between the products of matrices happens in place: a tensor for each step would cost more than the step.

use std::sync::LazyLock;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor};

use super::file::{Input, Layer, Transform};
use crate::verdict::judge::CHUNK_ROWS;

/// Scaled features are cut to this many deviations around the mean: traffic beyond everything seen in training counts as
/// the furthest seen, and no single feature outweighs all others.
pub const DEVIATIONS_MAX: f32 = 6.0;

/// Whole numbers whose logarithm is looked up.
const KNOWN: usize = 4096;

/// ln(1 + n) of every n below [`KNOWN`]: most features are small counts, and a logarithm costs as much as ten other steps.
static LN_1P: LazyLock<[f32; KNOWN]> = LazyLock::new(|| std::array::from_fn(|count| (count as f32).ln_1p()));

/// ln(1 + value), the very bits that [`f32::ln_1p`] gives; `known` is [`LN_1P`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what does not fit is not among the known
#[allow(clippy::float_cmp)] // a whole number is exactly one, or none
fn ln_1p(value: f32, known: &[f32; KNOWN]) -> f32 {
    let whole = value as usize;
    match known.get(whole) {
        Some(&logarithm) if whole as f32 == value => logarithm,
        _ => value.ln_1p(),
    }
}

/// How features become inputs of the first layer.
#[derive(Clone, Debug)]
pub struct Scaling {
    /// Which features are taken the logarithm of.
    log1p: Vec<usize>,
    mean: Vec<f32>,
    factor: Vec<f32>,
}

impl Scaling {
    /// As a model's inputs say.
    pub fn new(inputs: &[Input]) -> Self {
        Self {
            log1p: (0..inputs.len()).filter(|&at| inputs[at].transform == Transform::Log1p).collect(),
            mean: inputs.iter().map(|input| input.mean).collect(),
            factor: inputs.iter().map(|input| 1.0 / input.deviation).collect(),
        }
    }

    /// Number of features a row.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// Scales whole rows. What is not a number comes out as the lower end.
    #[allow(clippy::manual_clamp)] // `clamp` would keep what is not a number
    pub fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let known = &*LN_1P;
        let mut scaled = rows.to_vec();
        for row in scaled.chunks_exact_mut(self.columns()) {
            for &at in &self.log1p {
                row[at] = ln_1p(row[at].max(0.0), known);
            }
            for ((value, mean), factor) in row.iter_mut().zip(&self.mean).zip(&self.factor) {
                *value = ((*value - mean) * factor).max(-DEVIATIONS_MAX).min(DEVIATIONS_MAX);
            }
        }
        scaled
    }
}

/// Fully connected layers.
#[derive(Clone, Debug)]
pub struct Network {
    /// Weights [inputs, outputs] and what follows their product.
    layers: Vec<(Tensor, Finish)>,
    outputs: usize,
}

impl Network {
    /// From the weights of a file.
    pub fn new(layers: &[Layer]) -> candle_core::Result<Self> {
        let last = layers.len().saturating_sub(1);
        let tensors = layers.iter().enumerate().map(|(index, layer)| {
            let weights = Tensor::from_slice(&layer.weights, (layer.outputs, layer.inputs), &Device::Cpu)?;
            if layer.bias.len() != layer.outputs {
                candle_core::bail!("a layer of {} outputs has a bias of {}", layer.outputs, layer.bias.len());
            }
            Ok((weights.t()?.contiguous()?, Finish { bias: layer.bias.clone(), relu: index < last }))
        });
        let outputs = layers.last().map_or(0, |layer| layer.outputs);
        Ok(Self { layers: tensors.collect::<candle_core::Result<_>>()?, outputs })
    }

    /// Number of outputs a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Outputs before the softmax, row by row.
    pub fn logits(&self, scaled: Vec<f32>, columns: usize) -> candle_core::Result<Vec<f32>> {
        let rows = scaled.len() / columns.max(1);
        let mut values = Tensor::from_vec(scaled, (rows, columns), &Device::Cpu)?;
        for (weights, finish) in &self.layers {
            values = values.matmul(weights)?;
            values.inplace_op1(finish)?;
        }
        values.flatten_all()?.to_vec1()
    }
}

/// Adds the bias to the rows of a product and, but in the last layer, cuts them at 0.
#[derive(Clone, Debug)]
struct Finish {
    bias: Vec<f32>,
    relu: bool,
}

impl InplaceOp1 for Finish {
    fn name(&self) -> &'static str {
        "bias and relu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else { candle_core::bail!("a network computes in single precision") };
        let Some((start, end)) = layout.contiguous_offsets() else { candle_core::bail!("a product is contiguous") };
        for row in values[start..end].chunks_exact_mut(self.bias.len().max(1)) {
            for (value, bias) in row.iter_mut().zip(&self.bias) {
                let sum = *value + bias;
                *value = if self.relu { sum.max(0.0) } else { sum };
            }
        }
        Ok(())
    }
}

/// Softmax of one row's logits at a temperature, in place.
pub fn softmax(row: &mut [f32], temperature: f32) {
    let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in &mut *row {
        *value = ((*value - greatest) / temperature).exp();
    }
    let sum: f32 = row.iter().sum();
    for value in row {
        *value /= sum;
    }
}

/// Probabilities of whole rows of features, in passes of [`CHUNK_ROWS`].
pub fn probabilities(
    scaling: &Scaling,
    network: &Network,
    temperature: f32,
    rows: &[f32],
) -> candle_core::Result<Vec<f32>> {
    let columns = scaling.columns();
    let mut all = Vec::with_capacity(rows.len() / columns.max(1) * network.outputs());
    for chunk in rows.chunks(CHUNK_ROWS * columns.max(1)) {
        let mut logits = network.logits(scaling.apply(chunk), columns)?;
        logits.chunks_exact_mut(network.outputs()).for_each(|row| softmax(row, temperature));
        all.extend_from_slice(&logits);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logarithms_that_are_looked_up_are_those_that_are_computed() {
        for count in 0..u16::MAX {
            let value = f32::from(count);
            assert_eq!(ln_1p(value, &LN_1P).to_bits(), value.ln_1p().to_bits(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn so_are_those_of_other_numbers(value in prop_oneof![0f32..5.0, 0f32..5000.0, 0f32..f32::MAX, Just(f32::INFINITY)]) {
            prop_assert_eq!(ln_1p(value, &LN_1P).to_bits(), value.ln_1p().to_bits());
        }

        #[test]
        fn what_happens_in_place_is_what_tensors_compute(
            numbers in prop::collection::vec(-2f32..2.0, 3 * 5 + 5 + 5 * 2 + 2), rows in prop::collection::vec(-3f32..3.0, 3..60),
        ) {
            let layer = |inputs: usize, outputs: usize, numbers: &[f32]| Layer {
                inputs,
                outputs,
                weights: numbers[..inputs * outputs].to_vec(),
                bias: numbers[inputs * outputs..][..outputs].to_vec(),
            };
            let layers = [layer(3, 5, &numbers), layer(5, 2, &numbers[20..])];
            let rows = rows[..rows.len() / 3 * 3].to_vec();
            let of_tensors = || -> candle_core::Result<Vec<f32>> {
                let mut values = Tensor::from_slice(&rows, (rows.len() / 3, 3), &Device::Cpu)?;
                for (index, layer) in layers.iter().enumerate() {
                    let weights = Tensor::from_slice(&layer.weights, (layer.outputs, layer.inputs), &Device::Cpu)?;
                    let bias = Tensor::from_slice(&layer.bias, layer.outputs, &Device::Cpu)?;
                    values = if index > 0 { values.relu()? } else { values };
                    values = values.matmul(&weights.t()?.contiguous()?)?.broadcast_add(&bias)?;
                }
                values.flatten_all()?.to_vec1()
            };
            let found = Network::new(&layers).unwrap().logits(rows.clone(), 3).unwrap();
            prop_assert_eq!(found, of_tensors().unwrap());
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_temperature_softens_them() {
        let check = |logits: [f32; 3], temperature, expected: [f32; 3]| {
            let mut row = logits;
            softmax(&mut row, temperature);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (value, expected) in row.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-3, "{logits:?} at {temperature}: {row:?}");
            }
        };
        check([0.0, 0.0, 0.0], 1.0, [0.333, 0.333, 0.333]);
        check([2.0, 1.0, 0.0], 1.0, [0.665, 0.245, 0.090]);
        check([2.0, 1.0, 0.0], 100.0, [0.337, 0.333, 0.330]);
        check([1000.0, 0.0, -1000.0], 1.0, [1.0, 0.0, 0.0]);
    }

    #[test]
    fn features_are_scaled_and_cut() {
        let input =
            |transform, mean, deviation| Input { feature: String::new(), transform, mean, deviation, usual: None };
        let scaling = Scaling::new(&[input(Transform::Log1p, 1.0, 2.0), input(Transform::None, 10.0, 0.5)]);
        let check = |row: [f32; 2], expected: [f32; 2]| {
            let scaled = scaling.apply(&row);
            for (value, expected) in scaled.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-5, "{row:?}: {scaled:?}");
            }
        };
        check([0.0, 10.0], [-0.5, 0.0]);
        check([std::f32::consts::E - 1.0, 11.0], [0.0, 2.0]);
        check([-5.0, 1e9], [-0.5, 6.0]);
        check([f32::INFINITY, -1e9], [6.0, -6.0]);
        check([f32::NAN, f32::NAN], [-0.5, -6.0]);
    }
}
