//! Stored flows and alerts become files for other programs: CSV, Parquet, JSON Lines, and alerts in Suricata's EVE form.
//!
//! Promises: what a field is called, means and is made of stands in one table ([`Table`]), which all formats follow; rows
//! come one by one and are written in bounded memory; text from the network is passed on as it is, but a cell of CSV is
//! never a formula. The room knows rows, not where they come from, and writes to whatever it is given.

mod csv;
mod error;
mod eve;
mod format;
mod jsonl;
mod parquet;
mod schema;
mod value;

#[cfg(test)]
mod tests;

pub use error::ExportError;
pub use format::{Format, Writer};
pub use schema::{Column, ECS_VERSION, Field, Row, Table, What};
pub use value::{Kind, Value, rfc3339};
