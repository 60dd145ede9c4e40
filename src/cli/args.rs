//! The command line: what all commands share, and the list of commands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::context::Context;
use crate::config::Environment;
use crate::exit::{Exit, Failure};

/// Turns packet rows in PostgreSQL into labelled network flows, exactly once, seconds after the packets arrive.
#[derive(Parser)]
#[command(
    name = "flowsentry",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "\
Examples:
  flowsentry demo                                    all of it, on a PostgreSQL of its own
  flowsentry migrate --adopt --print-sql             what it would add to a sniffer's database
  flowsentry run                                     the service
  flowsentry --set window.length=10s config          settings in effect, one of them changed
  FLOWSENTRY__WINDOW__LENGTH=10s flowsentry config   the same by a variable

Settings come from pipeline.toml, then FLOWSENTRY__SECTION__KEY variables,
then --set flags; later ones win.
Exit codes: 0 done, 1 verified and found wrong, 64 usage, 65 damaged input, 69 database or service unavailable,
70 a bug, 74 output not writable, 77 permission, 78 configuration."
)]
pub struct Arguments {
    /// Settings file; without it pipeline.toml of the working directory, if there is one
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// One setting, such as window.length=10s; may be repeated, and wins over file and variables
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,

    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    /// Does what was asked.
    pub fn execute(self, environment: Environment) -> Result<(), Failure> {
        let context = Context { environment, config_file: self.config, set: self.set };
        self.command.execute(&context)
    }
}

/// Makes the enum of commands and its dispatch: each is a module of `cli` with `Args` and `execute`.
macro_rules! commands {
    ($( $(#[doc = $doc:literal])+ $Command:ident in $module:ident, )+) => {
        /// What can be asked of flowsentry.
        #[derive(clap::Subcommand, Debug)]
        pub enum Command { $( $(#[doc = $doc])+ $Command(super::$module::Args), )+ }

        impl Command {
            fn execute(self, context: &Context) -> Result<(), Failure> {
                match self { $( Self::$Command(args) => super::$module::execute(args, context), )+ }
            }
        }
    };
}

commands! {
    /// Read new packets, store labelled flows, until told to stop
    Run in run,
    /// Watch the service in a terminal: throughput, lag, verdicts, open alerts with their reasons
    Top in top,
    /// Ask the running service whether it is healthy, for probes: exit code 0 or 69
    Health in health,
    /// Look at everything that may keep it from working as promised, and say what mends it
    Check in check,
    /// Show all of it on traffic with attacks: a private PostgreSQL, the service, what comes out
    Demo in demo,
    /// Show the settings in effect and where each comes from; passwords are hidden
    Config in config,
    /// Print a page of the guide that is written from the program itself: settings, metrics
    Reference in reference,
    /// Insert the packets of capture files into the table that a sniffer fills
    Replay in replay,
    /// Run a command beside a private PostgreSQL that is gone afterwards
    Sandbox in sandbox,
    /// Make or adopt the tables, and bring the schema up to date
    Migrate in migrate,
    /// Check that the tables hold what was promised: nothing lost, nothing stored twice
    Verify in verify,
    /// Set flowsentry's flows beside those of the service that they are to replace
    Compare in compare,
    /// Write flows or alerts of a span of time as CSV, Parquet, JSON Lines or EVE
    Export in export,
    /// Show, prove, add and remove exceptions: verdicts of which nobody is alerted
    Exceptions in exceptions,
    /// Show model files, put another one in use, put the one before it back
    Model in model,
    /// Train a model on labelled captures
    Train in train,
    /// Show how good a model is on labelled captures
    Evaluate in evaluate,
    /// Print the script by which a shell completes commands and flags
    Completions in completions,
    /// Write the manual pages, one a command
    Manual in manual,
}

/// Reads the command line. Help, version and usage errors are printed here; the code is the process's then.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, ExitCode> {
    Arguments::try_parse_from(arguments).map_err(|error| {
        let _ = error.print(); // a closed pipe: nobody is there to read it
        if error.exit_code() == 0 { ExitCode::SUCCESS } else { Exit::Usage.into() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
