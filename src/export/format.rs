//! The formats, and one writer for all of them.

use std::io::Write;
use std::path::Path;

use super::csv::Csv;
use super::error::ExportError;
use super::eve::Eve;
use super::jsonl::Lines;
use super::parquet::Parquet;
use super::schema::{Row, Table, What};
use super::value::Value;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// RFC 4180, UTF-8, a line of names first.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A JSON object a line.
    JsonLines,
    /// Suricata's form of alerts, a JSON object a line.
    Eve,
}

impl Format {
    /// By the name of a file; `eve.json`, as Suricata calls it, is EVE where alerts are exported.
    pub fn of_file(path: &Path, what: What) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.')?;
        let is_eve = extension == "eve" || extension == "json" && stem.rsplit('.').next() == Some("eve");
        if what == What::Alerts && is_eve {
            return Some(Self::Eve);
        }
        match extension {
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Writes rows in one of the formats.
pub struct Writer<W: Write + Send> {
    table: Table,
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Csv(Csv<W>),
    Parquet(Parquet<W>),
    Lines(Lines<W>),
    Eve(Eve<W>),
}

impl<W: Write + Send> Writer<W> {
    /// Writes what comes before the rows.
    pub fn begin(table: Table, format: Format, out: W) -> Result<Self, ExportError> {
        let form = match format {
            Format::Csv => Form::Csv(Csv::begin(&table, out)?),
            Format::Parquet => Form::Parquet(Parquet::begin(&table, out)?),
            Format::JsonLines => Form::Lines(Lines::begin(&table, out)),
            Format::Eve if table.what == What::Alerts => Form::Eve(Eve::begin(out)),
            Format::Eve => return Err(ExportError::NoEveOfFlows),
        };
        Ok(Self { table, form })
    }

    /// Writes a row: the values of the table's columns, in their order.
    pub fn write(&mut self, values: &[Value]) -> Result<(), ExportError> {
        let row = Row { columns: &self.table.columns, values };
        match &mut self.form {
            Form::Csv(csv) => csv.write(self.table.values(row)),
            Form::Parquet(parquet) => parquet.write(self.table.values(row)),
            Form::Lines(lines) => lines.write(&self.table, row),
            Form::Eve(eve) => eve.write(row),
        }
    }

    /// Writes what comes after the rows, and gives back where they went.
    pub fn finish(self) -> Result<W, ExportError> {
        match self.form {
            Form::Csv(csv) => csv.finish(),
            Form::Parquet(parquet) => parquet.finish(),
            Form::Lines(lines) => lines.finish(),
            Form::Eve(eve) => eve.finish(),
        }
    }
}
