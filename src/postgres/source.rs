//! Somebody else's table: which of its columns are what, of which type, and whether its ids can be read exactly once.
//!
//! Promise: what no lock can witness is refused here, each with the command that mends it.

use std::collections::BTreeMap;

use thiserror::Error;
use tokio_postgres::Client;

use crate::postgres::column::{Kind, Role};
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{qualify, quote};

/// The table of packets, as it was found.
#[derive(Clone, Debug)]
pub struct Source {
    /// Schema-qualified and quoted.
    pub table: String,
    /// Its object id.
    pub table_oid: u32,
    /// Whether it is partitioned.
    pub partitioned: bool,
    /// The columns to read, in the order of the select list; the id first.
    pub columns: Vec<SourceColumn>,
    /// Where its ids come from.
    pub sequence: Sequence,
    /// What [`Source::definition_sql`] gave before the columns were looked at.
    pub definition: String,
}

/// A column of the source that flowsentry reads.
#[derive(Clone, Debug)]
pub struct SourceColumn {
    /// What it means.
    pub role: Role,
    /// Its quoted name in the table.
    pub name: String,
    /// How its values look on the wire.
    pub kind: Kind,
}

/// The sequence that hands out the ids.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Schema-qualified and quoted.
    pub name: String,
    /// Its object id.
    pub oid: u32,
    /// Whether we may read its last value.
    pub readable: bool,
}

/// Why a table cannot be read exactly once.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the messages say it
pub enum SourceError {
    #[error("table {table} does not exist")]
    NoTable { table: String },
    #[error("{table} is a {kind}; packets can be read exactly once only from a table")]
    NotATable { table: String, kind: &'static str },
    #[error("the server is a standby in recovery, where locks of inserters cannot be seen")]
    Standby,
    #[error("{table} is filled by logical replication, whose locks say nothing about ids")]
    Subscribed { table: String },
    #[error("{table} has no column {column:?} for {role}")]
    NoColumn { table: String, column: String, role: Role },
    #[error("{table}.{column:?} has type {found}; expected {expected}")]
    WrongType { table: String, column: String, role: Role, found: String, expected: &'static str },
    #[error("{table}.{column:?} takes its values from no sequence that can be seen")]
    NoSequence { table: String, column: String },
    #[error("sequence {sequence} has {fault}, so ids become visible in an order that no lock can witness")]
    Sequence { sequence: String, fault: String, mend: String },
}

impl SourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoTable { .. } => "name the sniffer's table in pipeline.toml: [source] table = \"schema.name\", \
                                     or create flowsentry's own: flowsentry migrate"
                .to_owned(),
            Self::NotATable { .. } => "name the table beneath it in pipeline.toml: [source] table = …".to_owned(),
            Self::Standby => "connect to the primary".to_owned(),
            Self::Subscribed { .. } => "run flowsentry beside the publisher's database".to_owned(),
            Self::NoColumn { role, .. } | Self::WrongType { role, .. } => {
                format!("map another column in pipeline.toml: [source.columns] {role} = \"…\"")
            }
            Self::NoSequence { table, column } => format!(
                "CREATE SEQUENCE packet_ids OWNED BY {table}.{column}; \
                 SELECT setval('packet_ids', (SELECT max({column}) FROM {table})); \
                 ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('packet_ids');"
            ),
            Self::Sequence { mend, .. } => mend.clone(),
        })
    }
}

impl Source {
    /// Looks the table up: `table` as written in the settings, `mapping` from our column names to theirs.
    pub async fn inspect(
        client: &Client,
        table: &str,
        mapping: &BTreeMap<String, String>,
    ) -> Result<Self, PostgresError> {
        let (table, table_oid, partitioned) = relation(client, table).await?;
        let (definition, is_utf8) = definition(client, table_oid).await?;
        let mut columns = columns(client, &table, table_oid, mapping).await?;
        if !is_utf8 {
            columns
                .iter_mut()
                .filter(|column| column.kind == Kind::Text)
                .for_each(|column| column.kind = Kind::ForeignText);
        }
        let id = mapping.get(Role::Id.name()).map_or(Role::Id.name(), String::as_str);
        let sequence = sequence(client, &table, table_oid, id).await?;
        Ok(Self { table, table_oid, partitioned, columns, sequence, definition })
    }

    /// The quoted name of the id column.
    pub fn id(&self) -> &str {
        self.columns.first().map_or("id", |column| &column.name)
    }
}

impl Source {
    /// Gives the table's file and the names and types of its columns as text: it changes with them. A statement that ran
    /// while they changed is not to be believed: it reads a value as another type, and in a table that was rewritten after
    /// its snapshot was taken it sees no row, so that missing ids would seem dead.
    pub fn definition_sql(table_oid: u32) -> String {
        format!(
            "SELECT pg_catalog.concat(pg_catalog.pg_relation_filenode({table_oid}::oid::regclass), ':',
                 pg_catalog.string_agg(pg_catalog.concat(a.attnum, ' ', a.attname, ' ', a.atttypid), ',' ORDER BY a.attnum))
             FROM pg_catalog.pg_attribute a WHERE a.attrelid = {table_oid} AND a.attnum > 0 AND NOT a.attisdropped"
        )
    }
}

