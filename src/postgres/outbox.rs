//! Messages that receivers are still to be told, in `flowsentry.outbox`.
//!
//! A message is written in the transaction that stores its alert, so that none is lost and none is of what never was. Of an
//! alert only the oldest message that is pending is tried, so that a receiver hears of its events in their order. Whoever
//! tries one first moves the time of its next attempt on, and commits: no lock is held while a receiver is waited for, nobody
//! else tries it meanwhile, and if the process dies the message is due again when that time has come.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Client;

use super::alerts::message;
use super::error::PostgresError;
use crate::config;

/// Octets of what is kept of an error.
const ERROR_BYTES_MAX: usize = 500;

/// Somebody who is told of alerts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Receiver {
    /// A signed POST.
    Webhook,
    /// Prometheus Alertmanager.
    Alertmanager,
}

impl Receiver {
    /// As stored and counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// Those that the settings name. What was written for one that is not named any more is kept: should it come back, it is told.
pub fn receivers(tell: &config::Tell) -> Vec<Receiver> {
    let webhook = tell.webhook_url.as_ref().map(|_| Receiver::Webhook);
    let alertmanager = tell.alertmanager_url.as_ref().map(|_| Receiver::Alertmanager);
    webhook.into_iter().chain(alertmanager).collect()
}

/// A message that is to be tried now.
#[derive(Clone, PartialEq, Debug)]
pub struct Due {
    /// Its number.
    pub id: i64,
    /// Its alert.
    pub alert_id: i64,
    /// How often it has been tried, this time included.
    pub attempts: i32,
    /// What it says.
    pub body: Value,
    /// What the receiver was told of the alert before.
    pub previous: Option<Value>,
}

/// Takes messages for an attempt each: at most `most`, each of another alert. For as long as `lease` nobody else gets them.
pub async fn claim(
    client: &Client,
    receiver: Receiver,
    most: usize,
    lease: Duration,
) -> Result<Vec<Due>, PostgresError> {
    let sql = "WITH oldest AS (
                   SELECT DISTINCT ON (o.alert_id) o.id, o.next_attempt_at FROM flowsentry.outbox o
                   WHERE o.receiver = $1 AND o.state = 'pending' ORDER BY o.alert_id, o.id),
               due AS (
                   SELECT o.id FROM flowsentry.outbox o
                   WHERE o.state = 'pending' AND o.id IN (
                       SELECT f.id FROM oldest f WHERE f.next_attempt_at <= pg_catalog.clock_timestamp()
                       ORDER BY f.next_attempt_at, f.id LIMIT $2::bigint)
                     AND o.next_attempt_at <= pg_catalog.clock_timestamp()
                   FOR UPDATE SKIP LOCKED)
               UPDATE flowsentry.outbox o
               SET attempts = o.attempts + 1,
                   next_attempt_at = pg_catalog.clock_timestamp() + $3::double precision * interval '1 second'
               FROM due WHERE o.id = due.id
               RETURNING o.id, o.alert_id, o.attempts, o.body,
                   (SELECT p.body FROM flowsentry.outbox p
                    WHERE p.alert_id = o.alert_id AND p.receiver = o.receiver AND p.id < o.id
                    ORDER BY p.id DESC LIMIT 1)";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = client.query(sql, &[&receiver.name(), &most, &lease.as_secs_f64()]).await;
    let mut due: Vec<Due> = rows
        .map_err(PostgresError::doing("look for messages about alerts"))?
        .iter()
        .map(|row| Due {
            id: row.get(0),
            alert_id: row.get(1),
            attempts: row.get(2),
            body: row.get(3),
            previous: row.get(4),
        })
        .collect();
    due.sort_by_key(|message| message.id);
    Ok(due)
}

/// A message was taken by its receiver.
pub async fn delivered(client: &Client, id: i64) -> Result<(), PostgresError> {
    let sql = "UPDATE flowsentry.outbox SET state = 'delivered', delivered_at = pg_catalog.clock_timestamp(), last_error = NULL
               WHERE id = $1 AND state <> 'delivered'";
    client.execute(sql, &[&id]).await.map_err(PostgresError::doing("remember that a message was taken"))?;
    Ok(())
}

/// A message was not taken. It is tried again after `pause`; `None`: no more, it is dead.
pub async fn failed(client: &Client, due: &Due, error: &str, pause: Option<Duration>) -> Result<(), PostgresError> {
    // Somebody who tried it later knows better.
    let sql = "UPDATE flowsentry.outbox
               SET state = CASE WHEN $3::double precision IS NULL THEN 'dead' ELSE 'pending' END, last_error = $4,
                   next_attempt_at = pg_catalog.clock_timestamp() + coalesce($3, 0) * interval '1 second'
               WHERE id = $1 AND attempts = $2 AND state = 'pending'";
    let error = &error[..error.floor_char_boundary(ERROR_BYTES_MAX)];
    let pause = pause.map(|pause| pause.as_secs_f64());
    let doing = PostgresError::doing("remember that a message was not taken");
    client.execute(sql, &[&due.id, &due.attempts, &pause, &error]).await.map_err(doing)?;
    Ok(())
}

/// How many messages of a receiver are in a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Depth {
    /// Name of the receiver, one that is not told any more included.
    pub receiver: String,
    /// Messages that are to be told.
    pub pending: u64,
    /// Messages that were given up.
    pub dead: u64,
}

/// How many messages are pending or dead.
pub async fn depth(client: &Client) -> Result<Vec<Depth>, PostgresError> {
    let sql = "SELECT receiver, sum(pending)::bigint, sum(dead)::bigint FROM (
                   SELECT receiver, 1 AS pending, 0 AS dead FROM flowsentry.outbox WHERE state = 'pending'
                   UNION ALL
                   SELECT receiver, 0, 1 FROM flowsentry.outbox WHERE state = 'dead') counted
               GROUP BY receiver ORDER BY receiver";
    let rows = client.query(sql, &[]).await.map_err(PostgresError::doing("count the messages about alerts"))?;
    let count = |row: &tokio_postgres::Row, column| row.get::<_, i64>(column).unsigned_abs();
    Ok(rows.iter().map(|row| Depth { receiver: row.get(0), pending: count(row, 1), dead: count(row, 2) }).collect())
}

/// The next open alerts behind one, for a receiver that has to be told again and again: ids, and what is to be said.
pub async fn open(
    client: &Client,
    source: (i32, &str),
    receiver: Receiver,
    behind: i64,
    most: usize,
) -> Result<Vec<(i64, Value)>, PostgresError> {
    let (source_id, source_name) = source;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = client.query(message::OPEN, &[&source_id, &source_name, &behind, &most, &receiver.name()]).await;
    let rows = rows.map_err(PostgresError::doing("look for open alerts"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
