//! Whether sessions are direct: two are opened at once, without any setting of ours, and asked who serves them.
//!
//! A pooler in transaction mode hands a server process out for a transaction. So the second session, inside a transaction,
//! gets the process that the first has just used, and the first gets another one, or waits. Only when that is ruled out is
//! a lock taken and a channel listened to: through a pooler both would stay with a process that serves others.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::check::sessions::Sessions;
use crate::postgres::database::Database;
use crate::postgres::error::PostgresError;
use crate::postgres::keys::CHECK_KEY_BASE;

/// A pooler may rotate its processes.
const ROUNDS: usize = 4;
/// For an answer that a pooler may keep back, and for a notification.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at two new sessions. Both are gone afterwards, with whatever they held.
pub async fn look(database: &Database) -> Result<Sessions, PostgresError> {
    let (one, mut rung) = database.bare_session("check").await?;
    let (other, _) = database.bare_session("check").await?;
    for _ in 0..ROUNDS {
        if let Some(evidence) = shared(&one.client, &other.client).await? {
            return Ok(Sessions::Pooled { evidence });
        }
    }
    Ok(Sessions::Direct { keeps_locks: keeps_locks(&one.client).await?, hears: hears(&one.client, &mut rung).await? })
}

/// What shows that the two do not have a server process each.
async fn shared(one: &Client, other: &Client) -> Result<Option<String>, PostgresError> {
    let first = process(one).await?;
    if let Err(error) = other.batch_execute("BEGIN").await {
        return match error.as_db_error() {
            Some(answer) => Ok(Some(format!("a session may not begin a transaction: {}", answer.message()))),
            None => Err(PostgresError::doing("begin a transaction")(error)),
        };
    }
    let beside = process(other).await?;
    if beside == first {
        return Ok(Some(format!("two sessions were served by the same server process, pid {first}")));
    }
    let Ok(second) = timeout(PATIENCE, process(one)).await else {
        return Ok(Some("a session has to wait while another one is in a transaction".to_owned()));
    };
    let second = second?;
    other.batch_execute("ROLLBACK").await.map_err(PostgresError::doing("end a transaction"))?;
    Ok((first != second).then(|| format!("a session's server process changed from pid {first} to pid {second}")))
}

async fn process(client: &Client) -> Result<String, PostgresError> {
    ask(client, "SELECT pg_catalog.pg_backend_pid()").await
}

/// Without a prepared statement: a pooler may lose those as well.
async fn ask(client: &Client, sql: &str) -> Result<String, PostgresError> {
    let answer = client.simple_query(sql).await.map_err(PostgresError::doing("ask which server process serves us"))?;
    let value = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(value.unwrap_or_default().to_owned())
}

async fn keeps_locks(client: &Client) -> Result<bool, PostgresError> {
    let key = format!("{CHECK_KEY_BASE} + pg_catalog.pg_backend_pid()");
    ask(client, &format!("SELECT pg_catalog.pg_try_advisory_lock({key})")).await?;
    let unlocked = ask(client, &format!("SELECT pg_catalog.pg_advisory_unlock({key})")).await?;
    Ok(unlocked == "t")
}

/// On a channel of our own. A server that refuses LISTEN, such as a standby, is one on which nothing is heard.
async fn hears(client: &Client, rung: &mut Receiver<()>) -> Result<bool, PostgresError> {
    let channel = format!("flowsentry_check_{}", process(client).await?);
    if let Err(error) = client.batch_execute(&format!("LISTEN {channel}")).await {
        let refused = error.as_db_error().is_some();
        return if refused { Ok(false) } else { Err(PostgresError::doing("listen to ourselves")(error)) };
    }
    let listens = format!("SELECT count(*) FROM pg_catalog.pg_listening_channels() AS c WHERE c = '{channel}'");
    let listens = ask(client, &listens).await? == "1";
    client.batch_execute(&format!("NOTIFY {channel}")).await.map_err(PostgresError::doing("notify ourselves"))?;
    let heard = matches!(timeout(PATIENCE, rung.recv()).await, Ok(Some(())));
    Ok(listens && heard)
}
