//! The least rights for three roles, as statements: of people who read, of the service, and of whoever migrates.
//!
//! What the service gets is the table that `check` asks for, so that with these statements `check` finds nothing missing.

use std::fmt::Write;

use tokio_postgres::Client;

use super::needed::{Needed, Object, needed};
use crate::check::rights::Need;
use crate::config::Config;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{QualifiedName, literal, qualify, quote};
use crate::postgres::migrations::schema_state;
use crate::postgres::source::Source;

/// What people and dashboards read of our own tables.
const READ: [&str; 6] = ["alerts", "alert_windows", "exceptions", "checkpoint", "rejected_packets", "tables"];

/// Names of the three roles, as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roles {
    /// People and dashboards.
    pub reader: String,
    /// The service.
    pub writer: String,
    /// Whoever runs `flowsentry migrate`.
    pub owner: String,
}

/// The statements, for psql as they are. The tables have to be there.
pub async fn script(client: &Client, config: &Config, roles: &Roles) -> Result<String, PostgresError> {
    schema_state(client).await?.require()?;
    let source = Source::inspect(client, &config.source.table, &config.source.columns).await?;
    let (packets, flows) = (qualify(client, &config.source.table).await?, qualify(client, &config.sink.table).await?);
    let needed = needed(client, config, (&packets, &flows), Some(&source)).await?;
    let place = Place { client, packets, flows };
    let mut text = String::from(
        "-- The least rights for three roles: for psql -v ON_ERROR_STOP=1, as a superuser. Printed by `flowsentry migrate\n\
         -- --roles`, which changed nothing. It only adds; run it again after an upgrade.\n\nBEGIN;\n\n",
    );
    text += &place.made(roles).await?;
    text += &place.reading(&roles.reader);
    text += &place.owning(&roles.owner, &needed).await?;
    text += &place.writing(roles, &needed).await?;
    text += "COMMIT;\n";
    Ok(text)
}

/// Where, and the tables.
struct Place<'a> {
    client: &'a Client,
    packets: QualifiedName,
    flows: QualifiedName,
}

/// What belongs to our own schema, or to a table that we made.
struct Owned {
    /// `TABLE`, `FUNCTION`.
    kind: String,
    /// As a statement has it.
    name: String,
}

