//! `flowsentry reference`: the pages of the guide that are written from the program itself, so that they cannot go stale.

mod metrics;

use super::context::Context;
use crate::config;
use crate::exit::Failure;

/// Print a page of the guide that is written from the program itself, as Markdown
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry reference settings > docs/settings.md
  flowsentry reference metrics > docs/metrics.md")]
pub struct Args {
    /// Which page
    #[arg(value_enum)]
    page: Page,
}

/// A page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Page {
    /// Every setting: default, limits, meaning
    Settings,
    /// Every metric: type, labels, meaning, and the alerts that look at it
    Metrics,
}

/// Prints what was asked for.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, _: &Context) -> Result<(), Failure> {
    super::print(&match args.page {
        Page::Settings => config::reference(),
        Page::Metrics => metrics::page(),
    })
}
