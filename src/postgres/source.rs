//! Somebody else's table: which of its columns are what, of which type, and whether its ids can be read exactly once.
//!
//! Promise: what no lock can witness is refused here, each with the command that mends it.

use std::collections::BTreeMap;

use thiserror::Error;
use tokio_postgres::Client;

use crate::postgres::column::{Kind, Role};
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{QualifiedName, literal, qualify, quote};

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
    #[error("{table} is distributed by Citus, where each node hands out ids of its own")]
    Distributed { table: String },
    #[error("row-level security hides rows of {table} from role {role}")]
    RowSecurity { table: String, role: String },
    #[error("{table} has no column {column:?} for {role}")]
    NoColumn { table: String, column: String, role: Role },
    #[error("{table}.{column:?} has type {found}; expected {expected}")]
    WrongType { table: String, column: String, role: Role, found: String, expected: &'static str },
    #[error("{table}.{column:?} takes its values from no sequence that can be seen")]
    NoSequence { table: String, column: String, mend: String },
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
            Self::Distributed { .. } => "run flowsentry on a table that is not distributed".to_owned(),
            Self::RowSecurity { role, .. } => format!("ALTER ROLE {role} BYPASSRLS;"),
            Self::NoSequence { mend, .. } | Self::Sequence { mend, .. } => mend.clone(),
        })
    }
}

/// All that there is to say of a table of packets.
#[derive(Debug, Default)]
pub struct Survey {
    /// The table, where there is one whose ids come from a sequence; it may have faults all the same.
    pub source: Option<Source>,
    /// Why it cannot be read exactly once.
    pub faults: Vec<SourceError>,
}

impl Source {
    /// Looks the table up: `table` as written in the settings, `mapping` from our column names to theirs. The first of its
    /// faults is the error.
    pub async fn inspect(
        client: &Client,
        table: &str,
        mapping: &BTreeMap<String, String>,
    ) -> Result<Self, PostgresError> {
        let Survey { source, faults } = survey(client, table, mapping).await?;
        match (faults.into_iter().next(), source) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(source)) => Ok(source),
            (None, None) => Err(SourceError::NoTable { table: table.to_owned() }.into()),
        }
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

/// Looks the table up with all its faults.
pub async fn survey(client: &Client, table: &str, mapping: &BTreeMap<String, String>) -> Result<Survey, PostgresError> {
    let name = qualify(client, table).await?;
    let mut survey = Survey::default();
    let faults = &mut survey.faults;
    let Some((table_oid, partitioned)) = relation(client, &name, table, faults).await? else { return Ok(survey) };
    let (definition, is_utf8) = definition(client, table_oid).await?;
    let mut columns = columns(client, &name.to_string(), table_oid, mapping, faults).await?;
    if !is_utf8 {
        columns
            .iter_mut()
            .filter(|column| column.kind == Kind::Text)
            .for_each(|column| column.kind = Kind::ForeignText);
    }
    let id = mapping.get(Role::Id.name()).map_or(Role::Id.name(), String::as_str);
    if columns.first().is_some_and(|column| column.role == Role::Id)
        && let Some(sequence) = sequence(client, &name, table_oid, id, faults).await?
    {
        survey.source = Some(Source { table: name.to_string(), table_oid, partitioned, columns, sequence, definition });
    }
    Ok(survey)
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

/// Object id of the table, and whether it is partitioned. `None` if it is no table.
async fn relation(
    client: &Client,
    name: &QualifiedName,
    written: &str,
    faults: &mut Vec<SourceError>,
) -> Result<Option<(u32, bool)>, PostgresError> {
    let doing = PostgresError::doing("look at the source table");
    // By pg_inherits and not pg_partition_tree, which waits for whoever locks a partition.
    let sql = "WITH RECURSIVE tree (oid) AS (
                   SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relname = $2
                   UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent)
               SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.quote_ident(current_user), c.oid, c.relkind::text,
                      EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s JOIN tree t ON t.oid = s.srrelid),
                      coalesce(pg_catalog.row_security_active(c.oid), false),
                      pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL,
                      (SELECT min(pg_catalog.format('%I.%I', m.nspname, f.relname))
                       FROM tree t JOIN pg_catalog.pg_class f ON f.oid = t.oid AND f.relkind = 'f' AND f.oid <> c.oid
                       JOIN pg_catalog.pg_namespace m ON m.oid = f.relnamespace)
               FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_class c ON c.relname = $2
                   AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)";
    let row = client.query_one(sql, &[&name.schema, &name.name]).await.map_err(&doing)?;
    if row.get(0) {
        faults.push(SourceError::Standby);
    }
    let table = name.to_string();
    let Some(oid) = row.get::<_, Option<u32>>(2) else {
        faults.push(SourceError::NoTable { table: written.to_owned() });
        return Ok(None);
    };
    let kind = match row.get::<_, &str>(3) {
        "r" | "p" => None,
        "v" => Some("view"),
        "m" => Some("materialized view"),
        "f" => Some("foreign table"),
        _ => Some("relation of another kind"),
    };
    if let Some(kind) = kind {
        faults.push(SourceError::NotATable { table, kind });
        return Ok(None);
    }
    if row.get(4) {
        faults.push(SourceError::Subscribed { table: table.clone() });
    }
    if row.get(6) {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition d WHERE d.logicalrelid = $1::oid::regclass)";
        if client.query_one(sql, &[&oid]).await.map_err(&doing)?.get(0) {
            faults.push(SourceError::Distributed { table: table.clone() });
        }
    }
    if let Some(partition) = row.get(7) {
        faults.push(SourceError::NotATable { table: partition, kind: "foreign table" });
    }
    if row.get(5) {
        faults.push(SourceError::RowSecurity { table, role: row.get(1) });
    }
    Ok(Some((oid, row.get::<_, &str>(3) == "p")))
}

