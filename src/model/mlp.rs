//! A loaded model: the features it wants, its network, its classes.

use std::path::Path;
use std::sync::Arc;

use super::error::{FileError, ModelError};
use super::explain::{Explainer, Seen};
use super::file::{Golden, ModelFile};
use super::network::{self, Network, Scaling};
use crate::flow::context::Context;
use crate::flow::key::FlowKey;
use crate::flow::statistics::Statistics;
use crate::verdict::features::{Features, Matrix};
use crate::verdict::label::{Classes, Verdict};
use crate::verdict::phrases::Spans;
use crate::verdict::reasons::{Explain, Reasons};
use crate::verdict::threshold::Thresholds;

/// How far a golden row's probabilities may be off: other processors add in another order.
const GOLDEN_TOLERANCE: f32 = 1e-3;

/// A model, ready to judge.
#[derive(Debug)]
pub struct Model {
    features: Features,
    scaling: Scaling,
    network: Network,
    explainer: Explainer,
    temperature: f32,
    thresholds: Thresholds,
    classes: Classes,
    version: Arc<str>,
    training_fingerprint: Arc<str>,
}

impl Model {
    /// Loads a file of at most `bytes_max` octets.
    ///
    /// # Errors
    /// [`ModelError::File`] that says what is wrong with the file.
    pub fn load(path: &Path, bytes_max: u64) -> Result<Self, ModelError> {
        ModelFile::read(path, bytes_max)
            .and_then(|file| Self::new(&file))
            .map_err(|source| ModelError::File { path: path.to_owned(), source })
    }

    /// Builds what a file describes, and proves it by the golden rows.
    ///
    /// # Errors
    /// [`FileError`] if the program lacks a feature, or computes something else than was computed in training.
    pub fn new(file: &ModelFile) -> Result<Self, FileError> {
        let description = &file.description;
        let names: Vec<String> = description.inputs.iter().map(|input| input.feature.clone()).collect();
        let model = Self {
            features: Features::resolve(&names)?,
            scaling: Scaling::new(&description.inputs),
            network: Network::new(&file.layers)?,
            explainer: Explainer::new(&description.inputs, &file.layers),
            temperature: description.temperature,
            thresholds: description.thresholds.clone(),
            classes: Classes::new(description.classes.clone()),
            version: description.version.as_str().into(),
            training_fingerprint: description.training_fingerprint.as_str().into(),
        };
        model.prove(&description.golden)?;
        Ok(model)
    }

    fn prove(&self, golden: &Golden) -> Result<(), FileError> {
        for (row, (values, expected)) in golden.rows.iter().zip(&golden.probabilities).enumerate() {
            let found = network::probabilities(&self.scaling, &self.network, self.temperature, values)?;
            let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
            // A difference that is not a number must fail: so it is not left to `max`.
            let difference = differences.fold(0.0, |greatest, next| if next <= greatest { greatest } else { next });
            if difference.is_nan() || difference > GOLDEN_TOLERANCE {
                return Err(FileError::Golden { row, difference });
            }
        }
        Ok(())
    }

    /// Labels flows. `rows` are features as [`Features::append`] gives them, not transformed; one verdict a row, in order.
    ///
    /// # Errors
    /// [`ModelError::Width`] if the rows are not as wide as the model's input; nothing is labelled then.
    pub fn classify(&self, rows: &Matrix) -> Result<Vec<Verdict>, ModelError> {
        let probabilities = self.probabilities(rows)?;
        Ok(probabilities.chunks_exact(self.network.outputs()).map(|row| self.thresholds.verdict(row)).collect())
    }

    /// Probability of every class, row by row.
    ///
    /// # Errors
    /// [`ModelError::Width`] if the rows are not as wide as the model's input.
    pub fn probabilities(&self, rows: &Matrix) -> Result<Vec<f32>, ModelError> {
        let expected = self.features.len();
        if rows.columns != expected || !rows.values.len().is_multiple_of(expected) {
            return Err(ModelError::Width { found: rows.columns, expected });
        }
        Ok(network::probabilities(&self.scaling, &self.network, self.temperature, &rows.values)?)
    }

