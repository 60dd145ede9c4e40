//! The rights of the role that we are, asked one by one. The list of what the service needs is here and nowhere else.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::check::rights::{Need, Right};
use crate::config::Config;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{QualifiedName, qualify, quote};
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
const ALERT_IDS: &str = "flowsentry.alerts_id_seq";
/// Public unless somebody took them away: by them a restored or another server is known.
const FUNCTIONS: [&str; 2] = ["pg_catalog.pg_control_system()", "pg_catalog.pg_control_checkpoint()"];

const READING: Need = Need::Must("without it no packet can be read");
const STORING: Need = Need::Must("without it no flow can be stored");
const REMEMBERING: Need = Need::Must("without it nothing can be remembered of what was read");
const RETENTION: Need = Need::Should("without it old packets are not deleted; or set retention.keep=0");
const KEEPING: Need = Need::Should("without it alerts that ended are not deleted; or set alerts.keep=0");
const EDITING: Need = Need::Should("without it exceptions cannot be edited over HTTP; or leave http.token_file empty");
const MIGRATING: Need = Need::Told("the service does not need it, but the role that runs `flowsentry migrate` does");

/// Asks about rights, and collects the answers.
struct Rights<'a> {
    client: &'a Client,
    /// Quoted where it must be.
    role: String,
    found: Vec<Right>,
}

/// Role and rights. `source`: where the table of packets could be looked at, for its columns and its sequence.
pub async fn look(
    client: &Client,
    config: &Config,
    source: Option<&Source>,
) -> Result<(String, Vec<Right>), PostgresError> {
    let doing = PostgresError::doing("ask which role this is");
    let role = client.query_one("SELECT pg_catalog.quote_ident(current_user)", &[]).await.map_err(doing)?.get(0);
    let (packets, flows) = (qualify(client, &config.source.table).await?, qualify(client, &config.sink.table).await?);
    let mut asked = Rights { client, role, found: Vec::new() };
    asked.schema("flowsentry", REMEMBERING).await?;
    for (table, privilege) in OURS {
        asked.table(&ours(table), privilege, REMEMBERING).await?;
    }
    asked.alerts(config).await?;
    for function in FUNCTIONS {
        asked.function(function).await?;
    }
    asked.schema(&packets.schema, READING).await?;
    asked.columns(&packets, source).await?;
    asked.retention(&packets, config, source).await?;
    asked.schema(&flows.schema, STORING).await?;
    asked.table(&flows, "INSERT", STORING).await?;
    asked.sequences(&flows).await?;
    if config.wakeup.trigger {
        asked.table(&packets, "TRIGGER", MIGRATING).await?;
    }
    Ok((asked.role, asked.found))
}

fn ours(table: &str) -> QualifiedName {
    QualifiedName { schema: "flowsentry".to_owned(), name: table.to_owned() }
}

