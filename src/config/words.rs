//! Options that take one of a few words.

use toml::Value;

use super::setting::Setting;
use super::written::Written;

/// Where a source that has no checkpoint yet is read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// Every packet that the table holds.
    Earliest,
    /// Only packets that come from now on.
    Latest,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people, in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

const STARTS: &[(&str, Start)] = &[("earliest", Start::Earliest), ("latest", Start::Latest)];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];

impl Setting for Start {
    fn read(written: &Written) -> Result<Self, String> {
        read(STARTS, written)
    }

    fn shown(&self) -> Value {
        shown(STARTS, self)
    }
}

impl Setting for LogFormat {
    fn read(written: &Written) -> Result<Self, String> {
        read(LOG_FORMATS, written)
    }

    fn shown(&self) -> Value {
        shown(LOG_FORMATS, self)
    }
}

fn read<T: Copy>(words: &[(&str, T)], written: &Written) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| written.as_text() == Some(*word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("write {}", names.join(" or "))
    })
}

fn shown<T: PartialEq>(words: &[(&str, T)], value: &T) -> Value {
    let word = words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| *word);
    Value::String(word.to_owned())
}