/// The definition, and whether texts are UTF-8.
async fn definition(client: &Client, table_oid: u32) -> Result<(String, bool), PostgresError> {
    let doing = PostgresError::doing("look at the source's definition");
    let sql = format!(
        "SELECT ({}), pg_catalog.current_setting('server_encoding') = 'UTF8'",
        Source::definition_sql(table_oid)
    );
    let row = client.query_one(&sql, &[]).await.map_err(doing)?;
    Ok((row.get(0), row.get(1)))
}

async fn relation(client: &Client, name: &str) -> Result<(String, u32, bool), PostgresError> {
    let doing = PostgresError::doing("look at the source table");
    let standby: bool = client.query_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await.map_err(&doing)?.get(0);
    if standby {
        return Err(SourceError::Standby.into());
    }
    let sql = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
                      EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid)
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.oid = pg_catalog.to_regclass($1)::oid";
    let qualified = qualify(client, name).await?.to_string();
    let row = client
        .query_opt(sql, &[&qualified])
        .await
        .map_err(&doing)?
        .ok_or_else(|| SourceError::NoTable { table: name.to_owned() })?;
    let table = format!("{}.{}", quote(row.get::<_, &str>(1)), quote(row.get::<_, &str>(2)));
    let kind = match row.get::<_, &str>(3) {
        "r" | "p" if row.get(4) => return Err(SourceError::Subscribed { table }.into()),
        kind @ ("r" | "p") => return Ok((table, row.get(0), kind == "p")),
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "relation of another kind",
    };
    Err(SourceError::NotATable { table, kind }.into())
}

async fn columns(
    client: &Client,
    table: &str,
    table_oid: u32,
    mapping: &BTreeMap<String, String>,
) -> Result<Vec<SourceColumn>, PostgresError> {
    let sql = "SELECT a.attname::text, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod)
               FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";
    let mut found = BTreeMap::new();
    let doing = PostgresError::doing("look at the source's columns");
    for row in client.query(sql, &[&table_oid]).await.map_err(doing)? {
        found.insert(row.get::<_, String>(0), (row.get::<_, u32>(1), row.get::<_, String>(2)));
    }
    let mut columns = Vec::new();
    for role in Role::ALL {
        let mapped = mapping.get(role.name());
        let name = mapped.map_or(role.name(), String::as_str);
        let Some((type_oid, type_name)) = found.get(name) else {
            if mapped.is_some() || role.is_required() {
                return Err(SourceError::NoColumn { table: table.to_owned(), column: name.to_owned(), role }.into());
            }
            continue;
        };
        // The booleans say nothing that the text of flags does not.
        if role.is_flag() && columns.iter().any(|column: &SourceColumn| column.role == Role::TcpFlags) {
            continue;
        }
        let kind = Kind::of(*type_oid).filter(|kind| role.accepts(*kind)).ok_or_else(|| SourceError::WrongType {
            table: table.to_owned(),
            column: name.to_owned(),
            role,
            found: type_name.clone(),
            expected: role.expected(),
        })?;
        columns.push(SourceColumn { role, name: quote(name), kind });
    }
    Ok(columns)
}

async fn sequence(client: &Client, table: &str, table_oid: u32, id: &str) -> Result<Sequence, PostgresError> {
    // A serial or identity column owns its sequence; any other default depends on it.
    let sql = "SELECT s.oid, n.nspname::text, s.relname::text, q.seqincrement, q.seqcache, q.seqcycle,
                      pg_catalog.has_sequence_privilege(s.oid, 'SELECT')
               FROM pg_catalog.pg_attribute a
               LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
               JOIN pg_catalog.pg_depend d
                 ON (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
                     AND d.refclassid = 'pg_catalog.pg_class'::regclass)
                 OR (d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid
                     AND d.refobjsubid = a.attnum AND d.deptype = 'i')
               JOIN pg_catalog.pg_class s
                 ON s.relkind = 'S' AND s.oid = CASE WHEN d.deptype = 'i' THEN d.objid ELSE d.refobjid END
               JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
               JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
               WHERE a.attrelid = $1 AND a.attname = $2::text";
    let row = client
        .query_opt(sql, &[&table_oid, &id])
        .await
        .map_err(PostgresError::doing("look at the source's sequence"))?
        .ok_or_else(|| SourceError::NoSequence { table: table.to_owned(), column: id.to_owned() })?;
    let name = format!("{}.{}", quote(row.get::<_, &str>(1)), quote(row.get::<_, &str>(2)));
    let (increment, cache, cycles): (i64, i64, bool) = (row.get(3), row.get(4), row.get(5));
    let fault = |fault: String, change: &str| SourceError::Sequence {
        sequence: name.clone(),
        fault,
        mend: format!("ALTER SEQUENCE {name} {change};"),
    };
    if increment != 1 {
        return Err(fault(format!("INCREMENT {increment}"), "INCREMENT 1").into());
    }
    if cache != 1 {
        return Err(fault(format!("CACHE {cache}"), "CACHE 1").into());
    }
    if cycles {
        return Err(fault("CYCLE".to_owned(), "NO CYCLE").into());
    }
    Ok(Sequence { oid: row.get(0), readable: row.get(6), name })
}
