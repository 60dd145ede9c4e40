//! The only room with tensors: model files, the network, reloading, switching, optimisation.
//!
//! Promise: a file is taken whole or not at all. What a file says of itself (features, shapes, scales, classes) is checked
//! against this program before it labels a single flow, and its golden rows prove that it computes here what it computed
//! where it was trained.

pub mod adapt;
mod draw;
mod error;
mod explain;
mod file;
mod mlp;
mod network;
pub mod random;
mod reload;
mod slot;
pub mod train;

#[cfg(test)]
pub(crate) use file::tests::model_file;

pub use error::{FileError, ModelError};
pub use file::{Description, Golden, Input, Layer, ModelFile, Transform};
pub use mlp::Model;
pub use network::DEVIATIONS_MAX;
pub use reload::{Change, Watched};
pub use slot::{Checked, Slot, SlotError, Switched};