impl Rights<'_> {
    /// The first row of a query; `None` where the object is not there, which is told elsewhere.
    async fn ask(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, PostgresError> {
        self.client.query_opt(sql, parameters).await.map_err(PostgresError::doing("ask about a right"))
    }

    fn push(&mut self, held: bool, privilege: &'static str, object: &str, need: Need) {
        let grant = format!("GRANT {privilege} ON {object} TO {};", self.role);
        self.found.push(Right { privilege, object: object.to_owned(), held, need, grant });
    }

    async fn schema(&mut self, name: &str, need: Need) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') FROM pg_catalog.pg_namespace n WHERE n.nspname = $1";
        if let Some(row) = self.ask(sql, &[&name]).await? {
            self.push(row.get(0), "USAGE", &format!("SCHEMA {}", quote(name)), need);
        }
        Ok(())
    }

    async fn table(&mut self, name: &QualifiedName, privilege: &'static str, need: Need) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.has_table_privilege(c.oid, $3)
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relname = $2";
        if let Some(row) = self.ask(sql, &[&name.schema, &name.name, &privilege]).await? {
            self.push(row.get(0), privilege, &name.to_string(), need);
        }
        Ok(())
    }

    async fn function(&mut self, function: &'static str) -> Result<(), PostgresError> {
        let need = Need::Must("by it a server that was restored, or another one, is told from the one that was read");
        let sql = "SELECT pg_catalog.has_function_privilege($1, 'EXECUTE')";
        if let Some(row) = self.ask(sql, &[&function]).await? {
            self.push(row.get(0), "EXECUTE", &format!("FUNCTION {function}"), need);
        }
        Ok(())
    }

    /// What is read of the packets: the table as a whole, or column by column where some are granted; and the sequence.
    async fn columns(&mut self, name: &QualifiedName, source: Option<&Source>) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relname = $2";
        let Some(row) = self.ask(sql, &[&name.schema, &name.name]).await? else { return Ok(()) };
        let (whole, some): (bool, bool) = (row.get(0), row.get(1));
        let Some(source) = source.filter(|_| some && !whole) else {
            self.push(whole, "SELECT", &name.to_string(), READING);
            self.source_sequence(source);
            return Ok(());
        };
        let sql =
            "SELECT pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = $1 AND a.attnum > 0
                     AND pg_catalog.concat('\"', pg_catalog.replace(a.attname::text, '\"', '\"\"'), '\"') = $2";
        for column in &source.columns {
            if let Some(row) = self.ask(sql, &[&source.table_oid, &column.name]).await? {
                let object = format!("column {} of {name}", column.name);
                let grant = format!("GRANT SELECT ({}) ON {name} TO {};", column.name, self.role);
                self.found.push(Right { privilege: "SELECT", object, held: row.get(0), need: READING, grant });
            }
        }
        self.source_sequence(Some(source));
        Ok(())
    }

    fn source_sequence(&mut self, source: Option<&Source>) {
        if let Some(sequence) = source.map(|source| &source.sequence) {
            let need = Need::Should(
                "without it the lag is not known, ids made by hand are not told from others, and a reset may be noticed late",
            );
            self.push(sequence.readable, "SELECT", &format!("SEQUENCE {}", sequence.name), need);
        }
    }

    /// What alerts need beside their tables.
    async fn alerts(&mut self, config: &Config) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.has_sequence_privilege(s.oid, 'USAGE')
                   FROM pg_catalog.pg_class s JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
                   WHERE n.nspname = 'flowsentry' AND s.relname = 'alerts_id_seq'";
        if let Some(row) = self.ask(sql, &[]).await? {
            self.push(row.get(0), "USAGE", &format!("SEQUENCE {ALERT_IDS}"), REMEMBERING);
        }
        if !config.alerts.keep.is_zero() {
            for table in DELETED {
                self.table(&ours(table), "DELETE", KEEPING).await?;
            }
        }
        if config.http.token_file.is_some() {
            for privilege in EDITED {
                self.table(&ours("exceptions"), privilege, EDITING).await?;
            }
        }
        Ok(())
    }

    /// To drop days of a table that we made one must own it; of others' tables rows are deleted.
    async fn retention(
        &mut self,
        name: &QualifiedName,
        config: &Config,
        source: Option<&Source>,
    ) -> Result<(), PostgresError> {
        if config.retention.keep.is_zero() {
            return Ok(());
        }
        self.table(name, "DELETE", RETENTION).await?;
        let is_remembered = self.found.iter().take(1 + OURS.len()).all(|right| right.held);
        if !is_remembered || !source.is_some_and(|source| source.partitioned) {
            return Ok(());
        }
        let sql = "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE'),
                          pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner))
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   JOIN flowsentry.tables t ON t.schema_name = n.nspname AND t.table_name = c.relname
                   WHERE n.nspname = $1 AND c.relname = $2 AND t.origin = 'created'";
        if let Some(row) = self.ask(sql, &[&name.schema, &name.name]).await? {
            let need = Need::Should("without it days of packets are neither made nor dropped; or set retention.keep=0");
            let grant = format!("GRANT {} TO {};", row.get::<_, &str>(1), self.role);
            let object = format!("{name} as its owner");
            self.found.push(Right { privilege: "DROP", object, held: row.get(0), need, grant });
        }
        Ok(())
    }

    /// Sequences that fill columns of the flows which we do not write. Those of identity columns need no right.
    async fn sequences(&mut self, name: &QualifiedName) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(s.relname), CASE WHEN s.relkind = 'S'
                              THEN pg_catalog.has_sequence_privilege(s.oid, 'USAGE') END
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   JOIN pg_catalog.pg_depend d ON d.refobjid = c.oid AND d.deptype = 'a'
                       AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                   JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                   JOIN pg_catalog.pg_namespace m ON m.oid = s.relnamespace
                   WHERE n.nspname = $1 AND c.relname = $2 ORDER BY 1";
        let doing = PostgresError::doing("ask about a right");
        let rows = self.client.query(sql, &[&name.schema, &name.name]).await.map_err(doing)?;
        for row in rows {
            if let Some(held) = row.get(1) {
                self.push(held, "USAGE", &format!("SEQUENCE {}", row.get::<_, &str>(0)), STORING);
            }
        }
        Ok(())
    }
}
