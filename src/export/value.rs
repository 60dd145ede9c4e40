//! A value of a row, and the kinds that formats must tell apart.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use crate::flow::time::EventTime;

/// What a column or a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Count,
    /// A measure.
    Real,
    /// A moment, to the microsecond.
    Time,
    /// Several texts.
    Texts,
    /// Several whole numbers.
    Counts,
    /// JSON of any shape.
    Json,
}

impl Kind {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "integer",
            Self::Real => "number",
            Self::Time => "time",
            Self::Texts => "texts",
            Self::Counts => "integers",
            Self::Json => "JSON",
        }
    }
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // named after the kinds
pub enum Value {
    /// Nothing is known.
    Absent,
    Text(Cow<'static, str>),
    Count(i64),
    Real(f64),
    Time(EventTime),
    Texts(Vec<Cow<'static, str>>),
    Counts(Vec<i64>),
    Json(serde_json::Value),
}

impl Value {
    /// A text that is always the same.
    pub const fn fixed(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// The value if there is one, else [`Value::Absent`].
    pub fn or_absent(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Absent)
    }
}

/// RFC 3339, UTC, microseconds.
pub fn rfc3339(time: EventTime) -> String {
    humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(time.micros().unsigned_abs())).to_string()
}
