//! Parquet: a column a field, zstd, rows in groups of bounded size.
//!
//! Times are microseconds in UTC, lists are lists, JSON is text that says it is JSON. A group is what is held in memory: it
//! ends at [`GROUP_BYTES_MAX`] octets. What the file's end says of each group is held until then: some kilooctets a group.

mod column;

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use self::column::Column;
use super::error::ExportError;
use super::schema::{ECS_VERSION, Table};
use super::value::Value;

/// A group of rows ends with the row that brings it to so many octets, in memory and before compression.
pub const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Writes Parquet.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Column>,
    octets: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Writes the mark that such files begin with.
    pub fn begin(table: &Table, out: W) -> Result<Self, ExportError> {
        let fields: Result<Vec<_>, _> =
            table.fields.iter().map(|field| column::schema(&field.name, field.kind).map(Arc::new)).collect();
        let schema = Type::group_type_builder(table.what.plural()).with_fields(fields?).build()?;
        let version = KeyValue::new("ecs.version".to_owned(), ECS_VERSION.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by(concat!("flowsentry version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![version]))
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let columns = table.fields.iter().map(|field| Column::of(field.kind)).collect();
        Ok(Self { file, columns, octets: 0 })
    }

    /// Takes in a row, and writes the group if it is full.
    pub fn write<'a>(&mut self, values: impl Iterator<Item = Cow<'a, Value>>) -> Result<(), ExportError> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            self.octets += column.push(&value);
        }
        if self.octets >= GROUP_BYTES_MAX { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            if let Some(mut writer) = group.next_column()? {
                column.write(&mut writer)?;
                writer.close()?;
            }
        }
        group.close()?;
        self.octets = 0;
        Ok(())
    }

    /// Writes the rows that are left, and what stands at the end.
    pub fn finish(mut self) -> Result<W, ExportError> {
        if self.octets > 0 {
            self.write_group()?;
        }
        let mut out = self.file.into_inner()?;
        out.flush()?;
        Ok(out)
    }
}
