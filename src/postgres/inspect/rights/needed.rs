//! The one table of what the service needs: `check` asks for it, `run` says what is missing of it, and `migrate --roles`
//! grants it. Nobody else lists rights.

use std::fmt;

use tokio_postgres::Client;

use crate::check::rights::Need;
use crate::config::Config;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{QualifiedName, quote};
use crate::postgres::source::Source;

/// Of flowsentry's own tables.
const OURS: [(&str, &str); 22] = [
    ("migrations", "SELECT"),
    ("tables", "SELECT"),
    ("checkpoint", "SELECT"),
    ("checkpoint", "INSERT"),
    ("checkpoint", "UPDATE"),
    ("rejected_packets", "SELECT"),
    ("rejected_packets", "INSERT"),
    ("rejected_packets", "DELETE"),
    ("consumed_ids", "SELECT"),
    ("consumed_ids", "INSERT"),
    ("consumed_ids", "UPDATE"),
    ("consumed_ids", "DELETE"),
    ("alerts", "SELECT"),
    ("alerts", "INSERT"),
    ("alerts", "UPDATE"),
    ("alert_windows", "SELECT"),
    ("alert_windows", "INSERT"),
    ("outbox", "SELECT"),
    ("outbox", "INSERT"),
    ("outbox", "UPDATE"),
    ("exceptions", "SELECT"),
    ("exceptions", "UPDATE"),
];
/// Of flowsentry's own tables, what deleting old alerts needs.
const DELETED: [&str; 2] = ["alerts", "outbox"];
/// What editing exceptions over HTTP needs.
const EDITED: [&str; 2] = ["INSERT", "DELETE"];
/// The sequence that ids of alerts are drawn from.
const ALERT_IDS: &str = "alerts_id_seq";
/// Public unless somebody took them away: by them a restored or another server is known.
const FUNCTIONS: [&str; 2] = ["pg_catalog.pg_control_system()", "pg_catalog.pg_control_checkpoint()"];

const READING: Need = Need::Must("without it no packet can be read");
const STORING: Need = Need::Must("without it no flow can be stored");
const REMEMBERING: Need = Need::Must("without it nothing can be remembered of what was read");
const RETENTION: Need = Need::Should("without it old packets are not deleted; or set retention.keep=0");
const KEEPING: Need = Need::Should("without it alerts that ended are not deleted; or set alerts.keep=0");
const EDITING: Need = Need::Should("without it exceptions cannot be edited over HTTP; or leave http.token_file empty");
const SHOWING: Need =
    Need::Should("without it the page, /api and `flowsentry verify` show no flows; storing them does not need it");
const PROVING: Need =
    Need::Must("by it a server that was restored, or another one, is told from the one that was read");
const COUNTING: Need = Need::Should(
    "without it the lag is not known, ids made by hand are not told from others, and a reset may be noticed late",
);
const DAYS: Need = Need::Should("without it days of packets are neither made nor dropped; or set retention.keep=0");
const MIGRATING: Need = Need::Told("the service does not need it, but the role that runs `flowsentry migrate` does");

/// What a right is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    /// A schema, by its name.
    Schema(String),
    /// A table.
    Table(QualifiedName),
    /// The table of packets, of which single columns will do.
    Packets(QualifiedName),
    /// A sequence: its object id, and its name as a statement has it.
    Sequence(u32, String),
    /// A function as a statement has it.
    Function(&'static str),
    /// What only its owner may do to a table: the table, and the owner as a statement has it.
    Owned(QualifiedName, String),
}

/// As GRANT has it.
impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(name) => write!(out, "SCHEMA {}", quote(name)),
            Self::Table(name) | Self::Packets(name) => name.fmt(out),
            Self::Sequence(_, name) => write!(out, "SEQUENCE {name}"),
            Self::Function(function) => write!(out, "FUNCTION {function}"),
            Self::Owned(name, _) => write!(out, "{name} as its owner"),
        }
    }
}

/// A right that is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needed {
    /// Such as `SELECT`.
    pub privilege: &'static str,
    /// On what.
    pub object: Object,
    /// What for.
    pub need: Need,
}

