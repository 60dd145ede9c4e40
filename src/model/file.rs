//! A model file: safetensors with the weights, and everything else as JSON under one metadata key.
//!
//! One key, because the order of several is not defined, and the same training must give the same octets.
//! Whoever can write the file can choose every octet of it, so nothing in it is believed before it is checked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::error::FileError;
use crate::verdict::threshold::Thresholds;

/// Largest header that is read, in octets: an honest one has a few KiB.
const HEADER_BYTES_MAX: u64 = 1 << 20;
/// Most tensors that are read: two a layer.
const TENSORS_MAX: usize = 64;
/// Format of this program's files.
const FORMAT: u32 = 1;
const METADATA_KEY: &str = "flowsentry";
const LAYER_WIDTH_MAX: usize = 4096;
const CLASSES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;
const GOLDEN_ROWS_MAX: usize = 64;

/// A model as its file has it.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelFile {
    /// Everything but the weights.
    pub description: Description,
    /// From the input to the output.
    pub layers: Vec<Layer>,
}

/// Everything but the weights.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of this format.
    pub format: u32,
    /// Name of this model; stored with every flow that it labels.
    pub version: String,
    /// Fingerprint of the training data and options.
    pub training_fingerprint: String,
    /// Class names in the order of the outputs.
    pub classes: Vec<String>,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Divides the outputs before the softmax, so that confidence is as often right as it says.
    pub temperature: f32,
    /// How probable a class must be to be the verdict. Files without them have none: the most probable class is the verdict.
    #[serde(default, skip_serializing_if = "Thresholds::is_empty")]
    pub thresholds: Thresholds,
    /// Features in the order of the inputs.
    pub inputs: Vec<Input>,
    /// Rows whose result is known.
    pub golden: Golden,
}

impl Description {
    /// The format that this program writes and reads.
    pub const FORMAT: u32 = FORMAT;
}

/// One input: a feature and how it is scaled.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name in the catalogue of features.
    pub feature: String,
    /// What is done to it first.
    pub transform: Transform,
    /// Mean of the transformed feature in training.
    pub mean: f32,
    /// Standard deviation of the transformed feature in training; above 0.
    pub deviation: f32,
    /// Mean of the transformed feature over Normal flows in training: what reasons call usual. Files from before there
    /// were reasons have none; the mean over all flows stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<f32>,
}

/// What is done to a feature before it is scaled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// ln(1 + x), for what spans orders of size.
    Log1p,
    /// Nothing.
    None,
}

/// Rows whose result is known: untransformed features, and the probabilities that they gave in training.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Features a row.
    pub rows: Vec<Vec<f32>>,
    /// Probability of each class a row, at the model's temperature.
    pub probabilities: Vec<Vec<f32>>,
}

/// Weights of one fully connected layer.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Row-major, shape `outputs` × `inputs`.
    pub weights: Vec<f32>,
    /// Shape [outputs].
    pub bias: Vec<f32>,
}

impl ModelFile {
    /// Reads and checks a file of at most `bytes_max` octets.
    ///
    /// # Errors
    /// [`FileError`] that says what is wrong with it.
    pub fn read(path: &Path, bytes_max: u64) -> Result<Self, FileError> {
        Self::parse(&Self::octets(path, bytes_max)?)
    }

    /// Reads a file of at most `bytes_max` octets, which are not looked at.
    ///
    /// # Errors
    /// [`FileError`] if it is larger, no regular file, or cannot be read.
    pub fn octets(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        // Asked before it is opened: opening a pipe would wait for a writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(FileError::NotAFile);
        }
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes > bytes_max {
            return Err(FileError::TooLarge { bytes, max: bytes_max });
        }
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Reads and checks the octets of a file.
    ///
    /// # Errors
    /// [`FileError`] that says what is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        if header > HEADER_BYTES_MAX {
            return Err(FileError::HeaderTooLarge { bytes: header, max: HEADER_BYTES_MAX });
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(FileError::Damaged)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(FileError::Damaged)?;
        if tensors.len() > TENSORS_MAX {
            return Err(FileError::TooManyTensors { count: tensors.len(), max: TENSORS_MAX });
        }
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let text = text.ok_or(FileError::NoMetadata { key: METADATA_KEY })?;
        let description = Description::parse(text)?;
        let layers = read_layers(&tensors, &description)?;
        Ok(Self { description, layers })
    }

    /// The octets of the file: the same model gives the same octets.
    ///
    /// # Errors
    /// [`FileError`] if the library refuses to write it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let text = serde_json::to_string(&self.description).map_err(FileError::Metadata)?;
        let mut tensors = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            tensors.push((weight_name(index), Floats::new(vec![layer.outputs, layer.inputs], &layer.weights)));
            tensors.push((bias_name(index), Floats::new(vec![layer.outputs], &layer.bias)));
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), text)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(FileError::Damaged)
    }
}

fn weight_name(layer: usize) -> String {
    format!("layer.{layer}.weight")
}

fn bias_name(layer: usize) -> String {
    format!("layer.{layer}.bias")
}

impl Description {
    fn parse(text: &str) -> Result<Self, FileError> {
        /// Read first: another format may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let found = serde_json::from_str::<Format>(text).map_err(FileError::Metadata)?.format;
        if found != FORMAT {
            return Err(FileError::Format { found, expected: FORMAT });
        }
        let description: Self = serde_json::from_str(text).map_err(FileError::Metadata)?;
        description.check_bounds()?;
        description.check_finite()?;
        description.check_golden()?;
        Ok(description)
    }

