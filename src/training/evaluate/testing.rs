//! For tests: models, flows and captures whose figures one computes by hand.

use super::{Judged, JudgedFlow};
use crate::model::{Description, Golden, Input, Layer, Model, ModelFile, Transform};
use crate::training::corpus::{Capture, Label};
use crate::verdict::label::Verdict;
use crate::verdict::threshold::Thresholds;

/// Says the second of its two classes where the feature is above a number.
pub fn model(feature: &str, above: f32) -> Model {
    let input =
        Input { feature: feature.to_owned(), transform: Transform::None, mean: above, deviation: 1.0, usual: None };
    let odds = (-above.min(6.0)).exp(); // inputs are cut to six deviations
    let description = Description {
        format: Description::FORMAT,
        version: "v".to_owned(),
        training_fingerprint: String::new(),
        classes: classes(),
        hidden: vec![],
        temperature: 1.0,
        thresholds: Thresholds::default(),
        inputs: vec![input],
        golden: Golden { rows: vec![vec![0.0]], probabilities: vec![vec![1.0 / (1.0 + odds), odds / (1.0 + odds)]] },
    };
    let layers = vec![Layer { inputs: 1, outputs: 2, weights: vec![0.0, 1.0], bias: vec![0.0; 2] }];
    Model::new(&ModelFile { description, layers }).unwrap()
}

/// Those of the model.
pub fn classes() -> Vec<String> {
    vec!["Normal".to_owned(), "DDoS".to_owned()]
}

/// A capture of nobody.
pub fn capture(id: &str, subject: &str) -> Capture {
    Capture { id: id.to_owned(), subject: subject.to_owned(), repo: None, licence: String::new(), directory: "".into() }
}

/// A flow of nine packets of a label, and how probable the second class is.
pub fn flow(label: &str, ddos: f32) -> JudgedFlow {
    let (class, confidence) = if ddos > 0.5 { (1, ddos) } else { (0, 1.0 - ddos) };
    let label = Label::from_name(label).unwrap();
    JudgedFlow { label, packets: 9, verdict: Verdict { class, confidence }, probabilities: vec![1.0 - ddos, ddos] }
}

/// A capture of a minute.
pub(in crate::training::evaluate) fn judged<'a>(capture: &'a Capture, flows: &[(&str, f32)]) -> Judged<'a> {
    Judged { capture, flows: flows.iter().map(|&(label, ddos)| flow(label, ddos)).collect(), seconds: 60.0 }
}

/// Equal but for rounding.
#[track_caller]
pub fn about(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{what}: {found}, not {expected}");
}
