//! Rows of features to probabilities: scaling, fully connected layers with `relu` between them, softmax.
//!
//! Passes of about 1,000 rows on one thread: more fall out of the cache, and a second thread costs more than it brings.

use candle_core::{Device, Tensor};

use super::file::{Input, Layer, Transform};
use crate::verdict::judge::CHUNK_ROWS;

/// Scaled features are cut to this many deviations around the mean: traffic beyond everything seen in training counts as
/// the furthest seen, and no single feature outweighs all others.
pub const DEVIATIONS_MAX: f32 = 6.0;

/// How features become inputs of the first layer.
#[derive(Clone, Debug)]
pub struct Scaling {
    log1p: Vec<bool>,
    mean: Vec<f32>,
    factor: Vec<f32>,
}

impl Scaling {
    /// As a model's inputs say.
    pub fn new(inputs: &[Input]) -> Self {
        Self {
            log1p: inputs.iter().map(|input| input.transform == Transform::Log1p).collect(),
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
        let mut scaled = rows.to_vec();
        for row in scaled.chunks_exact_mut(self.columns()) {
            for (value, log1p) in row.iter_mut().zip(&self.log1p) {
                if *log1p {
                    *value = value.max(0.0).ln_1p();
                }
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
    /// Weights [inputs, outputs] and bias [outputs].
    layers: Vec<(Tensor, Tensor)>,
    outputs: usize,
}

impl Network {
    /// From the weights of a file.
    pub fn new(layers: &[Layer]) -> candle_core::Result<Self> {
        let tensors = layers.iter().map(|layer| {
            let weights = Tensor::from_slice(&layer.weights, (layer.outputs, layer.inputs), &Device::Cpu)?;
            let bias = Tensor::from_slice(&layer.bias, layer.outputs, &Device::Cpu)?;
            Ok((weights.t()?.contiguous()?, bias))
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
        for (index, (weights, bias)) in self.layers.iter().enumerate() {
            if index > 0 {
                values = values.relu()?;
            }
            values = values.matmul(weights)?.broadcast_add(bias)?;
        }
        values.flatten_all()?.to_vec1()
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
