//! Changes of the schema: planned first, then shown or made, one after the other.
//!
//! Promise: nobody waits long for us. A change that must lock a table of others waits only briefly for it, since all inserts
//! queue behind that wait, and tries again a bounded number of times. What needs no such lock runs outside a transaction.
//! A change that we have no right to make is skipped if we can do without it, and what is lost is said.

use std::fmt::Write;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::error::PostgresError;

/// How long a change may stand in the way of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For one wait for a lock.
    pub lock_timeout: Duration,
    /// How many waits.
    pub attempts: u32,
    /// Between two waits, so that those who queued get on.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_millis(500), attempts: 20, pause: Duration::from_secs(1) }
    }
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What it does, as in "cannot {title}".
    pub title: String,
    /// One or several statements, each with its semicolon; only one if it is made concurrently.
    pub sql: String,
    /// How it is made.
    pub manner: Manner,
    /// What is lost without it, if flowsentry works without it at all.
    pub without: Option<String>,
}

/// How a change is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// In a transaction; it touches nothing that others use.
    Alone,
    /// In a transaction; it locks a table that others insert into.
    Locking,
    /// One statement outside a transaction; it locks nobody out, but waits for all transactions that run.
    Concurrent,
}

/// What became of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What it does.
    pub title: String,
    /// Why it was not made and what is lost; `None` if it was made.
    pub skipped: Option<Skipped>,
}

/// Why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The server's answer.
    pub reason: String,
    /// What is lost.
    pub without: String,
}

/// Building an index on a big table takes as long as reading it, and waits for old transactions besides.
const CONCURRENT_LOCK_TIMEOUT: Duration = Duration::from_mins(10);

/// The changes as a script for psql.
pub fn script(changes: &[Change], patience: Patience) -> String {
    let mut text = String::new();
    for Change { title, sql, manner, without } in changes {
        let sql = sql.trim_end();
        let lost = without.as_ref().map(|lost| format!("\n-- Without it: {lost}.")).unwrap_or_default();
        let wait = patience.lock_timeout.as_millis();
        // Writing to a String cannot fail.
        let _ = match manner {
            Manner::Alone => write!(text, "-- {title}{lost}\nBEGIN;\n{sql}\nCOMMIT;\n\n"),
            Manner::Locking => {
                write!(text, "-- {title}{lost}\nBEGIN;\nSET LOCAL lock_timeout = {wait};\n{sql}\nCOMMIT;\n\n")
            }
            Manner::Concurrent => write!(text, "-- {title}{lost}\n{sql}\n\n"),
        };
    }
    text
}

/// Makes the changes in their order. Ends at the first one that fails and that we cannot do without; what was made before
/// stays.
pub async fn make(
    client: &mut Client,
    changes: Vec<Change>,
    patience: Patience,
) -> Result<Vec<Outcome>, PostgresError> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let made = match make_one(client, &change.sql, change.manner, patience).await {
            Err(error) if error.code() == Some(&SqlState::UNTRANSLATABLE_CHARACTER) => {
                make_one(client, &spelled_out(&change.sql), change.manner, patience).await
            }
            made => made,
        };
        let skipped = match made {
            Ok(()) => None,
            Err(error) => Some(excused(error, &change)?),
        };
        outcomes.push(Outcome { title: change.title, skipped });
    }
    Ok(outcomes)
}

async fn make_one(client: &mut Client, sql: &str, manner: Manner, patience: Patience) -> Result<(), Error> {
    match manner {
        Manner::Alone => in_transaction(client, sql, None).await,
        Manner::Locking => locking(client, sql, patience).await,
        Manner::Concurrent => concurrently(client, sql).await,
    }
}

/// For a database whose encoding lacks the signs in our descriptions of columns.
fn spelled_out(sql: &str) -> String {
    let signs = [("…", "..."), ("µ", "micro"), ("÷", "/"), ("−", "-"), ("Σ", "sum of "), ("²", "^2")];
    signs.iter().fold(sql.to_owned(), |sql, (sign, words)| sql.replace(sign, words))
}

/// The server's answer, where it is one that we can live with.
fn excused(error: Error, change: &Change) -> Result<Skipped, PostgresError> {
    let Some(answer) = error.as_db_error() else {
        return Err(PostgresError::Broken { doing: "change the schema", source: error });
    };
    let refusals = [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::FEATURE_NOT_SUPPORTED, // such as a concurrent index of a partitioned table
        SqlState::WRONG_OBJECT_TYPE,
        SqlState::UNDEFINED_COLUMN, // one that we had no right to add
    ];
    match &change.without {
        Some(without) if refusals.contains(answer.code()) => {
            Ok(Skipped { reason: answer.message().to_owned(), without: without.clone() })
        }
        _ => Err(PostgresError::Change { title: change.title.clone(), source: Box::new(answer.clone()) }),
    }
}

async fn in_transaction(client: &mut Client, sql: &str, lock_timeout: Option<Duration>) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    if let Some(limit) = lock_timeout {
        transaction.batch_execute(&format!("SET LOCAL lock_timeout = {}", limit.as_millis())).await?;
    }
    transaction.batch_execute(sql).await?;
    transaction.commit().await
}

async fn locking(client: &mut Client, sql: &str, patience: Patience) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let outcome = in_transaction(client, sql, Some(patience.lock_timeout)).await;
        let busy = |error: &Error| {
            matches!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED))
        };
        match outcome {
            Err(error) if busy(&error) && attempt < patience.attempts => tokio::time::sleep(patience.pause).await,
            outcome => return outcome,
        }
        attempt += 1;
    }
}

/// Without the session's limits, which go by short statements.
async fn concurrently(client: &Client, sql: &str) -> Result<(), Error> {
    let saved = client
        .query_one(
            "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')",
            &[],
        )
        .await?;
    let limits = format!("SET lock_timeout = {}; SET statement_timeout = 0", CONCURRENT_LOCK_TIMEOUT.as_millis());
    client.batch_execute(&limits).await?;
    let outcome = client.batch_execute(sql).await;
    let (lock, statement) = (saved.get::<_, &str>(0), saved.get::<_, &str>(1));
    client.batch_execute(&format!("SET lock_timeout = '{lock}'; SET statement_timeout = '{statement}'")).await?;
    outcome
}
