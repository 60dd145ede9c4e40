//! Takes the layers apart: file, variables and flags become one list of values, in the order in which they apply.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::load::all;
use super::options::SECTIONS;
use super::written::Written;
use super::{ConfigError, Environment, Origin};

/// The settings file that is read without being named, if it exists.
const FILE: &str = "pipeline.toml";
/// A larger settings file is a mistake, such as a device or a dump.
const FILE_BYTES_MAX: u64 = 1 << 20;
const VARIABLE_PREFIX: &str = "FLOWSENTRY__";

/// One value, where it is to go, and where it comes from.
#[derive(Debug)]
pub(super) struct Given {
    /// Dotted: section, key, and for a table the entry.
    pub path: String,
    pub written: Written,
    pub origin: Origin,
}

/// All that was set: later values override earlier ones.
pub(super) fn given(environment: &Environment, file: Option<&Path>, set: &[String]) -> Result<Vec<Given>, ConfigError> {
    let mut given = match read(file)? {
        Some((path, text)) => from_file(&path, &text)?,
        None => Vec::new(),
    };
    given.extend(from_variables(environment));
    for flag in set {
        given.push(from_flag(flag)?);
    }
    Ok(given)
}

/// The named file, which must exist, or the one in the working directory, which need not.
fn read(file: Option<&Path>) -> Result<Option<(std::path::PathBuf, String)>, ConfigError> {
    let path = file.unwrap_or(Path::new(FILE));
    let mut text = String::new();
    let outcome = File::open(path).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let reason = match outcome {
        Ok(bytes) if bytes as u64 <= FILE_BYTES_MAX => return Ok(Some((path.to_owned(), text))),
        Ok(_) => format!("larger than {FILE_BYTES_MAX} bytes"),
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => return Ok(None),
        Err(error) => error.to_string(),
    };
    Err(ConfigError::Unreadable { path: path.to_owned(), reason })
}

fn from_file(path: &Path, text: &str) -> Result<Vec<Given>, ConfigError> {
    let line_of = |start: usize| 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    let origin = |start: usize| Origin::File { path: path.to_owned(), line: line_of(start) };
    let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        reason: error.message().lines().collect::<Vec<_>>().join(" "), // its own display repeats the line, with a password
    })?;

    let mut given = Vec::new();
    for (section, value) in root.get_ref() {
        let name = section.get_ref().as_ref();
        let known = SECTIONS.iter().any(|known| known.name == name);
        match value.get_ref() {
            DeValue::Table(keys) if known || !keys.is_empty() => {
                take_apart(name, keys, 1, &mut given, &|start| origin(start));
            }
            _ if known => {
                let remedy = format!("is a section; write [{name}] on a line of its own, and the options below it");
                return Err(ConfigError::Shape { origin: origin(section.span().start), key: name.to_owned(), remedy });
            }
            _ => given.push(Given {
                path: name.to_owned(),
                written: Written::from_toml(value.get_ref()),
                origin: origin(section.span().start),
            }),
        }
    }
    Ok(given)
}

/// Depth 1 is a section's keys, depth 2 the entries of an option that is a table.
fn take_apart(
    prefix: &str,
    keys: &DeTable<'_>,
    depth: usize,
    given: &mut Vec<Given>,
    origin: &dyn Fn(usize) -> Origin,
) {
    for (key, value) in keys {
        let path = format!("{prefix}.{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(entries) if depth == 1 && (!entries.is_empty() || is_table(&path)) => {
                take_apart(&path, entries, 2, given, origin);
            }
            other => {
                given.push(Given {
                    path,
                    written: Written::from_toml(other),
                    origin: origin(Spanned::span(key).start),
                });
            }
        }
    }
}

fn is_table(name: &str) -> bool {
    all().any(|option| option.table && option.name == name)
}

/// An empty variable counts as not set.
fn from_variables(environment: &Environment) -> impl Iterator<Item = Given> {
    environment.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
        let path = name.strip_prefix(VARIABLE_PREFIX)?.to_ascii_lowercase().replace("__", ".");
        Some(Given { path, written: Written::bare(value), origin: Origin::Variable(name.to_owned()) })
    })
}

/// A text without a plain name before `=` is not repeated in the error: it may be a password in the wrong place.
fn from_flag(flag: &str) -> Result<Given, ConfigError> {
    let (path, value) = flag.split_once('=').ok_or(ConfigError::Flag)?;
    let path = path.trim();
    let is_name = path.contains('.') && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !is_name {
        return Err(ConfigError::Flag);
    }
    Ok(Given { path: path.to_owned(), written: Written::bare(value), origin: Origin::Flag })
}
