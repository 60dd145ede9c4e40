//! CSV: RFC 4180, UTF-8, a line of names, and no cell that a spreadsheet takes for a formula.
//!
//! A text that begins as a formula does gets an apostrophe in front, as OWASP advises; numbers and times are made here and
//! stay as they are. Lists and JSON are JSON in a cell. What is absent is an empty cell.

use std::borrow::Cow;
use std::io::Write;

use csv::{Terminator, WriterBuilder};

use super::error::ExportError;
use super::jsonl::as_json;
use super::schema::Table;
use super::value::{Value, rfc3339};

/// What a spreadsheet may take for the beginning of a formula; the last four are the wide forms of the first.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Writes CSV.
pub struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    /// Writes the names. They are ours, and stay as they are.
    pub fn begin(table: &Table, out: W) -> Result<Self, ExportError> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(table.fields.iter().map(|field| field.name.as_bytes()))?;
        Ok(Self { writer })
    }

    /// Writes a record.
    pub fn write<'a>(&mut self, values: impl Iterator<Item = Cow<'a, Value>>) -> Result<(), ExportError> {
        for value in values {
            match value.as_ref() {
                Value::Text(text) => self.writer.write_field(harmless(text).as_ref())?,
                other => self.writer.write_field(cell(other))?,
            }
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// Writes what is left.
    pub fn finish(self) -> Result<W, ExportError> {
        self.writer.into_inner().map_err(|error| error.into_error().into())
    }
}

/// A text as a cell that is no formula. What has such an apostrophe already gets one more, so that each can be taken off.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches('\'').starts_with(FORMULA) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        // As JSON has it, so that it can be read back exactly; not a number is no number.
        Value::Real(real) if real.is_finite() => serde_json::Value::from(*real).to_string(),
        Value::Real(_) | Value::Absent | Value::Text(_) => String::new(),
        Value::Time(time) => rfc3339(*time),
        // Of hostile JSON only a number could begin like a formula, and is one.
        Value::Texts(_) | Value::Counts(_) | Value::Json(_) => as_json(value).to_string(),
    }
}
