//! The files of `sql/`, applied in their order, each once, and remembered with a checksum.
//!
//! Forward only: a file that was applied is never edited afterwards, and one whose checksum has changed is an error rather
//! than a guess. Several who migrate at the same time take turns. Nothing is changed unless somebody asks for it: the
//! service only looks at the [`SchemaState`].

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use super::adoption::{self, Tables};
use super::error::PostgresError;
use super::identifier::literal;
use super::schema_change::{self, Change, Manner, Outcome, Patience};

/// The advisory lock of whoever changes the schema.
pub const MIGRATION_KEY: i64 = 0x666c_6f79 << 32;
/// Another one may be building an index.
const TURN_ATTEMPTS: u32 = 300;
const TURN_PAUSE: Duration = Duration::from_millis(200);

/// A file of `sql/`.
#[derive(Debug)]
struct Migration {
    number: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 5] = [
    Migration { number: 1, name: "schema", sql: include_str!("../../sql/0001_schema.sql") },
    Migration { number: 2, name: "wake", sql: include_str!("../../sql/0002_wake.sql") },
    Migration { number: 3, name: "audit", sql: include_str!("../../sql/0003_audit.sql") },
    Migration { number: 4, name: "cheaper_wake", sql: include_str!("../../sql/0004_cheaper_wake.sql") },
    Migration { number: 5, name: "alerts", sql: include_str!("../../sql/0005_alerts.sql") },
];

const SCHEMA: &str = "CREATE SCHEMA flowsentry;
REVOKE ALL ON SCHEMA flowsentry FROM PUBLIC;
COMMENT ON SCHEMA flowsentry IS 'What flowsentry remembers: checkpoints, packets that could not be used, its own version.';
";

impl Migration {
    fn checksum(&self) -> String {
        Sha256::digest(self.sql).iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
    }

    fn change(&self) -> Change {
        let Self { number, name, sql } = self;
        let record = format!(
            "INSERT INTO flowsentry.migrations (number, name, checksum) VALUES ({number}, {}, {});\n",
            literal(name),
            literal(&self.checksum()),
        );
        Change {
            title: format!("apply {number:04}_{name}"),
            sql: format!("{sql}{record}"),
            manner: Manner::Alone,
            without: None,
        }
    }
}

/// The function that wakes us, as the last file that makes it has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WakeFunction {
    /// The statement that makes it.
    pub statement: &'static str,
    /// What it does.
    pub body: &'static str,
}

/// The function that the files of `sql/` make.
pub fn wake_function() -> WakeFunction {
    const NAME: &str = "FUNCTION flowsentry.wake()";
    const QUOTE: &str = "$wake$";
    let found = MIGRATIONS.iter().rev().find_map(|migration| {
        let (before, _) = migration.sql.split_once(NAME)?;
        let text = &migration.sql[before.rfind("CREATE")?..];
        let (head, rest) = text.split_once(QUOTE)?;
        let (body, _) = rest.split_once(QUOTE)?;
        let end = head.len() + QUOTE.len() + body.len() + QUOTE.len();
        Some(WakeFunction { statement: text.get(..=end)?, body })
    });
    found.unwrap_or(WakeFunction { statement: "", body: "" })
}

/// How the database's schema compares with this program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchemaState {
    /// Nothing was applied.
    Absent,
    /// Files of this program are missing.
    Older {
        /// Number of the last file applied.
        applied: i32,
    },
    /// A later program has applied more files.
    Newer {
        /// Number of the last file applied.
        applied: i32,
    },
    /// An applied file is not the one of this program.
    Changed {
        /// Its number.
        number: i32,
        /// Its name here.
        name: &'static str,
    },
    /// As this program wants it.
    Current,
}

