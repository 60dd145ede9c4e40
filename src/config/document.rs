//! What people read: the text of `pipeline.toml`, the same as a page of the guide, and the settings in effect with their
//! origins.

use toml::Value;

use super::Origin;
use super::load::all;
use super::options::{Config, SECTIONS};
use super::table::{OptionEntry, SectionEntry};

const PREAMBLE: &str = "\
# Settings of flowsentry: every option, at its default. A line may be left out; then the default holds.
#
# What is set here is overridden by variables such as FLOWSENTRY__WINDOW__LENGTH=10s, and those by flags such as
# --set window.length=10s. `flowsentry config` prints the settings in effect and where each comes from.
# Durations are written with their unit (ms, s, m, h, d), sizes too (B, KiB, MiB, GiB).
#
# Written by `flowsentry config --documented`.
";

const BEGINNING: &str = "\
# Settings

<!-- Written by `flowsentry reference settings`. -->

Every setting, with its default, what it may be, and why it is there. Set one by any of three layers, of which the later wins:

| layer | for example |
| --- | --- |
| settings file: `pipeline.toml` of the working directory, or `--config FILE` | `[window]` and below it `length = \"10s\"` |
| variable | `FLOWSENTRY__WINDOW__LENGTH=10s` |
| flag, before or after the command | `--set window.length=10s` |

`flowsentry config` prints what is in effect and where each value comes from; `flowsentry config --documented > pipeline.toml` starts
a file. Durations are written with their unit (ms, s, m, h, d), sizes too (B, KiB, MiB, GiB). A wrong key, unit or combination is
refused at start, in one line that names place, value and remedy. A running service does not read settings anew: restart it.
";

/// One option as it is in effect.
#[derive(Clone, PartialEq, Debug)]
pub struct EffectiveOption {
    /// `section.key`.
    pub key: &'static str,
    /// The value, without secrets.
    pub value: Value,
    /// The value that it has unless set.
    pub default: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

impl Config {
    /// All options in the order of `pipeline.toml`, as they are in effect. Secrets are hidden.
    pub fn effective(&self) -> impl Iterator<Item = EffectiveOption> {
        let defaults = Self::default();
        all().map(move |option| EffectiveOption {
            key: option.name,
            value: (option.shown)(self),
            default: (option.shown)(&defaults),
            origin: self.origin(option.name).clone(),
        })
    }
}

/// The text of `pipeline.toml`: every option with its documentation, at its default.
pub fn documented() -> String {
    let mut text = PREAMBLE.to_owned();
    let defaults = Config::default();
    for section in SECTIONS {
        write_section(&mut text, section, &defaults);
    }
    text
}

/// The page of the guide: every option in a table a section.
pub fn reference() -> String {
    let mut page = BEGINNING.to_owned();
    let defaults = Config::default();
    for SectionEntry { name, doc, options } in SECTIONS {
        push_line(&mut page, &format!("\n## {name}\n\n{}\n", one_line(doc)));
        push_line(&mut page, "| setting | default | may be | what it is, and why |\n| --- | --- | --- | --- |");
        for option in *options {
            let limit = (option.limit)().replace('\n', " ");
            let default = match (option.shown)(&defaults).to_string() {
                empty if empty == "\"\"" => "empty".to_owned(),
                _ if option.table => "empty".to_owned(),
                default => format!("`{default}`"),
            };
            let cells = [format!("`{}`", option.name), default, limit, one_line(option.doc)];
            push_line(&mut page, &format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        }
    }
    page
}

fn one_line(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn write_section(text: &mut String, section: &SectionEntry, defaults: &Config) {
    text.push('\n');
    write_comment(text, section.doc);
    push_line(text, &format!("[{}]", section.name));
    let (tables, values): (Vec<_>, Vec<_>) = section.options.iter().partition(|option| option.table);
    for option in values {
        write_option_comment(text, option);
        push_line(text, &format!("{} = {}", option.key, (option.shown)(defaults)));
    }
    for option in tables {
        text.push('\n');
        write_option_comment(text, option);
        push_line(text, &format!("[{}]", option.name));
    }
}

fn write_option_comment(text: &mut String, option: &OptionEntry) {
    write_comment(text, option.doc);
    for line in (option.limit)().lines() {
        push_line(text, &format!("# {line}"));
    }
}

fn write_comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        push_line(text, &format!("#{line}"));
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
