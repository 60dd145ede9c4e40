//! How a type of option is read from what a person wrote, and how it is shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Value;

use super::written::{Kind, Written};

/// Texts longer than this are not names of anything, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// A type that options may have.
pub(super) trait Setting: Sized {
    /// Whether the value must not be repeated in messages.
    const SECRET: bool = false;
    /// Whether the option is a table, whose entries are set one by one.
    const TABLE: bool = false;

    /// The value that was written. An error is the remedy: what to write instead.
    fn read(written: &Written) -> Result<Self, String>;

    /// Takes over what was written, for a table into the entry of that name.
    fn set(&mut self, _entry: Option<&str>, written: &Written) -> Result<(), String> {
        *self = Self::read(written)?;
        Ok(())
    }

    /// The value as it would be written in `pipeline.toml`, without secrets.
    fn shown(&self) -> Value;
}

/// A shown value without the quotes of a text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Setting for bool {
    fn read(written: &Written) -> Result<Self, String> {
        match (written.kind, written.text.as_str()) {
            (Kind::Any | Kind::Boolean, "true") => Ok(true),
            (Kind::Any | Kind::Boolean, "false") => Ok(false),
            _ => Err("write true or false, without quotes".to_owned()),
        }
    }

    fn shown(&self) -> Value {
        Value::Boolean(*self)
    }
}

macro_rules! integers {
    ($($type:ty),+) => { $(
        impl Setting for $type {
            fn read(written: &Written) -> Result<Self, String> {
                let remedy = || "write a whole number without quotes or unit, as in 1000".to_owned();
                match written.kind {
                    Kind::Any | Kind::Integer => written.text.replace('_', "").parse().map_err(|_| remedy()),
                    _ => Err(remedy()),
                }
            }

            fn shown(&self) -> Value {
                i64::try_from(*self).map_or_else(|_| Value::String(self.to_string()), Value::Integer)
            }
        }
    )+ };
}
integers!(u32, usize);

impl Setting for String {
    fn read(written: &Written) -> Result<Self, String> {
        let text = written.as_text().ok_or("write a text in quotes")?;
        if text.is_empty() {
            return Err("write a text that is not empty".to_owned());
        }
        if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(format!("write at most {TEXT_BYTES_MAX} bytes without control characters"));
        }
        Ok(text.to_owned())
    }

    fn shown(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Setting for PathBuf {
    fn read(written: &Written) -> Result<Self, String> {
        String::read(written).map(Self::from)
    }

    fn shown(&self) -> Value {
        Value::String(self.display().to_string())
    }
}

/// Empty: none.
impl Setting for Option<PathBuf> {
    fn read(written: &Written) -> Result<Self, String> {
        match written.as_text() {
            Some("") => Ok(None),
            _ => PathBuf::read(written).map(Some),
        }
    }

    fn shown(&self) -> Value {
        Value::String(self.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
    }
}

impl Setting for BTreeMap<String, String> {
    const TABLE: bool = true;

    fn read(_: &Written) -> Result<Self, String> {
        Err("this is a table: set its entries, one by one".to_owned())
    }

    fn set(&mut self, entry: Option<&str>, written: &Written) -> Result<(), String> {
        match entry {
            Some(name) => self.insert(name.to_owned(), String::read(written)?),
            None => return Self::read(written).map(drop),
        };
        Ok(())
    }

    fn shown(&self) -> Value {
        Value::Table(self.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))).collect())
    }
}