/// Why the schema is not as this program wants it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SchemaError {
    /// Nothing was applied.
    #[error("the database has no schema flowsentry yet")]
    NotMigrated,
    /// Files of this program are missing.
    #[error("the database's schema flowsentry is at {applied:04}; this program needs {:04}", MIGRATIONS.len())]
    Older {
        /// Number of the last file applied.
        applied: i32,
    },
    /// A later program has applied more files.
    #[error("the database's schema flowsentry is at {applied:04}; this program knows only {:04}", MIGRATIONS.len())]
    Newer {
        /// Number of the last file applied.
        applied: i32,
    },
    /// An applied file is not the one of this program.
    #[error("sql/{number:04}_{name}.sql is not the file that was applied to this database: their checksums differ")]
    Changed {
        /// Its number.
        number: i32,
        /// Its name here.
        name: &'static str,
    },
    /// Tables of the existing system stand where ours would.
    #[error("there already {} {}", if tables.len() == 1 { "is a table" } else { "are tables" }, tables.join(" and "))]
    NotAdopted {
        /// Their names.
        tables: Vec<String>,
    },
    /// The name belongs to something that flowsentry cannot use.
    #[error("{table} is {kind}, not a table")]
    NotATable {
        /// Its name.
        table: String,
        /// What it is.
        kind: &'static str,
    },
    /// Somebody else holds the lock of whoever changes the schema.
    #[error("another `flowsentry migrate` is at work in this database")]
    Busy,
}

impl SchemaError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotMigrated | Self::Older { .. } => "run `flowsentry migrate`",
            Self::Newer { .. } => "a newer flowsentry was here: use that one",
            Self::Changed { .. } => "files of sql/ are never edited once applied: use an unchanged build of flowsentry",
            Self::NotAdopted { .. } => {
                "`flowsentry migrate --adopt` takes them as they are and only adds to them (--print-sql shows what); or name \
                 other tables: [source] table, [sink] table"
            }
            Self::NotATable { .. } => "name a table in pipeline.toml: [source] table, [sink] table",
            Self::Busy => "try again when it has ended",
        }
    }
}

impl SchemaState {
    /// Whether the service can run.
    pub fn require(&self) -> Result<(), SchemaError> {
        match *self {
            Self::Absent => Err(SchemaError::NotMigrated),
            Self::Older { applied } => Err(SchemaError::Older { applied }),
            Self::Newer { applied } => Err(SchemaError::Newer { applied }),
            Self::Changed { number, name } => Err(SchemaError::Changed { number, name }),
            Self::Current => Ok(()),
        }
    }
}

/// How the database's schema compares with this program. Changes nothing.
pub async fn schema_state(client: &Client) -> Result<SchemaState, PostgresError> {
    Ok(compare(&applied(client).await?))
}

/// Number and checksum of the files applied, ascending.
async fn applied(client: &Client) -> Result<Vec<(i32, String)>, PostgresError> {
    let there =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'flowsentry' AND c.relname = 'migrations')";
    let query = "SELECT number, checksum FROM flowsentry.migrations ORDER BY number";
    let doing = PostgresError::doing("read which files of sql/ were applied");
    if !client.query_one(there, &[]).await.map_err(&doing)?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client.query(query, &[]).await.map_err(doing)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn compare(applied: &[(i32, String)]) -> SchemaState {
    let Some((last, _)) = applied.last() else { return SchemaState::Absent };
    for migration in &MIGRATIONS {
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => return SchemaState::Changed { number: migration.number, name: migration.name },
            None => return SchemaState::Older { applied: *last },
        }
    }
    if applied.len() > MIGRATIONS.len() { SchemaState::Newer { applied: *last } } else { SchemaState::Current }
}

