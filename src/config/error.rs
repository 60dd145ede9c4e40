//! What can be wrong with settings. One line each: place, key, value, remedy.

use std::path::PathBuf;

use super::Origin;

/// Settings that cannot be used. Its text is one line and never holds a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("{}: cannot be read ({reason}); name a readable file with --config, or leave it out to use the defaults", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The settings file is not TOML.
    #[error("{}:{line}: not valid TOML: {reason}; write lines such as length = \"30s\" below a [section]", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A `--set` flag is not of the form `section.key=value`. Its text is not repeated: it may be a password.
    #[error("--set: not of the form section.key=value; write, for example, --set window.length=30s")]
    Flag,
    /// There is no such option.
    #[error("{origin}: {key} is not an option; {}", remedy(nearest.as_deref()))]
    Unknown {
        /// Where it was set.
        origin: Origin,
        /// The name that nothing has.
        key: String,
        /// The option or section with the most similar name.
        nearest: Option<String>,
    },
    /// A section stands where a value belongs, or the reverse.
    #[error("{origin}: {key} {remedy}")]
    Shape {
        /// Where it was set.
        origin: Origin,
        /// The section or option.
        key: String,
        /// How it is written.
        remedy: String,
    },
    /// The value of an option cannot be used.
    #[error("{origin}: {key} = {value}: {remedy}")]
    Value {
        /// Where it was set.
        origin: Origin,
        /// The option.
        key: String,
        /// What was set, as written; `***` if secret.
        value: String,
        /// What to write instead.
        remedy: String,
    },
    /// Values that are possible each, but not together.
    #[error("{}: {remedy}", combined.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Combination {
        /// The options concerned.
        combined: Vec<Combined>,
        /// What to write instead, and why.
        remedy: String,
    },
}

/// One of the options that do not fit together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value} ({origin})")]
pub struct Combined {
    /// The option.
    pub key: String,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
}

fn remedy(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => "`flowsentry config` lists all options".to_owned(),
    }
}