async fn columns(
    client: &Client,
    table: &str,
    table_oid: u32,
    mapping: &BTreeMap<String, String>,
    faults: &mut Vec<SourceError>,
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
                faults.push(SourceError::NoColumn { table: table.to_owned(), column: name.to_owned(), role });
            }
            continue;
        };
        // The booleans say nothing that the text of flags does not.
        if role.is_flag() && columns.iter().any(|column: &SourceColumn| column.role == Role::TcpFlags) {
            continue;
        }
        match Kind::of(*type_oid).filter(|kind| role.accepts(*kind)) {
            Some(kind) => columns.push(SourceColumn { role, name: quote(name), kind }),
            None => faults.push(SourceError::WrongType {
                table: table.to_owned(),
                column: name.to_owned(),
                role,
                found: type_name.clone(),
                expected: role.expected(),
            }),
        }
    }
    Ok(columns)
}

async fn sequence(
    client: &Client,
    table: &QualifiedName,
    table_oid: u32,
    id: &str,
    faults: &mut Vec<SourceError>,
) -> Result<Option<Sequence>, PostgresError> {
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
    let doing = PostgresError::doing("look at the source's sequence");
    let Some(row) = client.query_opt(sql, &[&table_oid, &id]).await.map_err(doing)? else {
        let (column, mend) = (id.to_owned(), make_sequence(table, id));
        faults.push(SourceError::NoSequence { table: table.to_string(), column, mend });
        return Ok(None);
    };
    let name = format!("{}.{}", quote(row.get::<_, &str>(1)), quote(row.get::<_, &str>(2)));
    let (increment, cache, cycles): (i64, i64, bool) = (row.get(3), row.get(4), row.get(5));
    let mut fault = |found: bool, fault: String, change: &str| {
        if found {
            let mend = format!("ALTER SEQUENCE {name} {change};");
            faults.push(SourceError::Sequence { sequence: name.clone(), fault, mend });
        }
    };
    fault(increment != 1, format!("INCREMENT {increment}"), "INCREMENT 1");
    fault(cache != 1, format!("CACHE {cache}"), "CACHE 1");
    fault(cycles, "CYCLE".to_owned(), "NO CYCLE");
    Ok(Some(Sequence { oid: row.get(0), readable: row.get(6), name }))
}

/// Gives the id column a sequence of its own, while nobody inserts.
fn make_sequence(table: &QualifiedName, id: &str) -> String {
    let (sequence, id) = (table.with_suffix("_packet_ids"), quote(id));
    let named = literal(&sequence.to_string());
    format!(
        "BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; CREATE SEQUENCE {sequence} OWNED BY {table}.{id}; \
         SELECT pg_catalog.setval({named}, (SELECT pg_catalog.max({id}) FROM {table})); \
         ALTER TABLE {table} ALTER COLUMN {id} SET DEFAULT pg_catalog.nextval({named}); COMMIT;"
    )
}
