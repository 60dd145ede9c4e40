//! `flowsentry train`: labelled captures become a model file, and a card that says how good it is.

use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::context::Context;
use crate::exit::{Exit, Failure};
use crate::model::train::Options;
use crate::model::{Model, ModelFile};
use crate::training::corpus::{Corpus, CorpusError, Split};
use crate::training::evaluate::{EvaluateError, evaluate};
use crate::training::recipe::{self, LearnError, Progress};
use crate::training::{card, report};

/// Train a model on labelled captures. It learns from the training split, is chosen by the validation split, and its
/// figures are those of the test split. The same data, options and seed give the same file.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry train --data captures
  flowsentry train --data captures --out models/flowsentry.safetensors --card models/flowsentry.md")]
pub struct Args {
    /// Directory of labelled captures: packets/*.parquet, captures.json, splits.json
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Where to write the model
    #[arg(long, value_name = "FILE", default_value = "models/flowsentry.safetensors")]
    out: PathBuf,

    /// Where to write the model's card, Markdown
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,

    /// Seed of initial weights, draws and noise
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,

    /// Most epochs
    #[arg(long, value_name = "N", default_value_t = Options::default().epochs,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    epochs: usize,
}

/// Trains, writes model and card, prints the figures on the test split.
pub fn execute(args: Args, _context: &Context) -> Result<(), Failure> {
    let Args { data, out, card, seed, epochs } = args;
    let corpus = Corpus::open(&data).map_err(corpus_failure)?;
    let options = Options { seed, epochs, ..Options::default() };
    let file = learn(&corpus, &options)?;
    let model = Model::new(&file).map_err(|error| Failure::new(Exit::Bug, error))?;
    let test = evaluate(&model, &corpus, Split::Test, recipe::WINDOW).map_err(evaluate_failure)?;
    write_model(&out, &file)?;
    if let Some(path) = card {
        let command = command_of(&out, &path, &options);
        let markdown = card::markdown(&model, &corpus, &test, &command).map_err(corpus_failure)?;
        write(&path, markdown.as_bytes())?;
    }
    super::print(&report::text(&test))
}

fn learn(corpus: &Corpus, options: &Options) -> Result<ModelFile, Failure> {
    let bar = progress_bar();
    let learnt = recipe::learn(corpus, options, |progress| match progress {
        Progress::Capture { done, of } => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message("captures read");
        }
        Progress::Epoch { epoch, done, of } => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("epochs, loss {:.3}", epoch.loss));
        }
    });
    bar.finish_and_clear();
    learnt.map_err(|error| match error {
        LearnError::Corpus(error) => corpus_failure(error),
        LearnError::Train(error) => Failure::new(Exit::Data, error),
        LearnError::Features(error) => Failure::new(Exit::Bug, error),
    })
}

/// Drawn on a terminal only.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The command that makes this model again; where the data lies is everyone's own affair.
fn command_of(out: &Path, card: &Path, options: &Options) -> String {
    let (out, card) = (out.display(), card.display());
    let Options { seed, epochs, .. } = options;
    format!("flowsentry train --data DIR --out {out} --card {card} --seed {seed} --epochs {epochs}")
}

/// What a failed reading of labelled captures means to who asked for it.
pub(super) fn corpus_failure(error: CorpusError) -> Failure {
    let hint = match &error {
        CorpusError::Read { .. } => "a directory of labelled captures holds captures.json, splits.json and packets/",
        CorpusError::Json { .. } | CorpusError::Parquet { .. } => {
            "is the file of this version of the labelled captures?"
        }
        CorpusError::Row { .. } => "the packet cannot be one of raw_packets: mend the row or leave the capture out",
        CorpusError::Undescribed { .. } => "every capture of splits.json must be in captures.json",
    };
    Failure::new(Exit::Data, error).hint(hint)
}

/// What a failed evaluation means to who asked for it.
pub(super) fn evaluate_failure(error: EvaluateError) -> Failure {
    match error {
        EvaluateError::Corpus(error) => corpus_failure(error),
        EvaluateError::Model(error) => Failure::new(Exit::Bug, error),
    }
}

fn write_model(path: &Path, file: &ModelFile) -> Result<(), Failure> {
    let octets = file.to_bytes().map_err(|error| Failure::new(Exit::Bug, error))?;
    write(path, &octets)
}

/// Writes beside the file, then renames: a running service never sees half a model.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = std::fs::File::create(&beside)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display()));
        Failure::new(Exit::Output, error)
    })
}
