//! The table of packets and the table of flows: made where there are none, taken as they are where there are.
//!
//! Promise: a table of others keeps every column, type and row. It gains columns that may be NULL, which takes a moment
//! whatever its size, an index built beside running work, and one trigger.

use tokio_postgres::Client;

use super::error::PostgresError;
use super::identifier::{QualifiedName, literal, qualify, quote};
use super::migrations::SchemaError;
use super::partitions::{self, Day};
use super::schema_change::{Change, Manner};
use super::traffic_data::{Column, columns};

const RAW_PACKETS: &str = include_str!("../../sql/raw_packets.sql");
const TRIGGER: &str = include_str!("../../sql/trigger.sql");
/// What our own queries select flows by.
const INDEXED_COLUMN: &str = "window_start";

/// The tables that the settings name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tables {
    /// Of packets.
    pub source: QualifiedName,
    /// Of flows.
    pub sink: QualifiedName,
    /// Whether the source is to have the trigger that wakes us.
    pub trigger: bool,
}

impl Tables {
    /// Looks the names up: `[source] table`, `[sink] table`, `[wakeup] trigger`.
    pub async fn resolve(client: &Client, source: &str, sink: &str, trigger: bool) -> Result<Self, PostgresError> {
        Ok(Self { source: qualify(client, source).await?, sink: qualify(client, sink).await?, trigger })
    }
}

/// A table of the settings that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Found {
    oid: u32,
    /// Whether flowsentry has made or adopted it before.
    recorded: bool,
}

/// What is to be done to the tables. `schema_is_there` tells whether `flowsentry.tables` can be asked.
pub(super) async fn plan(
    client: &Client,
    tables: &Tables,
    adopt: bool,
    schema_is_there: bool,
) -> Result<Vec<Change>, PostgresError> {
    let source = find(client, &tables.source, schema_is_there).await?;
    let sink = find(client, &tables.sink, schema_is_there).await?;
    let strange = [(&tables.source, source), (&tables.sink, sink)].into_iter();
    let strange = strange.filter(|(_, found)| found.is_some_and(|found| !found.recorded) && !adopt);
    let strange: Vec<String> = strange.map(|(name, _)| name.shown()).collect();
    if !strange.is_empty() {
        return Err(SchemaError::NotAdopted { tables: strange }.into());
    }
    let mut changes = Vec::new();
    match source {
        None => changes.push(make_source(&tables.source, &partitions::days(client).await?)),
        Some(found) => changes.extend(adopted(&tables.source, "source", found)),
    }
    match sink {
        None => changes.push(make_sink(&tables.sink)),
        Some(found) => {
            changes.extend(adopted(&tables.sink, "sink", found));
            changes.extend(missing_columns(client, &tables.sink, found).await?);
            changes.extend(missing_index(client, &tables.sink, found).await?);
        }
    }
    let has_trigger = match source {
        Some(found) => has_trigger(client, found).await?,
        None => false,
    };
    if tables.trigger && !has_trigger {
        changes.push(Change {
            title: format!("put the wake-up trigger on {}", tables.source.shown()),
            sql: TRIGGER.replace("{table}", &tables.source.to_string()),
            manner: Manner::Locking,
            without: Some("nothing wakes flowsentry, so it looks for packets every [ingest] poll_interval".to_owned()),
        });
    }
    Ok(changes)
}