impl Place<'_> {
    /// The roles themselves, and the way into the database where not everybody has it.
    async fn made(&self, roles: &Roles) -> Result<String, PostgresError> {
        let mut text = String::from(
            "-- Roles that are there stay as they are. A new one has no password: \\password NAME gives it one; or let it log in\n\
             -- by a certificate (pg_hba.conf: cert), or GRANT it to the account that does.\n",
        );
        for role in [&roles.reader, &roles.writer, &roles.owner] {
            let body = format!(
                "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN CREATE ROLE {} LOGIN; END IF; END",
                literal(role),
                quote(role),
            );
            put(&mut text, &format!("DO {};", literal(&body)));
        }
        let sql = "SELECT pg_catalog.quote_ident(pg_catalog.current_database()),
                          pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'CONNECT')";
        let row = self.client.query_one(sql, &[]).await.map_err(PostgresError::doing("ask about the database"))?;
        if !row.get::<_, bool>(1) {
            let roles = [&roles.reader, &roles.writer, &roles.owner].map(|role| quote(role)).join(", ");
            put(&mut text, &format!("GRANT CONNECT ON DATABASE {} TO {roles};", row.get::<_, &str>(0)));
        }
        put(&mut text, "");
        Ok(text)
    }

    fn reading(&self, role: &str) -> String {
        let role = quote(role);
        let mut text = comment(&format!(
            "{role}: people and dashboards. Reads flows, alerts and what the service knows of itself."
        )) + "\n";
        let mut schemas = vec![quote("flowsentry")];
        schemas.extend(Some(quote(&self.flows.schema)).filter(|schema| !schemas.contains(schema)));
        put(&mut text, &format!("GRANT USAGE ON SCHEMA {} TO {role};", schemas.join(", ")));
        put(&mut text, &format!("GRANT SELECT ON {} TO {role};", self.flows));
        let ours = READ.map(|table| format!("{}.{}", quote("flowsentry"), quote(table))).join(", ");
        put(&mut text, &format!("GRANT SELECT ON {ours} TO {role};"));
        text += "-- Packets say who talked to whom, and of what names they asked; `flowsentry verify` reads them:\n";
        let (schema, packets, books) = (quote(&self.packets.schema), &self.packets, "\"flowsentry\".\"consumed_ids\"");
        put(&mut text, &comment(&format!("GRANT USAGE ON SCHEMA {schema} TO {role};")));
        put(
            &mut text,
            &comment(&format!("GRANT SELECT ON {packets}, {books}, \"flowsentry\".\"migrations\" TO {role};")),
        );
        put(&mut text, "");
        text
    }

    async fn owning(&self, name: &str, needed: &[Needed]) -> Result<String, PostgresError> {
        let role = quote(name);
        let mut text = comment(&format!(
            "{role}: whoever runs `flowsentry migrate`. Owns what flowsentry made, and nothing else."
        )) + "\n";
        let mut schemas = Vec::new();
        for schema in [&self.packets.schema, &self.flows.schema] {
            if !schemas.contains(&quote(schema)) && !self.may_make_tables(name, schema).await? {
                schemas.push(quote(schema));
            }
        }
        if !schemas.is_empty() {
            put(&mut text, &format!("GRANT USAGE, CREATE ON SCHEMA {} TO {role};", schemas.join(", ")));
        }
        put(&mut text, &format!("ALTER SCHEMA \"flowsentry\" OWNER TO {role};"));
        for Owned { kind, name } in self.made_by_us().await? {
            put(&mut text, &format!("ALTER {kind} {name} OWNER TO {role};"));
        }
        let told = needed.iter().filter(|needed| matches!(needed.need, Need::Told(_)));
        for Needed { privilege, object, .. } in told {
            put(&mut text, &format!("GRANT {privilege} ON {object} TO {role};"));
        }
        text += "-- Tables that were there before stay with their owner, who alone may add columns and an index to them: run\n\
                 -- `flowsentry migrate --adopt` as that one.\n\n";
        Ok(text)
    }

    /// Whether a role is there and may do that already, as the owner of the database may in `public`: what is granted to it
    /// all the same would have to be taken back by whoever undoes this.
    async fn may_make_tables(&self, role: &str, schema: &str) -> Result<bool, PostgresError> {
        let sql = "SELECT pg_catalog.has_schema_privilege(oid, $2, 'USAGE') AND pg_catalog.has_schema_privilege(oid, $2, 'CREATE')
                   FROM pg_catalog.pg_roles WHERE rolname = $1";
        let doing = PostgresError::doing("ask about a schema");
        let row = self.client.query_opt(sql, &[&role, &schema]).await.map_err(doing)?;
        Ok(row.is_some_and(|row| row.get(0)))
    }

    /// Tables first, each before what depends on it.
    async fn made_by_us(&self) -> Result<Vec<Owned>, PostgresError> {
        let sql = "WITH made AS (
                       SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = 'flowsentry' AND c.relkind IN ('r', 'p')
                       UNION SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       JOIN flowsentry.tables t ON t.schema_name = n.nspname AND t.table_name = c.relname
                       WHERE t.origin = 'created')
                   SELECT 'TABLE', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid IN (SELECT oid FROM made)
                      OR c.oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent IN (SELECT oid FROM made))
                   UNION ALL
                   SELECT 'FUNCTION', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname)
                          || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
                   FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                   WHERE n.nspname = 'flowsentry' ORDER BY 1 DESC, 2";
        let doing = PostgresError::doing("look for what flowsentry made");
        let rows = self.client.query(sql, &[]).await.map_err(doing)?;
        Ok(rows.iter().map(|row| Owned { kind: row.get(0), name: row.get(1) }).collect())
    }

    async fn writing(&self, roles: &Roles, needed: &[Needed]) -> Result<String, PostgresError> {
        let role = quote(&roles.writer);
        let mut text = comment(&format!(
            "{role}: the service, `flowsentry run`. What `flowsentry check` looks for, and nothing else."
        )) + "\n";
        let mut said = "";
        let is_given = |needed: &&Needed| !matches!(needed.need, Need::Told(_));
        let needed: Vec<&Needed> = needed.iter().filter(is_given).collect();
        for group in needed.chunk_by(|one, next| (&one.object, one.need) == (&next.object, next.need)) {
            let [first, ..] = group else { continue };
            let (Need::Must(why) | Need::Should(why) | Need::Told(why)) = first.need;
            let privileges = group.iter().map(|needed| needed.privilege).collect::<Vec<_>>().join(", ");
            let grant = match &first.object {
                Object::Function(function) if self.is_everybodys(function).await? => continue,
                // It belongs to the third role from the statements above on.
                Object::Owned(..) => format!(
                    "-- The service may then do to these tables whatever their owner may. To leave this out, set \
                     retention.keep = \"0\".\nGRANT {} TO {role};",
                    quote(&roles.owner)
                ),
                object => format!("GRANT {privileges} ON {object} TO {role};"),
            };
            if said != why {
                put(&mut text, &comment(&format!("{}.", first_upper(why))));
                said = why;
            }
            put(&mut text, &grant);
        }
        put(&mut text, "");
        Ok(text)
    }

    async fn is_everybodys(&self, function: &str) -> Result<bool, PostgresError> {
        let sql = "SELECT pg_catalog.has_function_privilege('public', $1, 'EXECUTE')";
        let row =
            self.client.query_one(sql, &[&function]).await.map_err(PostgresError::doing("ask about a function"))?;
        Ok(row.get(0))
    }
}

fn put(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// A line that psql does not run, whatever the names in it hold.
fn comment(text: &str) -> String {
    format!("-- {}", text.replace(char::is_control, " "))
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
