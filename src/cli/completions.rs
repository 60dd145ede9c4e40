//! `flowsentry completions`: what a shell needs to complete commands and flags, made from the command line itself.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Arguments;
use super::context::Context;
use crate::exit::{Exit, Failure};

/// What `flowsentry completions` takes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry completions bash > ~/.local/share/bash-completion/completions/flowsentry
  flowsentry completions fish > ~/.config/fish/completions/flowsentry.fish
  flowsentry completions zsh > ~/.zfunc/_flowsentry    where fpath has ~/.zfunc

The Debian package installs those of bash, fish and zsh.")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, _context: &Context) -> Result<(), Failure> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    super::print(&String::from_utf8(script).map_err(|error| Failure::new(Exit::Bug, error))?)
}