async fn find(client: &Client, name: &QualifiedName, schema_is_there: bool) -> Result<Option<Found>, PostgresError> {
    let query = "SELECT c.oid, c.relkind::text FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    let known = "SELECT EXISTS (SELECT FROM flowsentry.tables WHERE schema_name = $1 AND table_name = $2)";
    let doing = PostgresError::doing("look for the tables of packets and flows");
    let Some(row) = client.query_opt(query, &[&name.schema, &name.name]).await.map_err(&doing)? else {
        return Ok(None);
    };
    let kind = match row.get::<_, &str>(1) {
        "r" | "p" => None,
        "v" => Some("a view"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        "S" => Some("a sequence"),
        _ => Some("something else"),
    };
    if let Some(kind) = kind {
        return Err(SchemaError::NotATable { table: name.shown(), kind }.into());
    }
    let recorded =
        schema_is_there && client.query_one(known, &[&name.schema, &name.name]).await.map_err(doing)?.get::<_, bool>(0);
    Ok(Some(Found { oid: row.get(0), recorded }))
}

fn record(name: &QualifiedName, purpose: &str, origin: &str) -> String {
    format!(
        "INSERT INTO flowsentry.tables (schema_name, table_name, purpose, origin) VALUES ({}, {}, '{purpose}', '{origin}')\n\
         \x20   ON CONFLICT (schema_name, table_name) DO UPDATE SET purpose = excluded.purpose, origin = excluded.origin;\n",
        literal(&name.schema),
        literal(&name.name),
    )
}

fn adopted(name: &QualifiedName, purpose: &str, found: Found) -> Option<Change> {
    (!found.recorded).then(|| Change {
        title: format!("adopt {} as the {purpose}", name.shown()),
        sql: record(name, purpose, "adopted"),
        manner: Manner::Alone,
        without: None,
    })
}

fn make_source(name: &QualifiedName, days: &[Day]) -> Change {
    let partitions: Vec<String> = days.iter().map(|day| day.create(name)).collect();
    let sql = RAW_PACKETS
        .replace("{table}", &name.to_string())
        .replace("{default_partition}", &name.with_suffix("_default").to_string())
        .replace("{partitions}", &partitions.join("\n"));
    Change {
        title: format!("make {}, partitioned by day", name.shown()),
        sql: sql + &record(name, "source", "created"),
        manner: Manner::Alone,
        without: None,
    }
}

fn make_sink(name: &QualifiedName) -> Change {
    let mut lines = vec!["    id_num bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY".to_owned()];
    let mut comments = Vec::new();
    for Column { name: column, sql_type, doc, .. } in columns() {
        let more = match column {
            "src_ip" => " NOT NULL",
            "revision" => " NOT NULL DEFAULT 0",
            "created_at" => " DEFAULT (pg_catalog.now() AT TIME ZONE 'utc')",
            _ => "",
        };
        lines.push(format!("    {} {sql_type}{more}", quote(column)));
        comments.push(format!("COMMENT ON COLUMN {name}.{} IS {};\n", quote(column), literal(doc)));
    }
    let table_doc = "Flows: what one source sent to one destination by one protocol in one window.";
    let sql = format!(
        "CREATE TABLE {name} (\n{}\n);\nCOMMENT ON TABLE {name} IS {};\n{}CREATE INDEX {} ON {name} ({});\n{}",
        lines.join(",\n"),
        literal(table_doc),
        comments.concat(),
        quote(&index_of(name).name),
        quote(INDEXED_COLUMN),
        record(name, "sink", "created"),
    );
    Change { title: format!("make {}", name.shown()), sql, manner: Manner::Alone, without: None }
}

async fn missing_columns(client: &Client, name: &QualifiedName, found: Found) -> Result<Option<Change>, PostgresError> {
    let query =
        "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
    let doing = PostgresError::doing("look at the columns of the flows");
    let rows = client.query(query, &[&found.oid]).await.map_err(doing)?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let missing: Vec<Column> = columns().into_iter().filter(|column| !there.iter().any(|c| c == column.name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let added = missing.iter().map(|column| format!("    ADD COLUMN {} {}", quote(column.name), column.sql_type));
    let comments = missing
        .iter()
        .map(|column| format!("COMMENT ON COLUMN {name}.{} IS {};\n", quote(column.name), literal(column.doc)));
    let names: Vec<&str> = missing.iter().map(|column| column.name).collect();
    Ok(Some(Change {
        title: format!("add {} columns to {}", missing.len(), name.shown()),
        sql: format!(
            "ALTER TABLE {name}\n{};\n{}",
            added.collect::<Vec<_>>().join(",\n"),
            comments.collect::<Vec<_>>().concat()
        ),
        manner: Manner::Locking,
        without: Some(format!("these are not stored: {}", names.join(", "))),
    }))
}

fn index_of(name: &QualifiedName) -> QualifiedName {
    name.with_suffix(&format!("_{INDEXED_COLUMN}_idx"))
}

/// An index that was left half built is no index: it is dropped and built again.
async fn missing_index(client: &Client, name: &QualifiedName, found: Found) -> Result<Vec<Change>, PostgresError> {
    let query = "SELECT coalesce(bool_or(i.indisvalid AND i.indpred IS NULL AND a.attname = $2), false), \
                        coalesce(bool_or(NOT i.indisvalid AND c.relname = $3), false) \
                 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
                 WHERE i.indrelid = $1";
    let index = index_of(name);
    let doing = PostgresError::doing("look at the indexes of the flows");
    let row = client.query_one(query, &[&found.oid, &INDEXED_COLUMN, &index.name]).await.map_err(doing)?;
    let (there, half_built): (bool, bool) = (row.get(0), row.get(1));
    if there {
        return Ok(Vec::new());
    }
    let change = |title: String, sql: String| Change {
        title,
        sql,
        manner: Manner::Concurrent,
        without: Some("queries for the flows of a window read the whole table".to_owned()),
    };
    let drop = half_built.then(|| {
        let title = format!("drop the half-built index of {}", name.shown());
        change(title, format!("DROP INDEX CONCURRENTLY IF EXISTS {index};"))
    });
    let build = change(
        format!("index {} by {INDEXED_COLUMN}", name.shown()),
        format!("CREATE INDEX CONCURRENTLY {} ON {name} ({});", quote(&index.name), quote(INDEXED_COLUMN)),
    );
    Ok(drop.into_iter().chain([build]).collect())
}

async fn has_trigger(client: &Client, found: Found) -> Result<bool, PostgresError> {
    let query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                 WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND n.nspname = 'flowsentry' AND p.proname = 'wake')";
    let doing = PostgresError::doing("look at the triggers of the packets");
    Ok(client.query_one(query, &[&found.oid]).await.map_err(doing)?.get(0))
}
