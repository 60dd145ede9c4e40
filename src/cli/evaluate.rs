//! `flowsentry evaluate`: how good a model is on labelled captures.

use std::path::PathBuf;

use super::context::Context;
use super::train::{corpus_failure, evaluate_failure, write};
use crate::exit::{Exit, Failure};
use crate::model::{FileError, Model, ModelError};
use crate::training::corpus::{Corpus, Split};
use crate::training::{evaluate, recipe, report};

/// Judge labelled captures by a model and show how often it is right: per class, per capture, and in false alarms an hour.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry evaluate --data captures
  flowsentry evaluate --model new.safetensors --data captures --split validation
  flowsentry evaluate --data captures --robustness --report report.html
  flowsentry evaluate --data captures --json | jq .all.macro_f1")]
pub struct Args {
    /// The model; without it the one of the settings
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Directory of labelled captures: packets/*.parquet, captures.json, splits.json
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Which captures
    #[arg(long, value_enum, default_value = "test")]
    split: Split,

    /// Write a page with tables and pictures for a browser as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Judge each attack once more padded, slower, delayed and among ordinary traffic
    #[arg(long)]
    robustness: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the figures.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { model, data, split, report, robustness, json } = args;
    let settings = context.config()?.model;
    let model = model.unwrap_or(settings.path);
    let model = Model::load(&model, settings.file_max.0).map_err(model_failure)?;
    let corpus = Corpus::open(&data).map_err(corpus_failure)?;
    let mut evaluation = evaluate::evaluate(&model, &corpus, split, recipe::WINDOW).map_err(evaluate_failure)?;
    if robustness {
        let found = evaluate::robustness(&model, &corpus, split, recipe::WINDOW).map_err(evaluate_failure)?;
        evaluation.robustness = Some(found);
    }
    if let Some(path) = report {
        write(&path, report::page(&evaluation).as_bytes())?;
    }
    if json {
        let text = serde_json::to_string(&evaluation).map_err(|error| Failure::new(Exit::Bug, error))?;
        super::print(&format!("{text}\n"))
    } else {
        super::print(&report::text(&evaluation))
    }
}

/// What a model that cannot be loaded means to who asked for it.
pub(super) fn model_failure(error: ModelError) -> Failure {
    let hint = match &error {
        ModelError::File { source: FileError::Read(_), .. } => {
            "name the model by --model, or train one: flowsentry train"
        }
        _ => "train it anew: flowsentry train",
    };
    Failure::new(Exit::Data, error).hint(hint)
}
