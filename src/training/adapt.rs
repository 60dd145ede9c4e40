//! A site's own labelled hours make the shipped model fit the site.
//!
//! A site has not the captures that the shipped model learnt from. It has the model file and its own hours, most often without
//! any attack in them: what it knows is which alarms were false. So adapting takes no more than these two. What the model
//! knows of attacks is rehearsed on made-up traffic ([`super::synthesis`]), which comes from a seed.

use sha2::{Digest, Sha256};

use super::corpus::{Corpus, CorpusError, Split, hexadecimal};
use crate::model::adapt::{self, Adapted, Lessons, Options};
use crate::model::train::TrainError;
use crate::model::{FileError, ModelFile};
use crate::verdict::features::{Features, UnknownFeatures};
use crate::verdict::label::NORMAL;

mod added;
mod memory;

/// Characters of a fingerprint that a version has.
const VERSION_CHARS: usize = 8;

/// Octets of the parent's version that are kept: a version has at most 64.
const PARENT_OCTETS_MAX: usize = 64 - VERSION_CHARS - 1;

/// Adapting failed.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// The added captures cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The parent wants features that this program lacks.
    #[error(transparent)]
    Features(#[from] UnknownFeatures),
    /// The network failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The parent or what became of it cannot be written.
    #[error("the adapted model cannot be used")]
    File(#[from] FileError),
    /// There is nothing to learn from.
    #[error("splits.json names no capture to learn from in \"train\"")]
    NoCaptures,
    /// The captures are empty.
    #[error("the captures of the {split} split hold no packets: {captures}")]
    NoPackets {
        /// The split.
        split: &'static str,
        /// Their ids.
        captures: String,
    },
    /// A label is no class of the parent.
    #[error("capture {capture} is labelled {label}, which is no class of the model {version}; it has {classes}")]
    NoClass {
        /// Id of the capture.
        capture: String,
        /// The label.
        label: &'static str,
        /// Name of the parent.
        version: String,
        /// Its classes.
        classes: String,
    },
    /// The parent judges the validation captures as well as anything that was learnt.
    #[error("nothing that was learnt from {captures} captures makes the model better on the validation split")]
    NothingGained {
        /// Captures of the training split.
        captures: usize,
    },
}

/// What adapting is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A capture was read or made up.
    Capture {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// An epoch ended.
    Epoch {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
}

/// An adapted model, and what it was made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The model; its version and fingerprint name the parent and what was added.
    pub file: ModelFile,
    /// The epoch that was kept.
    pub epoch: usize,
    /// Captures that were learnt from.
    pub captures: usize,
    /// Labels that these hold, Normal among them.
    pub labels: Vec<String>,
    /// Whether there was a validation split to choose the epoch by.
    pub is_validated: bool,
}

impl Outcome {
    /// Whether there was no attack to learn.
    pub fn is_ordinary_only(&self) -> bool {
        self.labels.iter().all(|label| label == NORMAL)
    }
}

/// Adapts `parent` to the captures of `added`: learns its training split, chooses the epoch by its validation split if it has one.
///
/// # Errors
/// [`AdaptError`] that says what is missing.
pub fn adapt(
    parent: &ModelFile,
    added: &Corpus,
    options: &Options,
    mut tell: impl FnMut(Progress),
) -> Result<Outcome, AdaptError> {
    let description = &parent.description;
    let names: Vec<String> = description.inputs.iter().map(|input| input.feature.clone()).collect();
    let features = Features::resolve(&names)?;
    let captures = added.captures(Split::Train)?.len();
    if captures == 0 {
        return Err(AdaptError::NoCaptures);
    }
    let of = captures + added.captures(Split::Validation)?.len() + memory::captures();
    let mut done = 0;
    let mut count = || {
        done += 1;
        tell(Progress::Capture { done, of });
    };
    let learnt = added::rows(added, Split::Train, &features, description, &mut count)?;
    let validation = added::rows(added, Split::Validation, &features, description, &mut count)?;
    let remembered = memory::rows(&features, &description.classes, options.seed, &mut count);
    let lessons = Lessons { added: &learnt, remembered: &remembered, validation: &validation };
    let of = options.epochs;
    let Adapted { mut file, epoch } =
        adapt::adapt(parent, options, lessons, |done| tell(Progress::Epoch { done, of }))?;
    if epoch == 0 {
        return Err(AdaptError::NothingGained { captures });
    }
    name(&mut file, parent, &fingerprint(parent, added, options)?);
    let is_learnt = |class: usize| learnt.classes.iter().any(|learnt| usize::from(*learnt) == class);
    let labels = description.classes.iter().enumerate().filter(|(class, _)| is_learnt(*class));
    let labels = labels.map(|(_, label)| label.clone()).collect();
    Ok(Outcome { file, epoch, captures, labels, is_validated: !validation.is_empty() })
}

/// The version is that of the first parent and what tells this from its other children; the fingerprint is the parent's,
/// and that of what was added to it.
fn name(file: &mut ModelFile, parent: &ModelFile, fingerprint: &str) {
    let parent = &parent.description;
    let first = parent.version.split('+').next().unwrap_or_default();
    let first = &first[..first.floor_char_boundary(PARENT_OCTETS_MAX)];
    file.description.version = format!("{first}+{}", &fingerprint[..VERSION_CHARS]);
    file.description.training_fingerprint = format!("{}+{fingerprint}", parent.training_fingerprint);
}

/// Another parent, other captures or other options give another.
fn fingerprint(parent: &ModelFile, added: &Corpus, options: &Options) -> Result<String, AdaptError> {
    let mut hasher = Sha256::new();
    hasher.update(parent.to_bytes()?);
    hasher.update(added.fingerprint(&[Split::Train, Split::Validation])?);
    hasher.update(format!("{options:?}"));
    Ok(hexadecimal(&hasher.finalize()))
}

#[cfg(test)]
mod tests;
