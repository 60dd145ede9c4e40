//! Inserts packets into `raw_packets` as a sniffer does: by COPY, only the columns that the table has, the id left to its
//! default.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::{Client, Statement};

use super::row::{COLUMNS, Meaning, RawRow, Shape};
use crate::postgres::PostgresError;

/// Octets that are handed to the connection at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Why packets could not be inserted.
#[derive(Debug, thiserror::Error)]
pub enum SnifferError {
    /// There is no such table.
    #[error("there is no table {0}")]
    NoTable(String),
    /// None of its columns is one that a sniffer fills.
    #[error("table {table} has none of the columns that a sniffer fills, such as {example:?}")]
    NoColumn {
        /// The table.
        table: String,
        /// The name of the column for times.
        example: String,
    },
    /// A column cannot hold what a sniffer writes there.
    #[error("{table}.{column:?} has type {found}; a sniffer cannot write there")]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// The operating system gave no thread to read captures.
    #[error("cannot start a thread to read captures")]
    Thread(#[source] std::io::Error),
    /// The database refused, or is gone.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

/// A sniffer that is connected.
pub struct Sniffer<'a> {
    client: &'a Client,
    copy: Statement,
    columns: Vec<(Meaning, Shape)>,
    interface: String,
}

impl<'a> Sniffer<'a> {
    /// Looks up the columns of `table` (found as the session's search path says, else in `public`). `names` maps names of
    /// the existing system to those of this table; `interface` is what rows say they were captured on.
    pub async fn open(
        client: &'a Client,
        table: &str,
        names: &BTreeMap<String, String>,
        interface: &str,
    ) -> Result<Self, SnifferError> {
        let (quoted, found) = look_up(client, table).await?;
        let name_of = |name: &'static str| names.get(name).map_or(name, String::as_str);
        let (mut columns, mut list) = (Vec::new(), Vec::new());
        for (name, meaning) in COLUMNS {
            let Some((column, type_name)) = found.iter().find(|(column, _)| column == name_of(name)) else { continue };
            let shape = Shape::of(type_name).filter(|shape| meaning.shapes().contains(shape));
            let shape = shape.ok_or_else(|| SnifferError::ColumnType {
                table: table.to_owned(),
                column: column.clone(),
                found: type_name.clone(),
            })?;
            columns.push((meaning, shape));
            list.push(format!("\"{}\"", column.replace('"', "\"\"")));
        }
        if columns.is_empty() {
            return Err(SnifferError::NoColumn { table: table.to_owned(), example: name_of("timestamp").to_owned() });
        }
        let copy = format!("COPY {quoted} ({}) FROM STDIN", list.join(", "));
        let copy = client.prepare(&copy).await.map_err(PostgresError::doing("prepare to insert packets"))?;
        Ok(Self { client, copy, columns, interface: interface.to_owned() })
    }

    /// Inserts rows in their order, in one transaction, and gives their number.
    pub async fn insert(&self, rows: &[RawRow]) -> Result<u64, SnifferError> {
        let doing = PostgresError::doing("insert packets");
        let sink = self.client.copy_in::<_, Bytes>(&self.copy).await.map_err(&doing)?;
        let mut sink = std::pin::pin!(sink);
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 1024);
        for row in rows {
            self.write(row, &mut chunk);
            if chunk.len() >= CHUNK_BYTES {
                sink.send(BytesMut::from(&chunk[..]).freeze()).await.map_err(&doing)?;
                chunk.clear();
            }
        }
        sink.send(chunk.into()).await.map_err(&doing)?;
        Ok(sink.finish().await.map_err(&doing)?)
    }

    fn write(&self, row: &RawRow, out: &mut Vec<u8>) {
        for (index, (meaning, shape)) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b'\t');
            }
            meaning.write(row, *shape, &self.interface, out);
        }
        out.push(b'\n');
    }
}

/// The table's quoted name, and names and types of its columns.
async fn look_up(client: &Client, table: &str) -> Result<(String, Vec<(String, String)>), SnifferError> {
    let doing = PostgresError::doing("look up the table's columns");
    let rows = client
        .query(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname::text, t.typname::text
             FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
             WHERE c.oid = coalesce(pg_catalog.to_regclass($1),
                 CASE WHEN $1 NOT LIKE '%.%' THEN pg_catalog.to_regclass('public.' || $1) END)
             ORDER BY a.attnum",
            &[&table],
        )
        .await
        .map_err(doing)?;
    let Some(first) = rows.first() else { return Err(SnifferError::NoTable(table.to_owned())) };
    Ok((first.get(0), rows.iter().map(|row| (row.get(1), row.get(2))).collect()))
}

#[cfg(test)]
mod tests;