/// What `migrate` would do; nothing, where everything is as this program wants it.
pub async fn plan(client: &Client, tables: &Tables, adopt: bool) -> Result<Vec<Change>, PostgresError> {
    let applied = applied(client).await?;
    match compare(&applied) {
        SchemaState::Absent | SchemaState::Older { .. } | SchemaState::Current => {}
        state @ (SchemaState::Newer { .. } | SchemaState::Changed { .. }) => state.require()?,
    }
    let mut changes = Vec::new();
    let schema = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'flowsentry')";
    let doing = PostgresError::doing("look for the schema flowsentry");
    if !client.query_one(schema, &[]).await.map_err(doing)?.get::<_, bool>(0) {
        let title = "make schema flowsentry".to_owned();
        changes.push(Change { title, sql: SCHEMA.to_owned(), manner: Manner::Alone, without: None });
    }
    let missing = |migration: &&Migration| !applied.iter().any(|(number, _)| *number == migration.number);
    changes.extend(MIGRATIONS.iter().filter(missing).map(Migration::change));
    changes.extend(adoption::plan(client, tables, adopt, !applied.is_empty()).await?);
    Ok(changes)
}

/// Plans and makes the changes, while others who want the same wait.
pub async fn migrate(
    client: &mut Client,
    tables: &Tables,
    adopt: bool,
    patience: Patience,
) -> Result<Vec<Outcome>, PostgresError> {
    take_turn(client).await?;
    let made = match plan(client, tables, adopt).await {
        Ok(changes) => schema_change::make(client, changes, patience).await,
        Err(error) => Err(error),
    };
    let unlock = format!("SELECT pg_catalog.pg_advisory_unlock({MIGRATION_KEY})");
    let unlocked = client.batch_execute(&unlock).await.map_err(PostgresError::doing("end the migration"));
    let outcomes = made?;
    unlocked.map(|()| outcomes)
}

/// By trying: one who waits within a statement holds a snapshot, for which the other's concurrent index would wait in turn.
async fn take_turn(client: &Client) -> Result<(), PostgresError> {
    let lock = format!("SELECT pg_catalog.pg_try_advisory_lock({MIGRATION_KEY})");
    for _ in 0..TURN_ATTEMPTS {
        let row = client.query_one(&lock, &[]).await.map_err(PostgresError::doing("begin the migration"))?;
        if row.get(0) {
            return Ok(());
        }
        tokio::time::sleep(TURN_PAUSE).await;
    }
    Err(SchemaError::Busy.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::keys::GATE_KEY_BASE;

    #[test]
    fn what_was_applied_is_compared_with_the_files() {
        let checksum = |number: usize| MIGRATIONS[number - 1].checksum();
        let check = |applied: &[(i32, String)], expected: SchemaState| assert_eq!(compare(applied), expected);
        check(&[], SchemaState::Absent);
        check(&[(1, checksum(1))], SchemaState::Older { applied: 1 });
        let all: Vec<_> = (1..=MIGRATIONS.len()).map(|number| (number.try_into().unwrap(), checksum(number))).collect();
        check(&all[..2], SchemaState::Older { applied: 2 });
        check(&all, SchemaState::Current);
        check(&[&all[..], &[(99, String::new())]].concat(), SchemaState::Newer { applied: 99 });
        check(&[(1, checksum(1)), (2, checksum(1))], SchemaState::Changed { number: 2, name: "wake" });
    }

    #[test]
    fn numbers_are_those_of_the_files() {
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, number)| migration.number == number));
    }

    #[test]
    fn the_function_that_wakes_us_is_cut_out_whole() {
        let function = wake_function();
        assert!(function.statement.starts_with("CREATE OR REPLACE FUNCTION flowsentry.wake() RETURNS trigger"));
        assert!(function.statement.ends_with("END\n$wake$;"), "{}", function.statement);
        assert!(function.body.starts_with("\nBEGIN") && function.body.ends_with("END\n"));
    }

    #[test]
    fn the_trigger_tries_the_lock_that_the_consumer_holds() {
        let key = format!("{GATE_KEY_BASE}::pg_catalog.int8 OPERATOR(pg_catalog.+) TG_RELID::pg_catalog.int8");
        let body: String = wake_function().body.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(body.contains(&format!("pg_try_advisory_xact_lock_shared( {key} )")), "{body}");
    }
}