    /// Why a row of features is of a class; see [`Explain`].
    pub(super) fn explain_row(&self, row: &[f32], spans: Spans, class: u16) -> Option<Reasons> {
        let scaled = self.scaling.apply(row);
        let are_normal = |values: Vec<f32>| {
            let matrix = Matrix { columns: self.features.len(), values };
            // Without verdicts there is no way back; nobody asks rows of another width.
            let verdicts = self.classify(&matrix).unwrap_or_default();
            verdicts.into_iter().map(|verdict| verdict.class == 0).collect()
        };
        self.explainer.explain(Seen { row, scaled: &scaled, spans }, class, &are_normal)
    }

    /// What the model wants to be told of a flow.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What it tells apart.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// How probable a class must be to be the verdict.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Name of the model, stored with every flow that it labels.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Fingerprint of the training data and options.
    pub fn training_fingerprint(&self) -> &str {
        &self.training_fingerprint
    }
}

impl Explain for Model {
    fn explain(&self, key: &FlowKey, flow: &Statistics, context: &Context, class: u16) -> Option<Reasons> {
        let mut row = Vec::with_capacity(self.features.len());
        self.features.append(key, flow, context, &mut row);
        let spans = Spans { flow: flow.timing.duration_seconds(), window: context.covered_seconds };
        self.explain_row(&row, spans, class)
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{description, model_file};
    use super::*;

    fn classify(model: &Model, rows: &[f32]) -> Vec<(String, f32)> {
        let matrix = Matrix { columns: model.features().len(), values: rows.to_vec() };
        let verdicts = model.classify(&matrix).unwrap();
        verdicts.iter().map(|&verdict| (model.classes().label(verdict).to_owned(), verdict.confidence)).collect()
    }

    #[test]
    fn it_computes_what_one_computes_by_hand() {
        // One hidden unit: relu(ln(1 + packets) + rst share); DDoS is likelier above 1, and the verdict from 0.75 on.
        let model = Model::new(&model_file()).unwrap();
        let check = |rows: &[f32], expected: &[(&str, f32)]| {
            let found = classify(&model, rows);
            assert_eq!(found.len(), expected.len());
            for ((label, confidence), (expected, value)) in found.iter().zip(expected) {
                assert_eq!(label, expected, "{rows:?}");
                assert!((confidence - value).abs() < 1e-4, "{rows:?}: {confidence}");
            }
        };
        check(&[], &[]);
        check(&[0.0, 0.0], &[("Normal", 0.8808)]);
        check(&[6.389, 0.0], &[("DDoS", 0.8808)]);
        check(&[0.0, 1.5, 6.389, 0.0, 0.0, 0.0], &[("Normal", 0.2689), ("DDoS", 0.8808), ("Normal", 0.8808)]);
        check(&[f32::NAN, f32::NAN], &[("Normal", 0.8808)]);
        let many: Vec<f32> = (0..2_500).flat_map(|_| [6.389, 0.0]).collect();
        assert!(classify(&model, &many).iter().all(|(label, _)| label == "DDoS"));
        assert_eq!(classify(&model, &many).len(), 2_500);
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let model = Model::new(&model_file()).unwrap();
        let check = |columns, values: usize| {
            let matrix = Matrix { columns, values: vec![0.0; values] };
            assert!(matches!(model.classify(&matrix), Err(ModelError::Width { expected: 2, .. })), "{columns}");
        };
        check(3, 6);
        check(1, 2);
        check(2, 3);
        check(0, 0);
    }

    #[test]
    fn unknown_features_are_named() {
        let mut file = model_file();
        file.description.inputs[0].feature = "entropy".to_owned();
        let error = Model::new(&file).unwrap_err();
        let FileError::Features(unknown) = &error else { panic!("{error:?}") };
        assert_eq!(unknown.names, ["entropy"]);
    }

    #[test]
    fn a_network_that_computes_something_else_is_refused() {
        let mut file = model_file();
        file.layers[0].weights[0] = -1.0;
        assert!(matches!(Model::new(&file), Err(FileError::Golden { row: 1, .. })));
        let mut file = model_file();
        file.description.golden.probabilities[0] = vec![f32::NAN, f32::NAN];
        assert!(matches!(Model::new(&file), Err(FileError::Golden { row: 0, .. })));
        assert_eq!(description().golden.rows.len(), 2);
    }

    #[test]
    fn a_missing_file_is_named_with_its_cause() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none.safetensors");
        let error = Model::load(&path, 1 << 20).unwrap_err();
        assert!(error.to_string().ends_with("none.safetensors cannot be used"), "{error}");
        let Err(ModelError::File { source: FileError::NotAFile, .. }) = Model::load(directory.path(), 1 << 20) else {
            panic!("a directory is no model")
        };
    }
}
