//! A model that gives away what it was told: its confidence is a weighted sum of every feature there is, so the service
//! that stores another confidence computed another feature.

use std::path::Path;

use flowsentry::model::{Input, Layer, ModelFile, Transform};
use flowsentry::verdict::threshold::Thresholds;

use super::vectors::Vectors;

/// The model, for some vectors around which it is most sensitive.
pub struct Probe {
    inputs: Vec<Input>,
    weights: Vec<f32>,
}

impl Probe {
    /// Centred on these vectors.
    pub fn around(vectors: &Vectors) -> Self {
        let input = |(index, feature): (usize, &String)| {
            let values: Vec<f32> = vectors.flows.values().map(|values| values[index].ln_1p()).collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32;
            Input {
                feature: feature.clone(),
                transform: Transform::Log1p,
                mean,
                deviation: variance.sqrt().max(0.1),
                usual: None,
            }
        };
        // Of both signs without a pattern, so that no two features make up for each other.
        let weight = |number: u32| {
            let drawn = number.wrapping_mul(0x9e37_79b1) >> 16;
            (0.1 + (drawn & 0xff) as f32 / 1_000.0) * if drawn & 0x100 == 0 { 1.0 } else { -1.0 }
        };
        let weights = (1u32..).map(weight).take(vectors.features.len()).collect();
        Self { inputs: vectors.features.iter().enumerate().map(input).collect(), weights }
    }

    /// How probable Normal is for a flow with these features.
    pub fn confidence(&self, features: &[f32]) -> f64 {
        let scaled = self.inputs.iter().zip(features).map(|(input, value)| {
            let scaled = (value.ln_1p() - input.mean) / input.deviation;
            f64::from(scaled.clamp(-6.0, 6.0))
        });
        let sum: f64 = scaled.zip(&self.weights).map(|(scaled, weight)| scaled * f64::from(*weight)).sum();
        1.0 / (1.0 + (-sum).exp())
    }

    /// Its file. Nothing else than Normal is ever a verdict, so that what is stored is always that confidence.
    pub fn to_bytes(&self, vectors: &Vectors) -> Vec<u8> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/flowsentry.safetensors");
        let mut file = ModelFile::read(&shipped, 64 << 20).unwrap();
        let columns = self.inputs.len();
        let description = &mut file.description;
        description.inputs.clone_from(&self.inputs);
        "probe".clone_into(&mut description.version);
        description.classes = ["Normal", "DDoS"].map(str::to_owned).to_vec();
        description.hidden = Vec::new();
        description.temperature = 1.0;
        description.thresholds = Thresholds::new(vec![0.0, 2.0]);
        description.golden.rows = vectors.flows.values().cloned().collect();
        let both = |row: &Vec<f32>| {
            #[allow(clippy::cast_possible_truncation)] // a file has single precision
            let normal = self.confidence(row) as f32;
            vec![normal, 1.0 - normal]
        };
        description.golden.probabilities = description.golden.rows.iter().map(both).collect();
        let weights = [self.weights.clone(), vec![0.0; columns]].concat();
        file.layers = vec![Layer { inputs: columns, outputs: 2, weights, bias: vec![0.0, 0.0] }];
        file.to_bytes().unwrap()
    }
}
