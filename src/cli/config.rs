//! `flowsentry config`: the settings in effect, for people as lines that are valid TOML, for machines as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::context::Context;
use crate::config::{Bytes, Config, EffectiveOption, Origin, documented};
use crate::exit::{Exit, Failure};

/// Columns that `key = value` is padded to, so that the origins stand below each other.
const ORIGIN_COLUMN: usize = 48;

/// What `flowsentry config` takes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry config                                settings in effect
  flowsentry config --json | jq '.\"window.length\"'
  flowsentry config --documented > pipeline.toml   start a settings file")]
pub struct Args {
    /// Print one JSON object: option -> value, default, origin
    #[arg(long)]
    json: bool,

    /// Print a settings file with every option, documented, at its default
    #[arg(long, conflicts_with = "json")]
    documented: bool,
}

/// Prints what was asked for.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { json, documented: file } = args;
    let text = if file {
        documented()
    } else if json {
        as_json(&context.config()?).map_err(|error| Failure::new(Exit::Bug, error))?
    } else {
        as_lines(&context.config()?)
    };
    super::print(&text)
}

fn as_lines(config: &Config) -> String {
    let mut lines = config.effective().fold(String::new(), |mut text, option| {
        let EffectiveOption { key, value, default, origin } = option;
        let setting = format!("{key} = {value}");
        let was = if value == default { String::new() } else { format!(" (default {default})") };
        let _ = writeln!(text, "{setting:ORIGIN_COLUMN$} # {origin}{was}"); // a String takes everything
        text
    });
    let memory = config.memory();
    let [total, flows, packets] = [memory.total(), memory.flows, memory.packets].map(Bytes::rounded);
    // A String takes everything.
    let _ = writeln!(
        lines,
        "# These limits allow {total} of memory in all, if every queue fills up at once: {flows} of flows, {packets} of packets."
    );
    lines
}

fn as_json(config: &Config) -> Result<String, serde_json::Error> {
    let mut object = Map::new();
    for EffectiveOption { key, value, default, origin } in config.effective() {
        let origin = origin_as_json(&origin);
        object.insert(key.to_owned(), json!({ "value": value, "default": default, "origin": origin }));
    }
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

fn origin_as_json(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::File { path, line } => json!({ "kind": "file", "path": path.to_string_lossy(), "line": line }),
        Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
        Origin::Flag => json!({ "kind": "flag" }),
    }
}
