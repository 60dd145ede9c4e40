//! What people read: the text of `pipeline.toml`, and the settings in effect with their origins.

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
