//! The mapping: every field with its name, its kind, what it means and what it is made of. All formats follow it.
//!
//! Names are those of the Elastic Common Schema where it has one for the meaning, else `flowsentry.*`. Flows have a field for
//! each column of the catalogue of statistics, so a new statistic is exported without a line here.

mod alerts;
mod flows;

use std::borrow::Cow;

use super::value::{Kind, Value};

/// The version of the Elastic Common Schema whose fields these are; later versions of it have them all.
pub const ECS_VERSION: &str = "8.17.0";

/// What can be exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Stored flows.
    Flows,
    /// Alerts.
    Alerts,
}

impl What {
    /// In a sentence.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Alerts => "alerts",
        }
    }
}

/// A column that rows have: what fields are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A field of what is written.
pub struct Field {
    /// Its name, parts joined by dots.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// One sentence for people.
    pub doc: &'static str,
    from: Origin,
}

/// What a field is made of.
enum Origin {
    /// It is the same in every row.
    Always(Value),
    /// The column at this place.
    Column(usize),
    /// Made of several columns, or of one in another form.
    Made(fn(&Row<'_>) -> Value),
}

/// A row: values of columns.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The columns.
    pub columns: &'a [Column],
    /// Their values, in the same order.
    pub values: &'a [Value],
}

/// The columns that rows have, and the fields that are written of each.
pub struct Table {
    /// What the rows are.
    pub what: What,
    /// The columns.
    pub columns: Vec<Column>,
    /// The fields, in the order in which they are written.
    pub fields: Vec<Field>,
}

impl Table {
    /// The table of flows or of alerts.
    pub fn of(what: What) -> Self {
        match what {
            What::Flows => flows::table(),
            What::Alerts => alerts::table(),
        }
    }

    /// The values of the fields.
    pub fn values<'a>(&'a self, row: Row<'a>) -> impl Iterator<Item = Cow<'a, Value>> {
        self.fields.iter().map(move |field| field.value(row))
    }

    /// Puts a table together. `define` is given the fields to make.
    fn new(what: What, columns: Vec<Column>, define: impl FnOnce(&mut Definition<'_>)) -> Self {
        let mut definition = Definition { columns: &columns, fields: Vec::new() };
        define(&mut definition);
        let fields = definition.fields;
        Self { what, columns, fields }
    }
}

impl Field {
    /// Its value in a row.
    pub fn value<'a>(&'a self, row: Row<'a>) -> Cow<'a, Value> {
        match &self.from {
            Origin::Always(value) => Cow::Borrowed(value),
            Origin::Column(index) => Cow::Borrowed(row.values.get(*index).unwrap_or(&Value::Absent)),
            Origin::Made(make) => Cow::Owned(make(&row)),
        }
    }
}

/// Fields as they are defined.
struct Definition<'a> {
    columns: &'a [Column],
    fields: Vec<Field>,
}

impl Definition<'_> {
    /// A text that is the same in every row.
    fn always(&mut self, name: &'static str, text: &'static str, doc: &'static str) {
        self.add(name.into(), Kind::Text, Origin::Always(Value::fixed(text)), doc);
    }

    /// Texts that are the same in every row.
    fn always_all(&mut self, name: &'static str, texts: &[&'static str], doc: &'static str) {
        let texts = texts.iter().map(|text| Cow::Borrowed(*text)).collect();
        self.add(name.into(), Kind::Texts, Origin::Always(Value::Texts(texts)), doc);
    }

    /// A column as it is. One that there is none of is left out, which a test forbids.
    fn column(&mut self, name: impl Into<Cow<'static, str>>, column: &str, doc: &'static str) {
        if let Some(index) = self.columns.iter().position(|it| it.name == column) {
            let kind = self.columns[index].kind;
            self.add(name.into(), kind, Origin::Column(index), doc);
        }
    }

    /// Made by a function.
    fn made(&mut self, name: &'static str, kind: Kind, doc: &'static str, make: fn(&Row<'_>) -> Value) {
        self.add(name.into(), kind, Origin::Made(make), doc);
    }

    fn add(&mut self, name: Cow<'static, str>, kind: Kind, from: Origin, doc: &'static str) {
        self.fields.push(Field { name, kind, doc, from });
    }
}

impl<'a> Row<'a> {
    /// The value of a column.
    pub fn get(&self, name: &str) -> &'a Value {
        let index = self.columns.iter().position(|column| column.name == name);
        index.and_then(|index| self.values.get(index)).unwrap_or(&Value::Absent)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A count.
    pub fn count(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Value::Count(count) => Some(*count),
            _ => None,
        }
    }

    /// Texts; none if there is no such value.
    pub fn texts(&self, name: &str) -> &'a [Cow<'static, str>] {
        match self.get(name) {
            Value::Texts(texts) => texts,
            _ => &[],
        }
    }

    /// The first of these columns that has a value.
    fn first_of(&self, names: &[&str]) -> &'a Value {
        names.iter().map(|name| self.get(name)).find(|value| **value != Value::Absent).unwrap_or(&Value::Absent)
    }
}
