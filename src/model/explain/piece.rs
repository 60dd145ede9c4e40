//! The network in plain numbers, on the linear piece around one input.
//!
//! Between layers `relu` lets a value through or not. Which it lets through is the piece; on it the network is linear, so a
//! gradient says all of it.

use crate::model::file::Layer;

/// A linear piece of a network.
pub struct Piece<'a> {
    layers: &'a [Layer],
    /// Of every hidden layer, which of its places let their value through.
    open: Vec<Vec<bool>>,
}

impl<'a> Piece<'a> {
    /// The piece that `input` lies on, and the network's outputs there.
    pub fn around(layers: &'a [Layer], input: &[f64]) -> (Self, Vec<f64>) {
        let mut open = Vec::with_capacity(layers.len());
        let mut values = input.to_vec();
        for (number, layer) in layers.iter().enumerate() {
            if number > 0 {
                let places: Vec<bool> = values.iter().map(|value| *value > 0.0).collect();
                close(&mut values, &places);
                open.push(places);
            }
            values = outputs(layer, &values);
        }
        (Self { layers, open }, values)
    }

    /// What the piece, continued, says at another input: the outputs of the network if it were this piece everywhere.
    pub fn continued(&self, input: &[f64]) -> Vec<f64> {
        let mut values = input.to_vec();
        for (number, layer) in self.layers.iter().enumerate() {
            if number > 0 {
                close(&mut values, &self.open[number - 1]);
            }
            values = outputs(layer, &values);
        }
        values
    }

    /// The gradient of Σ `weights` × outputs by the inputs.
    pub fn gradient(&self, weights: &[f64]) -> Vec<f64> {
        let mut slopes = weights.to_vec();
        for (number, layer) in self.layers.iter().enumerate().rev() {
            let mut before = vec![0.0; layer.inputs];
            for (slope, row) in slopes.iter().zip(layer.weights.chunks_exact(layer.inputs)) {
                for (sum, weight) in before.iter_mut().zip(row) {
                    *sum += slope * f64::from(*weight);
                }
            }
            if number > 0 {
                close(&mut before, &self.open[number - 1]);
            }
            slopes = before;
        }
        slopes
    }
}

fn close(values: &mut [f64], open: &[bool]) {
    for (value, is_open) in values.iter_mut().zip(open) {
        if !is_open {
            *value = 0.0;
        }
    }
}

fn outputs(layer: &Layer, values: &[f64]) -> Vec<f64> {
    let rows = layer.weights.chunks_exact(layer.inputs).zip(&layer.bias);
    rows.map(|(row, bias)| {
        f64::from(*bias) + row.iter().zip(values).map(|(weight, value)| f64::from(*weight) * value).sum::<f64>()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::Random;
    use proptest::prelude::*;

    /// Layers of these widths with random weights.
    fn network(seed: u64, widths: &[usize]) -> Vec<Layer> {
        let mut random = Random::new(seed);
        let mut floats = |count: usize| (0..count).map(|_| random.between(-1.0, 1.0)).collect();
        let pairs = widths.windows(2);
        pairs
            .map(|pair| Layer {
                inputs: pair[0],
                outputs: pair[1],
                weights: floats(pair[0] * pair[1]),
                bias: floats(pair[1]),
            })
            .collect()
    }

    #[test]
    fn it_is_what_one_computes_by_hand() {
        let layers = vec![
            Layer { inputs: 2, outputs: 2, weights: vec![1.0, 2.0, 3.0, -4.0], bias: vec![0.5, 0.25] },
            Layer { inputs: 2, outputs: 1, weights: vec![2.0, 10.0], bias: vec![-1.0] },
        ];
        // Hidden: 1 + 2 + 0.5 lets through; 3 − 4 + 0.25 does not.
        let (piece, outputs) = Piece::around(&layers, &[1.0, 1.0]);
        assert_eq!(outputs, [6.0]);
        assert_eq!(piece.gradient(&[1.0]), [2.0, 4.0]);
        assert_eq!(piece.continued(&[0.0, 0.0]), [0.0]);
        assert_eq!(piece.continued(&[-10.0, 0.0]), [-20.0], "where the network itself says something else");
        assert_eq!(Piece::around(&layers, &[-10.0, 0.0]).1, [-1.0]);
    }

    proptest! {
        #[test]
        fn the_gradient_is_that_of_small_steps(seed: u64, input in prop::collection::vec(-3.0..3.0, 6)) {
            let layers = network(seed, &[6, 9, 5, 3]);
            let weights = [-1.0, 0.0, 1.0];
            let (piece, outputs) = Piece::around(&layers, &input);
            let gradient = piece.gradient(&weights);
            let at = |outputs: &[f64]| outputs.iter().zip(weights).map(|(output, weight)| output * weight).sum::<f64>();
            let step = 1e-4;
            for place in 0..input.len() {
                let mut moved = input.clone();
                moved[place] += step;
                let (other, there) = Piece::around(&layers, &moved);
                // A step that leaves the piece shows nothing of it.
                if other.open == piece.open {
                    let slope = (at(&there) - at(&outputs)) / step;
                    prop_assert!((slope - gradient[place]).abs() < 1e-6, "{} {}", slope, gradient[place]);
                }
            }
        }
    }
}