/// All that is needed with these settings, in the order in which it is told. What is not there is left out: that is told
/// elsewhere.
pub async fn needed(
    client: &Client,
    config: &Config,
    (packets, flows): (&QualifiedName, &QualifiedName),
    source: Option<&Source>,
) -> Result<Vec<Needed>, PostgresError> {
    let mut list = List(Vec::new());
    list.schema("flowsentry", REMEMBERING);
    for (table, privilege) in OURS {
        list.table(&ours(table), privilege, REMEMBERING);
    }
    list.0.extend(alert_ids(client).await?);
    if !config.alerts.keep.is_zero() {
        for table in DELETED {
            list.table(&ours(table), "DELETE", KEEPING);
        }
    }
    if config.http.token_file.is_some() {
        for privilege in EDITED {
            list.table(&ours("exceptions"), privilege, EDITING);
        }
    }
    for function in FUNCTIONS {
        list.push("EXECUTE", Object::Function(function), PROVING);
    }
    list.schema(&packets.schema, READING);
    list.push("SELECT", Object::Packets(packets.clone()), READING);
    if let Some(sequence) = source.map(|source| &source.sequence) {
        list.push("SELECT", Object::Sequence(sequence.oid, sequence.name.clone()), COUNTING);
    }
    if !config.retention.keep.is_zero() {
        list.table(packets, "DELETE", RETENTION);
        if let Some(owner) = owner_of_days(client, packets, source).await? {
            list.push("DROP", Object::Owned(packets.clone(), owner), DAYS);
        }
    }
    list.schema(&flows.schema, STORING);
    list.table(flows, "INSERT", STORING);
    list.table(flows, "SELECT", SHOWING);
    list.0.extend(ids_of_flows(client, flows).await?);
    if config.wakeup.trigger {
        list.table(packets, "TRIGGER", MIGRATING);
    }
    Ok(list.0)
}

struct List(Vec<Needed>);

impl List {
    /// What is needed twice, as a schema of both tables, is told once, by its first use.
    fn push(&mut self, privilege: &'static str, object: Object, need: Need) {
        if !self.0.iter().any(|known| known.privilege == privilege && known.object == object) {
            self.0.push(Needed { privilege, object, need });
        }
    }

    fn schema(&mut self, name: &str, need: Need) {
        self.push("USAGE", Object::Schema(name.to_owned()), need);
    }

    fn table(&mut self, name: &QualifiedName, privilege: &'static str, need: Need) {
        self.push(privilege, Object::Table(name.clone()), need);
    }
}

fn ours(table: &str) -> QualifiedName {
    QualifiedName { schema: "flowsentry".to_owned(), name: table.to_owned() }
}

async fn alert_ids(client: &Client) -> Result<Option<Needed>, PostgresError> {
    let sql = "SELECT s.oid FROM pg_catalog.pg_class s JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
               WHERE n.nspname = 'flowsentry' AND s.relname = $1 AND s.relkind = 'S'";
    let row = client.query_opt(sql, &[&ALERT_IDS]).await.map_err(PostgresError::doing("look for a sequence"))?;
    let object = row.map(|row| Object::Sequence(row.get(0), format!("flowsentry.{ALERT_IDS}")));
    Ok(object.map(|object| Needed { privilege: "USAGE", object, need: REMEMBERING }))
}

/// Whose a table of ours is, of which days are made and dropped. Of others' tables rows are deleted.
async fn owner_of_days(
    client: &Client,
    packets: &QualifiedName,
    source: Option<&Source>,
) -> Result<Option<String>, PostgresError> {
    if !source.is_some_and(|source| source.partitioned) {
        return Ok(None);
    }
    let sql = "SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner))
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN flowsentry.tables t ON t.schema_name = n.nspname AND t.table_name = c.relname
               WHERE n.nspname = $1 AND c.relname = $2 AND t.origin = 'created'";
    let doing = PostgresError::doing("look up who owns the packets");
    match client.query_opt(sql, &[&packets.schema, &packets.name]).await.map_err(doing) {
        Ok(row) => Ok(row.map(|row| row.get(0))),
        // Our own schema is not there, or not for us to see: both are told by themselves.
        Err(error) if error.is_refusal() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sequences that fill columns of the flows which we do not write. Those of identity columns need no right.
async fn ids_of_flows(client: &Client, flows: &QualifiedName) -> Result<Vec<Needed>, PostgresError> {
    let sql = "SELECT s.oid, pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(s.relname)
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_depend d ON d.refobjid = c.oid AND d.deptype = 'a'
                   AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
               JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
               JOIN pg_catalog.pg_namespace m ON m.oid = s.relnamespace
               WHERE n.nspname = $1 AND c.relname = $2 ORDER BY 2";
    let doing = PostgresError::doing("look for the sequences of the flows");
    let rows = client.query(sql, &[&flows.schema, &flows.name]).await.map_err(doing)?;
    let one = |row: &tokio_postgres::Row| Object::Sequence(row.get(0), row.get(1));
    Ok(rows.iter().map(|row| Needed { privilege: "USAGE", object: one(row), need: STORING }).collect())
}
