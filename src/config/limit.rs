//! What the values of one option may be; what options may be together is in `check`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::load::nearest;
use super::setting::{Setting, plain};

/// A restriction on one option.
pub(super) trait Limit<T> {
    /// Whether the value is allowed; if not, what to write.
    fn check(&self, value: &T) -> Result<(), String>;
    /// The restriction as a sentence, of one or more lines.
    fn text(&self) -> String;
}

impl<T: Setting + PartialOrd> Limit<T> for RangeInclusive<T> {
    fn check(&self, value: &T) -> Result<(), String> {
        if self.contains(value) {
            return Ok(());
        }
        Err(format!("write a value from {} to {}", plain(&self.start().shown()), plain(&self.end().shown())))
    }

    fn text(&self) -> String {
        format!("From {} to {}.", plain(&self.start().shown()), plain(&self.end().shown()))
    }
}

/// Nothing at all, or a span within bounds.
pub(super) struct ZeroOr(pub RangeInclusive<Duration>);

impl Limit<Duration> for ZeroOr {
    fn check(&self, value: &Duration) -> Result<(), String> {
        if value.is_zero() {
            return Ok(());
        }
        self.0.check(value).map_err(|remedy| format!("{remedy}, or 0s"))
    }

    fn text(&self) -> String {
        format!("0s, or {}", self.0.text().to_lowercase())
    }
}

/// Names on one line of documentation.
const NAMES_PER_LINE: usize = 10;

/// The names that the entries of a table may have.
pub(super) struct Names(pub &'static [&'static str]);

impl Limit<BTreeMap<String, String>> for Names {
    fn check(&self, value: &BTreeMap<String, String>) -> Result<(), String> {
        match value.keys().find(|name| !self.0.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(match nearest(name, self.0.iter().copied()) {
                Some(known) => format!("no column of ours has this name; did you mean {known}?"),
                None => format!("no column of ours has this name; write one of {}", self.0.join(" ")),
            }),
        }
    }

    fn text(&self) -> String {
        let lines: Vec<String> = self.0.chunks(NAMES_PER_LINE).map(|names| names.join(" ")).collect();
        format!("Names of ours: {}.", lines.join("\n"))
    }
}
