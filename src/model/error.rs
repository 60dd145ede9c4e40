//! Why a model cannot be used, with the data that says where.

use std::path::PathBuf;

use crate::verdict::features::UnknownFeatures;

/// A model cannot be loaded, or cannot judge.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is no model of ours.
    #[error("model file {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
    /// Rows are not as wide as the model's input; nothing was labelled.
    #[error("rows have {found} features; the model takes {expected}")]
    Width {
        /// Columns of the matrix.
        found: usize,
        /// Inputs of the model.
        expected: usize,
    },
    /// The tensor library failed.
    #[error("the network cannot be computed")]
    Tensor(#[from] candle_core::Error),
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[from] std::io::Error),
    /// A directory, a device, a pipe.
    #[error("it is not a regular file")]
    NotAFile,
    /// Larger than settings allow.
    #[error("it has {bytes} octets; at most {max} are read")]
    TooLarge {
        /// Octets of the file.
        bytes: u64,
        /// The cap.
        max: u64,
    },
    /// The part before the weights is larger than any honest one.
    #[error("its header says it has {bytes} octets; at most {max} are read")]
    HeaderTooLarge {
        /// As the file says.
        bytes: u64,
        /// The cap.
        max: u64,
    },
    /// It is not in the safetensors format.
    #[error("it is not an undamaged safetensors file")]
    Damaged(#[source] safetensors::SafeTensorError),
    /// More tensors than any network of ours.
    #[error("it holds {count} tensors; at most {max} are read")]
    TooManyTensors {
        /// As the file says.
        count: usize,
        /// The cap.
        max: usize,
    },
    /// It has no metadata of ours.
    #[error("it has no metadata \"{key}\": it was not made by `flowsentry train`")]
    NoMetadata {
        /// The missing key.
        key: &'static str,
    },
    /// Its metadata cannot be read.
    #[error("its metadata \"flowsentry\" cannot be read")]
    Metadata(#[source] serde_json::Error),
    /// It was made for another version of this program.
    #[error("it has format {found}; this program reads format {expected}: train it anew")]
    Format {
        /// As the file says.
        found: u32,
        /// What this program reads.
        expected: u32,
    },
    /// It wants features that the program does not know.
    #[error("it wants what this program cannot compute")]
    Features(#[from] UnknownFeatures),
    /// A weight or scale is infinite or not a number.
    #[error("{what} is not a finite number")]
    NotFinite {
        /// Which one.
        what: String,
    },
    /// A figure of the metadata is outside its bounds.
    #[error("{what}")]
    Bounds {
        /// Which one, its value and its bounds.
        what: String,
    },
    /// A tensor of the network is absent.
    #[error("tensor {name} is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor does not belong to the network.
    #[error("tensor {name} does not belong to a network of {layers} layers")]
    UnexpectedTensor {
        /// Its name.
        name: String,
        /// Layers that the metadata gives.
        layers: usize,
    },
    /// A tensor is not of single precision.
    #[error("tensor {name} has type {found}; expected F32")]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
    /// A tensor does not fit the metadata.
    #[error("tensor {name} has shape {found:?}; its metadata gives {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// As the file has it.
        found: Vec<usize>,
        /// As features, hidden layers and classes give it.
        expected: Vec<usize>,
    },
    /// The network does not compute what it computed where it was trained.
    #[error("golden row {row} gives probabilities that are off by {difference}: the file or the program changed")]
    Golden {
        /// Which row.
        row: usize,
        /// Greatest difference of a probability.
        difference: f32,
    },
    /// The tensor library failed.
    #[error("its network cannot be built")]
    Tensor(#[from] candle_core::Error),
}
