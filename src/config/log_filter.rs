//! Which log lines are written.

use std::fmt;

use toml::Value;
use tracing_subscriber::EnvFilter;

use super::setting::Setting;
use super::written::Written;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter in the language of tracing's `EnvFilter`, known to be valid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFilter(String);

impl LogFilter {
    /// State changes and whatever an operator must look at.
    pub(super) fn info() -> Self {
        Self("info".to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Setting for LogFilter {
    /// A directive without `=` must be a level: `EnvFilter` itself takes the misspelt level `inof` for a module's name.
    fn read(written: &Written) -> Result<Self, String> {
        let expected =
            || format!("write {}, or module=level pairs, as in \"info,flowsentry=debug\"", LEVELS.join(", "));
        let text = written.as_text().ok_or_else(expected)?;
        let plausible = text.split(',').all(|part| part.contains('=') || LEVELS.contains(&part.trim()));
        if !plausible || EnvFilter::try_new(text).is_err() {
            return Err(expected());
        }
        Ok(Self(text.to_owned()))
    }

    fn shown(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_no_filter() {
        let check =
            |text: &str, valid: bool| assert_eq!(LogFilter::read(&Written::bare(text)).is_ok(), valid, "{text}");
        check("info", true);
        check("off", true);
        check("info,flowsentry::postgres=debug", true);
        check("inof", false);
        check("", false);
        check("info,", false);
        check("flowsentry=loud", false);
    }
}
