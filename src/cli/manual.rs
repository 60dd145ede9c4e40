//! `flowsentry manual`: the manual pages, one a command, made from what `--help` says.
//!
//! Promise: a page says nothing that help does not, except on `flowsentry(1)` which variables and files there are. Examples,
//! notes and exit codes are told apart in the text that help ends with.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Arguments;
use super::context::Context;
use crate::exit::{Exit, Failure};

mod closing;

use closing::Closing;

/// Section of the manual that all pages are in: user commands.
const SECTION: &str = "1";

/// The same sources give the same pages. Nothing at all would let what follows move up to the date's place.
const NO_DATE: &str = " ";

/// Variables that count beside those that `--help` names.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("FLOWSENTRY__SECTION__KEY", "A setting, such as FLOWSENTRY__WINDOW__LENGTH=10s; wins over the settings file."),
    ("DATABASE_URL", "The database, where database.url is not set."),
    (
        "PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGPASSFILE",
        "What the database's URL leaves open, as for psql(1).",
    ),
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "How a service manager is told that the service is ready, alive and stopping."),
    ("NO_COLOR", "If set, terminal output has no colours."),
    ("FLOWSENTRY_POSTGRES_BIN", "Directory of initdb, pg_ctl and postgres, for demo and sandbox."),
];

/// Files that count.
const FILES: &[(&str, &str)] = &[
    ("pipeline.toml", "Settings, looked for in the working directory unless --config names another file."),
    ("/etc/flowsentry/pipeline.toml", "Settings of the service that the Debian package installs."),
    (
        "/var/lib/flowsentry/models/flowsentry.safetensors",
        "The model in use by that service: a link to the one of the package until flowsentry-model-switch(1) puts \
         another one in its place.",
    ),
    ("~/.pgpass", "Passwords of databases, as for psql(1)."),
];

/// What `flowsentry manual` takes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry manual --out man && man -l man/flowsentry-run.1

The Debian package installs them.")]
pub struct Args {
    /// Directory that the pages are written to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the pages.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, _context: &Context) -> Result<(), Failure> {
    let out = args.out;
    let pages = pages().map_err(|error| Failure::new(Exit::Bug, error))?;
    let written = fs::create_dir_all(&out)
        .and_then(|()| pages.iter().try_for_each(|page| fs::write(out.join(&page.name), &page.text)));
    written.map_err(|error| Failure::new(Exit::Output, format!("{}: {error}", out.display())))
}

/// One manual page.
struct Page {
    /// Of the file.
    name: String,
    text: Vec<u8>,
}

fn pages() -> io::Result<Vec<Page>> {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut commands = vec![root.clone()];
    collect(&root, &mut commands);
    let exits = Closing::of(&after_help(&root)).exits;
    commands.into_iter().map(|command| page(command, &root, &exits)).collect()
}

fn collect(command: &Command, found: &mut Vec<Command>) {
    for command in command.get_subcommands() {
        found.push(command.clone());
        collect(command, found);
    }
}

fn page(command: Command, root: &Command, exits: &[(String, String)]) -> io::Result<Page> {
    let is_root = command.get_name() == root.get_name();
    let closing = Closing::of(&after_help(&command));
    let (has_options, has_commands) = (command.get_arguments().next().is_some(), command.has_subcommands());
    let version = root.get_version().unwrap_or_default();
    let source = format!("flowsentry {version}");
    let man = Man::new(command).section(SECTION).date(NO_DATE).source(source).manual("flowsentry");

    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if has_options {
        man.render_options_section(&mut text)?;
    }
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    let mut end = Roff::default();
    as_written(&mut end, "EXAMPLES", &closing.examples);
    lines(&mut end, "NOTES", &closing.notes);
    list(&mut end, "EXIT STATUS", exits);
    if is_root {
        list(&mut end, "ENVIRONMENT", ENVIRONMENT);
        list(&mut end, "FILES", FILES);
    } else {
        lines(&mut end, "SEE ALSO", &["flowsentry(1): all commands, variables and files"]);
    }
    end.to_writer(&mut text)?;
    Ok(Page { name: man.get_filename(), text })
}

fn after_help(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

/// Lines whose layout is kept.
fn as_written(page: &mut Roff, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.control("SH", [heading]).control("nf", []);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

fn lines(page: &mut Roff, heading: &str, lines: &[impl AsRef<str>]) {
    if lines.is_empty() {
        return;
    }
    page.control("SH", [heading]);
    for line in lines {
        page.text([roman(line.as_ref())]);
    }
}

fn list(page: &mut Roff, heading: &str, entries: &[(impl AsRef<str>, impl AsRef<str>)]) {
    page.control("SH", [heading]);
    for (term, what) in entries {
        page.control("TP", []).text([bold(term.as_ref())]).text([roman(what.as_ref())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        let pages = pages().unwrap();
        let page = pages.iter().find(|page| page.name == name);
        String::from_utf8(page.unwrap_or_else(|| panic!("no page {name}")).text.clone()).unwrap()
    }

    #[test]
    fn every_command_has_a_page_with_what_its_help_says() {
        let mut root = Arguments::command().disable_help_subcommand(true);
        root.build();
        let mut commands = Vec::new();
        collect(&root, &mut commands);
        assert!(commands.len() > 20, "{}", commands.len());
        let plain = |text: &str| text.replace(['\\', '-'], "").split_whitespace().collect::<Vec<_>>().join(" ");
        for command in commands {
            let name = command.get_display_name().unwrap();
            let page = plain(&text(&format!("{name}.1")));
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(page.contains(&plain(flag)), "{name} says nothing of --{flag}");
            }
            for line in after_help(&command).lines().filter(|line| line.starts_with("  ") && !line.contains('\'')) {
                assert!(page.contains(&plain(line)), "{name} lacks {line}");
            }
        }
    }

    #[test]
    fn pages_have_their_sections() {
        let check = |name: &str, sections: &[&str]| {
            let text = text(name);
            let found: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix(".SH ")).map(|name| name.trim_matches('"')).collect();
            assert_eq!(found, sections, "{name}");
        };
        let start = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"];
        let rest: &[&str] = &["SUBCOMMANDS", "EXAMPLES", "NOTES", "EXIT STATUS", "ENVIRONMENT", "FILES"];
        check("flowsentry.1", &[&start, rest].concat());
        check("flowsentry-run.1", &[&start[..], &["EXAMPLES", "NOTES", "EXIT STATUS", "SEE ALSO"]].concat());
        check("flowsentry-model-switch.1", &[&start[..], &["EXIT STATUS", "SEE ALSO"]].concat());
    }

    #[test]
    fn exit_codes_are_those_of_the_program() {
        let text = text("flowsentry-model-switch.1");
        let codes: Vec<u8> =
            text.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR")?.parse().ok()).collect();
        assert_eq!(codes, [0, 1, 64, 65, 69, 70, 74, 77, 78]);
    }
}
