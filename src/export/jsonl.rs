//! JSON Lines: a document of the common schema a line, nested as its names are; what is absent is left out.

use std::io::Write;

use serde_json::Value as Json;

use super::error::ExportError;
use super::schema::{Row, Table};
use super::value::{Value, rfc3339};

/// Writes JSON Lines.
pub struct Lines<W: Write> {
    out: W,
    /// Fields by the parts of their names, so that those of one object follow each other.
    fields: Vec<(Vec<String>, usize)>,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    /// Writes nothing yet.
    pub fn begin(table: &Table, out: W) -> Self {
        let parts = |name: &str| name.split('.').map(str::to_owned).collect();
        let mut fields: Vec<(Vec<String>, usize)> =
            table.fields.iter().enumerate().map(|(index, field)| (parts(&field.name), index)).collect();
        fields.sort();
        Self { out, fields, line: Vec::new() }
    }

    /// Writes a line.
    pub fn write(&mut self, table: &Table, row: Row<'_>) -> Result<(), ExportError> {
        self.line.clear();
        let mut object = Object::begin(&mut self.line);
        for (parts, index) in &self.fields {
            let value = table.fields[*index].value(row);
            if is_there(&value) {
                object.put(parts, &value)?;
            }
        }
        object.end();
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }

    /// Writes what is left.
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Not a number is no JSON.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Absent => false,
        Value::Real(real) => real.is_finite(),
        _ => true,
    }
}

/// An object that is written member by member, with the objects in it that are open.
struct Object<'a> {
    line: &'a mut Vec<u8>,
    open: Vec<&'a str>,
    /// Whether the object that is open has no member yet.
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn begin(line: &'a mut Vec<u8>) -> Self {
        line.push(b'{');
        Self { line, open: Vec::new(), is_empty: true }
    }

    fn put(&mut self, parts: &'a [String], value: &Value) -> Result<(), ExportError> {
        let Some((name, within)) = parts.split_last() else { return Ok(()) };
        let common = self.open.iter().zip(within).take_while(|(open, part)| *open == part).count();
        while self.open.len() > common {
            self.open.pop();
            self.line.push(b'}');
            self.is_empty = false;
        }
        for part in &within[common..] {
            self.name(part)?;
            self.line.push(b'{');
            self.open.push(part);
            self.is_empty = true;
        }
        self.name(name)?;
        write_value(self.line, value)
    }

    fn name(&mut self, name: &str) -> Result<(), ExportError> {
        if !self.is_empty {
            self.line.push(b',');
        }
        self.is_empty = false;
        write_json(self.line, name)?;
        self.line.push(b':');
        Ok(())
    }

    fn end(self) {
        let open = self.open.len() + 1;
        self.line.extend(std::iter::repeat_n(b'}', open));
    }
}

fn write_value(line: &mut Vec<u8>, value: &Value) -> Result<(), ExportError> {
    match value {
        Value::Text(text) => write_json(line, text.as_ref()),
        Value::Count(count) => write_json(line, count),
        Value::Real(real) => write_json(line, real),
        Value::Time(time) => write_json(line, &rfc3339(*time)),
        other => write_json(line, &as_json(other)),
    }
}

fn write_json(line: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) -> Result<(), ExportError> {
    serde_json::to_writer(line, value).map_err(|error| ExportError::Write(error.into()))
}

/// A value as JSON.
pub fn as_json(value: &Value) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Text(text) => Json::from(text.as_ref()),
        Value::Count(count) => Json::from(*count),
        Value::Real(real) => Json::from(*real),
        Value::Time(time) => Json::from(rfc3339(*time)),
        Value::Texts(texts) => texts.iter().map(|text| Json::from(text.as_ref())).collect(),
        Value::Counts(counts) => counts.iter().map(|count| Json::from(*count)).collect(),
        Value::Json(json) => json.clone(),
    }
}
