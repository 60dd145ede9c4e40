//! `flowsentry model`: which model files there are, and which of them labels flows; a service may be running meanwhile.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::context::Context;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::model::{Checked, FileError, ModelError, Slot, SlotError, Switched};

mod reference;
mod report;

/// Show model files, put another one in use, put the one before it back. A running service takes the change over by
/// itself, without a restart and without losing a flow; every stored row names the version that labelled it
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry model list                     in use, kept from before, in shadow
  flowsentry model show new.safetensors     what a file is, and whether it can be used
  flowsentry model switch new.safetensors   checks it, keeps the one in use, puts it in use
  flowsentry model switch                   the same with the candidate in shadow, model.candidate
  flowsentry model rollback                 puts back what was in use before; once more undoes it
  flowsentry model features                 every feature that there is, as Markdown

Ends with 65 if a file is no model that this program can use; nothing is changed then.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,

    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

/// What can be asked about models.
#[derive(clap::Subcommand, Debug)]
enum Command {
    /// The model in use, the one before it, and the candidate in shadow
    List,
    /// What a file is: version, data it was trained on, classes, features
    Show {
        /// The file; without it the one in use, model.path
        file: Option<PathBuf>,
    },
    /// Every feature that there is: unit, formula, and how a model takes it; docs/features.md is written so
    Features {
        /// The model file; without it the one in use, model.path
        file: Option<PathBuf>,
    },
    /// Put a copy of a file in use, at model.path; the one before is kept beside it, with .previous at the end of its name
    Switch {
        /// The file; without it the candidate in shadow, model.candidate
        file: Option<PathBuf>,
    },
    /// Put the model back that was in use before, and keep the one in use now
    Rollback,
}

/// Does what was asked.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let bytes_max = config.model.file_max.0;
    let slot = Slot::at(&config.model.path, bytes_max);
    let json = args.json;
    let text = match args.command {
        Command::List => list(&config, &slot, json),
        Command::Show { file } => {
            let file = file.unwrap_or_else(|| config.model.path.clone());
            let model = Checked::read(&file, bytes_max).map_err(unusable)?;
            if json { report::line(&report::as_json(&file, &model)) } else { report::show(&file, &model) }
        }
        Command::Features { file } => {
            let file = file.unwrap_or_else(|| config.model.path.clone());
            let model = Checked::read(&file, bytes_max).map_err(unusable)?.description;
            if json { report::line(&reference::as_json(&model)) } else { reference::page(&model) }
        }
        Command::Switch { file } => {
            let file = file.or_else(|| config.model.candidate.clone()).ok_or_else(no_file)?;
            let switched = slot.switch(&file).map_err(failed)?;
            changed(&slot, &switched, &config, json)
        }
        Command::Rollback => changed(&slot, &slot.rollback().map_err(failed)?, &config, json),
    };
    super::print(&text)
}

fn list(config: &Config, slot: &Slot, json: bool) -> String {
    let previous = slot.previous();
    let candidate = config.model.candidate.as_deref();
    let read = |path: &Path| Checked::read(path, config.model.file_max.0);
    let places = [("in use", Some(slot.path())), ("before", Some(&*previous)), ("candidate", candidate)];
    let places = places.map(|(place, path)| report::Place { name: place, file: path.map(|path| (path, read(path))) });
    if json { report::list_as_json(&places) } else { report::list(&places) }
}

fn changed(slot: &Slot, switched: &Switched, config: &Config, json: bool) -> String {
    if json {
        return report::changed_as_json(slot, switched);
    }
    report::changed(slot, switched, &humantime::format_duration(config.model.reload_interval).to_string())
}

fn no_file() -> Failure {
    Failure::new(Exit::Usage, "there is no candidate to put in use: model.candidate is empty")
        .hint("name the file: flowsentry model switch FILE")
}

fn failed(error: SlotError) -> Failure {
    match error {
        SlotError::Unusable(error) => unusable(error),
        SlotError::NoPrevious { .. } | SlotError::SamePrevious { .. } => Failure::new(Exit::Configuration, error)
            .hint("only the model before the last switch is kept; put a file in use: flowsentry model switch FILE"),
        SlotError::Busy { .. } => Failure::new(Exit::Output, error).hint("try again when it has ended"),
        SlotError::Write { ref source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            Failure::new(Exit::Permission, error).hint("run it as who may write model.path and its directory")
        }
        SlotError::Write { ref source, .. } if source.kind() == ErrorKind::NotFound => {
            Failure::new(Exit::Configuration, error).hint("does the directory of model.path exist?")
        }
        SlotError::Write { .. } => Failure::new(Exit::Output, error).hint("is the disk full? free space and try again"),
    }
}

fn unusable(error: ModelError) -> Failure {
    let cause = match &error {
        ModelError::File { source: FileError::Read(cause), .. } => Some(cause.kind()),
        _ => None,
    };
    match cause {
        Some(ErrorKind::PermissionDenied) => {
            Failure::new(Exit::Permission, error).hint("run it as who may read the file")
        }
        Some(_) => Failure::new(Exit::Data, error).hint("flowsentry model list shows which files there are"),
        None => Failure::new(Exit::Data, error)
            .hint("name another file, or train one: flowsentry train; nothing was changed"),
    }
}
