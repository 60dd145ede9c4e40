//! The table of another service: which of its columns there are, and how its rows are told from ours.

use tokio_postgres::Client;

use super::CompareError;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{qualify, quote};
use crate::postgres::inspect::time_column::unix_seconds;

/// What no comparison can do without.
const NEEDED: [&str; 4] = ["dest_ip", "protocol", "packet_count", "predicted_label"];

/// A table that another service stores flows in, maybe the one that is ours too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldTable {
    /// Schema-qualified and quoted.
    pub table: String,
    /// When a row was stored, as SQL for Unix seconds; `None` where the table does not say.
    pub created: Option<String>,
    /// Condition for its rows: flowsentry's name their source.
    pub is_theirs: &'static str,
}

impl OldTable {
    /// Looks the table up by the name that a person gives.
    pub async fn inspect(client: &Client, written: &str) -> Result<Self, CompareError> {
        let table = qualify(client, written).await?.to_string();
        let sql = "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = pg_catalog.to_regclass($1)::oid AND a.attnum > 0 AND NOT a.attisdropped";
        let doing = PostgresError::doing("look at the table of the other service");
        let rows = client.query(sql, &[&table]).await.map_err(doing)?;
        if rows.is_empty() {
            return Err(CompareError::NoTable(table));
        }
        let type_of =
            |name: &str| rows.iter().find(|row| row.get::<_, &str>(0) == name).map(|row| row.get::<_, &str>(1));
        if let Some(column) = NEEDED.into_iter().find(|name| type_of(name).is_none()) {
            return Err(CompareError::NoColumn { table, column });
        }
        let created = type_of("created_at").and_then(|type_name| unix_seconds(&quote("created_at"), type_name));
        let is_theirs = if type_of("source_id").is_some() { "source_id IS NULL" } else { "true" };
        Ok(Self { table, created, is_theirs })
    }
}
