//! Columns that tell when a row was inserted, or when its packet was on the wire, as SQL for Unix seconds.

use tokio_postgres::Client;

use crate::postgres::column::Role;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::quote;
use crate::postgres::source::Source;

/// What the time of insertion is called, in the existing system's table and in ours.
const INSERTED_AT: &str = "inserted_at";

/// SQL for Unix seconds, double precision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::postgres) struct Times {
    /// When the packet was on the wire; NULL where that column has another type.
    pub event: String,
    /// When the row was inserted; `None` where the table does not say.
    pub inserted: Option<String>,
}

/// Looks at the types of the table's columns of time.
pub(in crate::postgres) async fn times(client: &Client, source: &Source) -> Result<Times, PostgresError> {
    let event = source.columns.iter().find(|column| column.role == Role::Timestamp);
    let event = event.map_or_else(|| quote(Role::Timestamp.name()), |column| column.name.clone());
    let sql = "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, NULL)
               FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";
    let doing = PostgresError::doing("look at the columns of time");
    let rows = client.query(sql, &[&source.table_oid]).await.map_err(doing)?;
    let seconds = |name: &str| {
        rows.iter().find_map(|row| {
            let column = quote(row.get(0));
            (column == name).then(|| unix_seconds(&column, row.get(1))).flatten()
        })
    };
    Ok(Times {
        event: seconds(&event).unwrap_or_else(|| "NULL::double precision".to_owned()),
        inserted: seconds(&quote(INSERTED_AT)),
    })
}

/// A column as Unix seconds, by the name of its type.
pub(in crate::postgres) fn unix_seconds(column: &str, type_name: &str) -> Option<String> {
    Some(match type_name {
        "timestamp with time zone" => format!("extract(epoch FROM {column})::double precision"),
        "timestamp without time zone" => format!("extract(epoch FROM {column} AT TIME ZONE 'utc')::double precision"),
        "double precision" | "real" | "numeric" | "integer" | "bigint" => format!("{column}::double precision"),
        _ => return None,
    })
}
