//! `flowsentry train --add`: a site's own labelled hours and a model file become a model that fits the site.

use std::path::Path;

use super::{Bar, corpus_failure, evaluate_failure, write_model};
use crate::exit::{Exit, Failure};
use crate::model::adapt::Options;
use crate::model::{Model, ModelFile};
use crate::training::adapt::{self, AdaptError, Outcome, Progress};
use crate::training::corpus::{Corpus, Split};
use crate::training::evaluate::evaluate;
use crate::training::{recipe, report};

/// Adapts the model at `parent`, writes the new one, prints what was learnt and what it changes.
pub fn execute(
    added: &Corpus,
    parent: &ModelFile,
    out: &Path,
    seed: u64,
    epochs: Option<usize>,
) -> Result<(), Failure> {
    let mut options = Options { seed, ..Options::default() };
    options.epochs = epochs.unwrap_or(options.epochs);
    let bar = Bar::new();
    let outcome = adapt::adapt(parent, added, &options, |progress| match progress {
        Progress::Capture { done, of } => bar.show(done, of, "captures read or made up"),
        Progress::Epoch { done, of } => bar.show(done, of, "epochs"),
    });
    bar.finish();
    let outcome = outcome.map_err(failure)?;
    let effect = effect(added, parent, &outcome)?;
    write_model(out, &outcome.file)?;
    crate::cli::print(&(summary(&outcome, parent, out) + &effect))
}

fn summary(outcome: &Outcome, parent: &ModelFile, out: &Path) -> String {
    let Outcome { file, epoch, captures, labels, is_validated } = outcome;
    let mut text = format!(
        "{out}\n  model    {version:?}, {parent:?} with {captures} captures more\n  learnt   {labels}\n  epochs   {epoch}, {chosen}\n",
        out = out.display(),
        version = file.description.version,
        parent = parent.description.version,
        labels = labels.join(", "),
        chosen = if *is_validated { "the best on the validation split" } else { "all: there is no validation split" },
    );
    if outcome.is_ordinary_only() {
        text +=
            "  note     no attack is among the captures: false alarms were unlearnt, and nothing new to recognise\n";
    }
    text
}

/// Figures before and after, on captures that nothing was learnt from if there are any.
fn effect(added: &Corpus, parent: &ModelFile, outcome: &Outcome) -> Result<String, Failure> {
    let mut split = Split::Train;
    for other in [Split::Test, Split::Validation] {
        if split == Split::Train && !added.captures(other).map_err(corpus_failure)?.is_empty() {
            split = other;
        }
    }
    let figures = |file| {
        let model = Model::new(file).map_err(|error| Failure::new(Exit::Bug, error))?;
        evaluate(&model, added, split, recipe::WINDOW).map_err(evaluate_failure)
    };
    let (before, after) = (figures(parent)?, figures(&outcome.file)?);
    let caution = match split {
        Split::Test => "",
        Split::Validation => ", by which the epoch was chosen",
        Split::Train => ", which it learnt from: this says nothing of other hours",
    };
    Ok(format!("\non the {} split{caution}\n{}", split.name(), report::effect(&before, &after)))
}

fn failure(error: AdaptError) -> Failure {
    let hint = match error {
        AdaptError::Corpus(error) => return corpus_failure(error),
        AdaptError::Train(_) => "lower the number of epochs: --epochs",
        AdaptError::Features(_) => "the model is of another version of this program: name another by --model",
        AdaptError::File(_) => return Failure::new(Exit::Bug, error),
        AdaptError::NoCaptures => {
            "put the captures to learn from into \"train\", those to choose by into \"validation\""
        }
        AdaptError::NoPackets { .. } => "leave empty captures out of splits.json",
        AdaptError::NoClass { .. } => {
            "leave the capture out, or train a model with that class: flowsentry train --data DIR"
        }
        AdaptError::NothingGained { .. } => {
            "the model judges them well as it is, or the hours of \"train\" and \"validation\" have little in common; \
             nothing was written"
        }
    };
    Failure::new(Exit::Data, error).hint(hint)
}
