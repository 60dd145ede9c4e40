//! A value as a person wrote it, before an option gives it a meaning.

use toml::de::DeValue;

/// Values longer than this are cut in messages, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// A single value; tables have been taken apart before.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Its text, without quotes.
    pub text: String,
    /// What kind of value the text is.
    pub kind: Kind,
}

/// TOML distinguishes kinds of value; variables and flags do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// From a variable or a flag: the option decides.
    Any,
    Text,
    Integer,
    Boolean,
    /// A float, date, array or table: no option takes one.
    Other,
}

impl Written {
    /// From a variable or a flag.
    pub fn bare(text: &str) -> Self {
        Self { text: text.trim().to_owned(), kind: Kind::Any }
    }

    /// From a file.
    pub fn from_toml(value: &DeValue<'_>) -> Self {
        let (text, kind) = match value {
            DeValue::String(text) => (text.clone().into_owned(), Kind::Text),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => (number.to_string(), Kind::Integer),
                Err(_) => (digits.as_str().to_owned(), Kind::Integer),
            },
            DeValue::Boolean(flag) => (flag.to_string(), Kind::Boolean),
            DeValue::Float(digits) => (digits.as_str().to_owned(), Kind::Other),
            DeValue::Datetime(time) => (time.to_string(), Kind::Other),
            DeValue::Array(_) => ("[...]".to_owned(), Kind::Other),
            DeValue::Table(_) => ("{...}".to_owned(), Kind::Other),
        };
        Self { text, kind }
    }

    /// The text, if this can stand for one.
    pub fn as_text(&self) -> Option<&str> {
        matches!(self.kind, Kind::Any | Kind::Text).then_some(self.text.as_str())
    }

    /// Whether this is a number without a unit.
    pub fn is_bare_number(&self) -> bool {
        self.text.parse::<f64>().is_ok_and(f64::is_finite)
    }

    /// For a message: on one line, escaped, cut.
    pub fn shown(&self) -> String {
        let mut text: String = self.text.chars().take(SHOWN_CHARS_MAX).collect();
        if text.len() < self.text.len() {
            text.push('…');
        }
        if self.as_text().is_some() { format!("{text:?}") } else { text.escape_debug().to_string() }
    }
}
