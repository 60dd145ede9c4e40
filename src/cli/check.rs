//! `flowsentry check`: everything that may keep the service from working as promised, each with what mends it.

use std::time::Duration;

use super::context::Context;
use crate::check::finding::count;
use crate::check::{Finding, Severity};
use crate::exit::{Exit, Failure};

mod look;
mod report;

/// Look at everything that may keep flowsentry from working as promised. Changes nothing; each finding ends with what mends
/// it: `sql` for psql, as a role that may; `shell` for the shell; `setting` for pipeline.toml or --set
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(after_help = "\
Examples:
  flowsentry check                                   before the first start, and when something is odd
  flowsentry check --json | jq '.findings[] | select(.severity != \"fine\")'
  flowsentry --set wakeup.trigger=false check        would it do behind a pooler?

Ends with 0 if nothing is refused, warnings allowed; with 78 if something is; with 69 if the
database cannot be reached.")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// How long a transaction that holds up missing packets may do nothing before it is told
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = humantime::parse_duration)]
    idle: Duration,
}

/// Prints the findings.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    let Args { json, idle } = args;
    let mut findings = runtime.block_on(look::at_everything(context, idle));
    findings.sort_by_key(|finding| finding.severity);
    super::print(&if json { report::json(&findings) } else { report::text(&findings) })?;
    outcome(&findings)
}

fn outcome(findings: &[Finding]) -> Result<(), Failure> {
    let refused = count(findings, Severity::Refused);
    if refused == 0 {
        return Ok(());
    }
    let unreachable = |finding: &Finding| finding.check == look::UNREACHABLE && finding.severity == Severity::Refused;
    let unreachable = findings.iter().any(unreachable);
    let exit = if unreachable { Exit::Unavailable } else { Exit::Configuration };
    let (things, keep) = if refused == 1 { ("thing", "keeps") } else { ("things", "keep") };
    Err(Failure::new(exit, format!("{refused} {things} {keep} flowsentry from working as promised")))
}
