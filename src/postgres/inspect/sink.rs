//! The table of flows: the faults that a start refuses, as findings, and what else of it is not ours to choose.

use tokio_postgres::Client;

use crate::check::sink::{Sink, SinkTrigger};
use crate::check::{Finding, Remedy};
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::quote;
use crate::postgres::sink_table::{Format, SinkError, SinkTable};
use crate::postgres::traffic_data::columns;

/// Text columns of fewer characters may be too short for an address or a name.
const TEXT_ENOUGH: usize = 64;

/// A fault as a finding: the words are those of a start that is refused. `None` for a missing right, which has its own.
pub fn fault(error: &SinkError) -> Option<Finding> {
    let why = "nothing can be stored";
    let (check, subject) = match error {
        SinkError::NoRight { .. } => return None,
        SinkError::NoTable { table } => ("sink.table", table.clone()),
        SinkError::RowSecurity { table, .. } => ("sink.row_security", table.clone()),
        SinkError::NoColumn { table, column } => ("sink.columns", format!("{table}.{}", quote(column))),
        SinkError::WrongType { table, column, .. } | SinkError::Unknown { table, column } => {
            ("sink.columns", format!("{table}.{}", quote(column)))
        }
    };
    let finding = Finding::refused(check, subject, error.to_string(), why);
    Some(finding.mend(match error {
        SinkError::RowSecurity { .. } | SinkError::Unknown { .. } => Remedy::Sql(error.hint()),
        _ => Remedy::Advice(error.hint()),
    }))
}

/// Looks at the table.
pub async fn look(client: &Client, table: &SinkTable) -> Result<Sink, PostgresError> {
    let mut sink = Sink { table: table.table.clone(), ..Sink::default() };
    for (target, ours) in table.columns.iter().filter_map(|target| {
        columns().into_iter().find(|column| quote(column.name) == target.name).map(|column| (target, column))
    }) {
        let name = target.name.clone();
        match target.format {
            Format::Int2 if matches!(ours.sql_type, "bigint" | "integer") => {
                sink.narrow.push((name, "smallint".to_owned()));
            }
            Format::Int4 if ours.sql_type == "bigint" => sink.narrow.push((name, "integer".to_owned())),
            Format::Text(Some(width)) if width < TEXT_ENOUGH => sink.short.push((name, format!("varchar({width})"))),
            _ => {}
        }
    }
    let sql = "SELECT c.oid, c.relpersistence = 'u', pg_catalog.quote_ident(n.nspname)
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.oid = $1::text::regclass";
    let doing = PostgresError::doing("look at the table of flows");
    let row = client.query_one(sql, &[&table.table]).await.map_err(doing)?;
    let oid: u32 = row.get(0);
    sink.is_unlogged = row.get(1);
    sink.triggers = triggers(client, oid, row.get(2)).await?;
    sink.unique = unique(client, oid, &sink.table).await?;
    sink.constraints = constraints(client, oid).await?;
    Ok(sink)
}

async fn triggers(client: &Client, oid: u32, schema: &str) -> Result<Vec<SinkTrigger>, PostgresError> {
    let sql = "SELECT pg_catalog.quote_ident(t.tgname), p.oid::regprocedure::text,
                      EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s WHERE s LIKE 'search\\_path=%')
               FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
               WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 4 = 4
               ORDER BY t.tgname";
    let doing = PostgresError::doing("look at the triggers of the flows");
    let rows = client.query(sql, &[&oid]).await.map_err(doing)?;
    let trigger = |row: &tokio_postgres::Row| SinkTrigger {
        name: row.get(0),
        function: row.get(1),
        sets_search_path: row.get(2),
        schema: schema.to_owned(),
    };
    Ok(rows.iter().map(trigger).collect())
}

/// Unique indexes all of whose columns are written by us: name, definition, statement that drops it.
async fn unique(client: &Client, oid: u32, table: &str) -> Result<Vec<(String, String, String)>, PostgresError> {
    let sql = "SELECT pg_catalog.quote_ident(k.relname), pg_catalog.pg_get_indexdef(i.indexrelid),
                      pg_catalog.quote_ident(n.nspname), EXISTS (
                          SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = i.indrelid)
               FROM pg_catalog.pg_index i
               JOIN pg_catalog.pg_class k ON k.oid = i.indexrelid
               JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
               WHERE i.indrelid = $1 AND i.indisunique AND NOT EXISTS (
                   SELECT FROM pg_catalog.unnest(i.indkey::smallint[]) WITH ORDINALITY key (number, place)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.number
                   WHERE key.place <= i.indnkeyatts AND a.attname::text <> ALL ($2::text[]))
               ORDER BY 1";
    let ours: Vec<&str> = columns().iter().map(|column| column.name).collect();
    let doing = PostgresError::doing("look at the unique indexes of the flows");
    let rows = client.query(sql, &[&oid, &ours]).await.map_err(doing)?;
    let index = |row: &tokio_postgres::Row| {
        let (name, schema): (String, String) = (row.get(0), row.get(2));
        let drop = if row.get(3) {
            format!("ALTER TABLE {table} DROP CONSTRAINT {name};")
        } else {
            format!("DROP INDEX CONCURRENTLY {schema}.{name};")
        };
        (name, row.get(1), drop)
    };
    Ok(rows.iter().map(index).collect())
}

/// Checks, foreign keys and exclusions: quoted name and definition.
async fn constraints(client: &Client, oid: u32) -> Result<Vec<(String, String)>, PostgresError> {
    let sql = "SELECT pg_catalog.quote_ident(o.conname), pg_catalog.pg_get_constraintdef(o.oid)
               FROM pg_catalog.pg_constraint o WHERE o.conrelid = $1 AND o.contype IN ('c', 'f', 'x') ORDER BY 1";
    let doing = PostgresError::doing("look at the constraints of the flows");
    let rows = client.query(sql, &[&oid]).await.map_err(doing)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