    /// Widths of all layers, input and output included.
    fn widths(&self) -> Vec<usize> {
        let ends = (self.inputs.len(), self.classes.len());
        std::iter::once(ends.0).chain(self.hidden.iter().copied()).chain(std::iter::once(ends.1)).collect()
    }

    fn check_bounds(&self) -> Result<(), FileError> {
        let check = |holds: bool, what: &dyn Fn() -> String| {
            if holds { Ok(()) } else { Err(FileError::Bounds { what: what() }) }
        };
        let widths = self.widths();
        check(widths.len() <= TENSORS_MAX / 2, &|| format!("{} hidden layers; at most 30", self.hidden.len()))?;
        for width in widths {
            check((1..=LAYER_WIDTH_MAX).contains(&width), &|| {
                format!("a layer has {width} places; expected 1 to {LAYER_WIDTH_MAX}")
            })?;
        }
        let count = self.classes.len();
        check((2..=CLASSES_MAX).contains(&count), &|| format!("{count} classes; expected 2 to {CLASSES_MAX}"))?;
        for (index, name) in self.classes.iter().chain(std::iter::once(&self.version)).enumerate() {
            let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
            check(fits, &|| {
                format!("{name:?} is no name: expected 1 to {NAME_BYTES_MAX} octets without control characters")
            })?;
            check(!self.classes[..index].contains(name), &|| format!("class {name:?} is there twice"))?;
        }
        check(self.thresholds.fit(count), &|| {
            let found = self.thresholds.values();
            format!("its thresholds are {found:?}; expected one of 0 to 2 for each of its {count} classes, or none")
        })?;
        let temperature = self.temperature;
        check((0.01..=100.0).contains(&temperature), &|| format!("temperature is {temperature}; expected 0.01 to 100"))
    }

    fn check_finite(&self) -> Result<(), FileError> {
        for input in &self.inputs {
            if !input.mean.is_finite() {
                return Err(FileError::NotFinite { what: format!("the mean of {}", input.feature) });
            }
            if input.usual.is_some_and(|usual| !usual.is_finite()) {
                return Err(FileError::NotFinite { what: format!("the usual value of {}", input.feature) });
            }
            // The inverse of a denormal is infinite.
            if !input.deviation.is_normal() || input.deviation < 0.0 {
                let what = format!("1 ÷ the deviation of {} ({})", input.feature, input.deviation);
                return Err(FileError::NotFinite { what });
            }
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), FileError> {
        let Golden { rows, probabilities } = &self.golden;
        let fits = (1..=GOLDEN_ROWS_MAX).contains(&rows.len())
            && rows.len() == probabilities.len()
            && rows.iter().all(|row| row.len() == self.inputs.len())
            && probabilities.iter().all(|row| row.len() == self.classes.len());
        if fits {
            return Ok(());
        }
        let what = format!("golden rows do not fit: expected 1 to {GOLDEN_ROWS_MAX}, each of all features and classes");
        Err(FileError::Bounds { what })
    }
}

fn read_layers(tensors: &SafeTensors<'_>, description: &Description) -> Result<Vec<Layer>, FileError> {
    let widths = description.widths();
    let count = widths.len() - 1;
    let mut layers = Vec::with_capacity(count);
    let mut names = Vec::with_capacity(2 * count);
    for (index, pair) in widths.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let weights = read_floats(tensors, &weight_name(index), &[outputs, inputs])?;
        let bias = read_floats(tensors, &bias_name(index), &[outputs])?;
        layers.push(Layer { inputs, outputs, weights, bias });
        names.extend([weight_name(index), bias_name(index)]);
    }
    let mut unexpected = tensors.names().into_iter().filter(|name| !names.iter().any(|known| known == name));
    match unexpected.next() {
        Some(name) => Err(FileError::UnexpectedTensor { name: name.to_owned(), layers: count }),
        None => Ok(layers),
    }
}

fn read_floats(tensors: &SafeTensors<'_>, name: &str, expected: &[usize]) -> Result<Vec<f32>, FileError> {
    let tensor = tensors.tensor(name).map_err(|_| FileError::MissingTensor { name: name.to_owned() })?;
    if tensor.dtype() != Dtype::F32 {
        return Err(FileError::Type { name: name.to_owned(), found: format!("{:?}", tensor.dtype()) });
    }
    if tensor.shape() != expected {
        let (found, expected) = (tensor.shape().to_vec(), expected.to_vec());
        return Err(FileError::Shape { name: name.to_owned(), found, expected });
    }
    let floats: Vec<f32> = tensor.data().as_chunks().0.iter().map(|octets| f32::from_le_bytes(*octets)).collect();
    if floats.iter().all(|float| float.is_finite()) {
        Ok(floats)
    } else {
        Err(FileError::NotFinite { what: format!("a value of tensor {name}") })
    }
}

/// Floats as safetensors wants to see them.
struct Floats {
    shape: Vec<usize>,
    octets: Vec<u8>,
}

impl Floats {
    fn new(shape: Vec<usize>, floats: &[f32]) -> Self {
        Self { shape, octets: floats.iter().flat_map(|float| float.to_le_bytes()).collect() }
    }
}

impl View for Floats {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.octets)
    }

    fn data_len(&self) -> usize {
        self.octets.len()
    }
}

#[cfg(test)]
pub(crate) mod tests;
