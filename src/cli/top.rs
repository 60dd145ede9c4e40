//! `flowsentry top`: what is going on, in a terminal, for the person on the machine.

mod keys;
mod lines;
mod live;
mod screen;

use std::io::{self, IsTerminal};
use std::time::Duration;

use hyper::Uri;

use super::ask::Asker;
use super::context::Context;
use crate::exit::Failure;
use crate::telemetry::clock;
use crate::terminal::{Paint, View, text};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Columns of a frame for a pipe: reasons have room.
const PIPE_WIDTH: u16 = 120;

/// Watch the running service in a terminal: throughput, lag, verdicts, open alerts with their reasons and evidence. It asks
/// the service over HTTP every second, and goes on asking when that does not answer.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry top
  flowsentry top --once                              one look as text
  flowsentry top --url http://192.0.2.7:9477         another one; its token is of http.token_file here
  NO_COLOR=1 flowsentry top

The address is http.listen of the settings, the token, if one is needed, that of http.token_file. Keys: ? shows them.
Without a terminal it prints one look; with TERM=dumb a line for whatever changes.
Exit codes of --once: 69 the service does not answer, 77 it wants another token.")]
pub struct Args {
    /// Print one look as text, and end
    #[arg(long)]
    once: bool,

    /// Where the service is [default: http.listen of the settings]
    #[arg(long, value_name = "URL", value_parser = super::ask::url)]
    url: Option<Uri>,
}

/// Watches until told to end, or looks once.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let asker = Asker::of(&config.http, args.url, LIMIT)?;
    let runtime = super::runtime()?;
    let is_terminal = io::stdout().is_terminal();
    let cannot_move = matches!(context.environment.get("TERM"), None | Some("dumb"));
    let paint = if context.environment.get("NO_COLOR").is_some() { Paint::Plain } else { Paint::Colour };
    let ended = runtime.block_on(async {
        if args.once || !is_terminal {
            once(&asker, is_terminal).await.map(|()| None)
        } else if cannot_move {
            lines::watch(&asker).await.map(|()| None)
        } else {
            live::watch(asker, paint).await
        }
    });
    // A question that hangs must not hold the end up.
    runtime.shutdown_background();
    if let Some(code) = ended? {
        std::process::exit(code);
    }
    Ok(())
}

async fn once(asker: &Asker, is_terminal: bool) -> Result<(), Failure> {
    let overview = asker.overview().await.map_err(|error| error.failure(asker))?;
    let mut view = View::new(asker.address(), false);
    view.take(clock::uptime(), Ok(overview));
    let width = if is_terminal { ratatui::crossterm::terminal::size().ok().map(|(width, _)| width) } else { None };
    super::print(&text(&mut view, width.unwrap_or(PIPE_WIDTH)))
}
