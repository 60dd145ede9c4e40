//! The rights of the role that we are, asked one by one, and granted to others. What is needed is listed in `needed` alone.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::check::rights::{Need, Right};
use crate::config::Config;
use crate::postgres::database::Database;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{QualifiedName, qualify};
use crate::postgres::source::{Source, survey};

mod needed;
pub mod roles;

use needed::{Needed, Object, needed};

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
    for needed in needed(client, config, (&packets, &flows), source).await? {
        asked.one(needed, source).await?;
    }
    Ok((asked.role, asked.found))
}

/// Says in the log what is missing, each with the statement that gives it. Nothing fails by this: what needs the right does.
pub async fn tell_of_missing(client: &Client, config: &Config) {
    let source = survey(client, &config.source.table, &config.source.columns).await;
    let source = source.ok().and_then(|found| found.source);
    let (role, rights) = match look(client, config, source.as_ref()).await {
        Ok(found) => found,
        Err(error) => return tracing::debug!(%error, "the rights of our role are not known"),
    };
    for Right { privilege, object, need, grant, .. } in rights.iter().filter(|right| !right.held) {
        match need {
            Need::Must(why) => tracing::error!(role, privilege, object, why, grant, "a right is missing"),
            Need::Should(why) => tracing::warn!(role, privilege, object, why, grant, "a right is missing"),
            Need::Told(_) => {}
        }
    }
}

/// The same by a session of its own, for whoever got none, or no further, for want of a right.
pub async fn tell_of_missing_at(database: &Database, config: &Config) {
    match database.session("rights").await {
        Ok(session) => tell_of_missing(&session.client, config).await,
        Err(error) => tracing::debug!(%error, "the rights of our role are not known"),
    }
}

impl Rights<'_> {
    /// The first row of a query; `None` where the object is not there, which is told elsewhere.
    async fn ask(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, PostgresError> {
        self.client.query_opt(sql, parameters).await.map_err(PostgresError::doing("ask about a right"))
    }

    async fn one(&mut self, needed: Needed, source: Option<&Source>) -> Result<(), PostgresError> {
        let privilege = &needed.privilege;
        let row = match &needed.object {
            Object::Schema(name) => {
                let sql = "SELECT pg_catalog.has_schema_privilege(n.oid, $2) FROM pg_catalog.pg_namespace n WHERE n.nspname = $1";
                self.ask(sql, &[name, privilege]).await?
            }
            Object::Packets(name) => return self.columns(name, source, &needed).await,
            Object::Table(QualifiedName { schema, name }) => {
                let sql = "SELECT pg_catalog.has_table_privilege(c.oid, $3)
                           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                           WHERE n.nspname = $1 AND c.relname = $2";
                self.ask(sql, &[schema, name, privilege]).await?
            }
            Object::Sequence(oid, _) => {
                let sql =
                    "SELECT pg_catalog.has_sequence_privilege(s.oid, $2) FROM pg_catalog.pg_class s WHERE s.oid = $1";
                self.ask(sql, &[oid, privilege]).await?
            }
            Object::Function(function) => {
                self.ask("SELECT pg_catalog.has_function_privilege($1, $2)", &[function, privilege]).await?
            }
            Object::Owned(QualifiedName { schema, name }, _) => {
                let sql = "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE')
                           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                           WHERE n.nspname = $1 AND c.relname = $2";
                self.ask(sql, &[schema, name]).await?
            }
        };
        if let Some(row) = row {
            self.push(row.get(0), &needed);
        }
        Ok(())
    }

    fn push(&mut self, held: bool, needed: &Needed) {
        let Needed { privilege, object, need } = needed;
        let grant = match object {
            Object::Owned(_, owner) => format!("GRANT {owner} TO {};", self.role),
            object => format!("GRANT {privilege} ON {object} TO {};", self.role),
        };
        self.found.push(Right { privilege, object: object.to_string(), held, need: *need, grant });
    }

    /// What is read of the packets: the table as a whole, or column by column where some are granted.
    async fn columns(
        &mut self,
        name: &QualifiedName,
        source: Option<&Source>,
        needed: &Needed,
    ) -> Result<(), PostgresError> {
        let sql = "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relname = $2";
        let Some(row) = self.ask(sql, &[&name.schema, &name.name]).await? else { return Ok(()) };
        let (whole, some): (bool, bool) = (row.get(0), row.get(1));
        let Some(source) = source.filter(|_| some && !whole) else {
            self.push(whole, needed);
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
                self.found.push(Right { privilege: "SELECT", object, held: row.get(0), need: needed.need, grant });
            }
        }
        Ok(())
    }
}
