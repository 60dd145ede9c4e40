//! `flowsentry train`: labelled captures become a model file, and a card that says how good it is; or a model file becomes
//! another that fits a site.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::context::Context;
use super::evaluate::model_failure;
use crate::exit::{Exit, Failure};
use crate::model::train::Options;
use crate::model::{Model, ModelError, ModelFile};
use crate::training::corpus::{Corpus, CorpusError, Split};
use crate::training::evaluate::{EvaluateError, evaluate, robustness};
use crate::training::recipe::{self, LearnError, Progress};
use crate::training::{card, report};

mod add;

/// Train a model on labelled captures. It learns from the training split, is chosen by the validation split, and its
/// figures are those of the test split. Or adapt a model to a site by captures of the site alone: --add without --data.
/// The same data, options and seed give the same file
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry train --data captures
  flowsentry train --data captures --out new.safetensors --card new.md --report new.html
  flowsentry train --add site --out site.safetensors            the model in use, adapted to a site's own hours
  flowsentry train --data captures --add site --out new.safetensors    all of it, anew

The captures of --add may be without any attack: then false alarms are unlearnt.")]
pub struct Args {
    /// Directory of labelled captures: packets/*.parquet, captures.json, splits.json
    #[arg(long, value_name = "DIR", required_unless_present = "add")]
    data: Option<PathBuf>,

    /// Directory of a site's own labelled captures: with --data learnt from beside those, without it a model is adapted
    #[arg(long, value_name = "DIR")]
    add: Option<PathBuf>,

    /// The model to adapt; without it the one of the settings
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    model: Option<PathBuf>,

    /// Where to write the model; with --data models/flowsentry.safetensors unless told otherwise
    #[arg(long, value_name = "FILE", required_unless_present = "data")]
    out: Option<PathBuf>,

    /// Where to write the model's card, Markdown
    #[arg(long, value_name = "FILE", requires = "data")]
    card: Option<PathBuf>,

    /// Where to write a page with the figures on the test split
    #[arg(long, value_name = "FILE", requires = "data")]
    report: Option<PathBuf>,

    /// Seed of initial weights, draws and noise
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,

    /// Most epochs
    #[arg(long, value_name = "N",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    epochs: Option<usize>,

    /// Captures of each kind of traffic that are made up to learn from beside the recorded ones
    #[arg(long, value_name = "N", requires = "data", default_value_t = recipe::MADE_UP,
          value_parser = clap::value_parser!(u64).range(0..=1_000))]
    made_up: u64,
}

/// Trains, writes model and card, prints the figures on the test split; or adapts, and prints what that changed.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { data, add, model, out, card, report: page, seed, epochs, made_up } = args;
    let out = out.unwrap_or_else(|| PathBuf::from("models/flowsentry.safetensors"));
    let open = |path: PathBuf| Corpus::open(&path).map_err(corpus_failure);
    let added = add.map(open).transpose()?;
    let Some(data) = data else {
        let added = added.ok_or_else(|| Failure::new(Exit::Usage, "neither --data nor --add is given"))?;
        let settings = context.config()?.model;
        let path = model.unwrap_or(settings.path);
        let parent = ModelFile::read(&path, settings.file_max.0).and_then(|file| Model::new(&file).map(|_| file));
        let parent = parent.map_err(|source| model_failure(ModelError::File { path, source }))?;
        return add::execute(&added, &parent, &out, seed, epochs);
    };
    let mut corpus = open(data)?;
    if let Some(added) = &added {
        corpus = corpus.join(added).map_err(corpus_failure)?;
    }
    let mut options = Options { seed, ..Options::default() };
    options.epochs = epochs.unwrap_or(options.epochs);
    let file = learn(&corpus, &options, made_up)?;
    let model = Model::new(&file).map_err(|error| Failure::new(Exit::Bug, error))?;
    let mut test = evaluate(&model, &corpus, Split::Test, recipe::WINDOW).map_err(evaluate_failure)?;
    if card.is_some() || page.is_some() {
        let changed = robustness(&model, &corpus, Split::Test, recipe::WINDOW).map_err(evaluate_failure)?;
        test.robustness = Some(changed);
    }
    write_model(&out, &file)?;
    if let Some(path) = card {
        let markdown = card::markdown(&model, &corpus, &test, &command_of(&options, added.is_some()));
        write(&path, markdown.map_err(corpus_failure)?.as_bytes())?;
    }
    if let Some(path) = page {
        write(&path, report::page(&test).as_bytes())?;
    }
    super::print(&report::text(&test))
}

fn learn(corpus: &Corpus, options: &Options, made_up: u64) -> Result<ModelFile, Failure> {
    let bar = Bar::new();
    let learnt = recipe::learn(corpus, options, made_up, |progress| match progress {
        Progress::Capture { done, of } => bar.show(done, of, "captures read"),
        Progress::Epoch { epoch, done, of } => {
            bar.show(done, of, format!("epochs, loss {:.3}", epoch.loss));
        }
    });
    bar.finish();
    learnt.map_err(|error| match error {
        LearnError::Corpus(error) => corpus_failure(error),
        LearnError::Train(error) => Failure::new(Exit::Data, error),
        LearnError::Features(error) => Failure::new(Exit::Bug, error),
    })
}

/// How far learning is. Drawn on a terminal only.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    fn show(&self, done: usize, of: usize, what: impl Into<Cow<'static, str>>) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
        self.0.set_message(what);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// The command that makes this model again; where data lies and files go is everyone's own affair.
fn command_of(options: &Options, with_added: bool) -> String {
    let Options { seed, epochs, .. } = options;
    let added = if with_added { " --add DIR" } else { "" };
    format!("flowsentry train --data DIR{added} --out FILE --seed {seed} --epochs {epochs}")
}

/// What a failed reading of labelled captures means to who asked for it.
pub(super) fn corpus_failure(error: CorpusError) -> Failure {
    let hint = match &error {
        CorpusError::Read { .. } => "a directory of labelled captures holds captures.json, splits.json and packets/",
        CorpusError::Json { .. } | CorpusError::Parquet { .. } => {
            "is the file of this version of the labelled captures?"
        }
        CorpusError::Row { .. } => "the packet cannot be one of raw_packets: mend the row or leave the capture out",
        CorpusError::Twice { .. } => "captures are told apart by their ids: rename one of the two",
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
