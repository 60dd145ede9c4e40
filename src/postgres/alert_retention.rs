//! Deleting alerts that ended long ago, with what windows showed of them and what was told of them.
//!
//! Promises: no alert that is open goes, and no message that is pending of one that stays; nobody waits long, for a batch is
//! one short statement.

use std::time::Duration;

use tokio_postgres::Client;

use super::error::PostgresError;

/// Rows that one statement deletes at most. With an alert go its windows and messages, so that these are few.
const ROWS_PER_DELETE: i64 = 500;
/// Past it the round ends, and the next one goes on.
const BATCHES_MAX: u32 = 200;
/// Between two statements, for others.
const PAUSE: Duration = Duration::from_millis(50);

/// Alerts of any source that ended.
const ALERTS: &str = "DELETE FROM flowsentry.alerts WHERE id IN (
    SELECT a.id FROM flowsentry.alerts a
    WHERE a.state <> 'open' AND a.ended_at < pg_catalog.clock_timestamp() - $1::double precision * interval '1 second'
    ORDER BY a.ended_at LIMIT $2::bigint)";
/// Messages of alerts that are open still.
const MESSAGES: &str = "DELETE FROM flowsentry.outbox WHERE id IN (
    SELECT o.id FROM flowsentry.outbox o
    WHERE o.state IN ('delivered', 'dead')
      AND o.created_at < pg_catalog.clock_timestamp() - $1::double precision * interval '1 second'
    LIMIT $2::bigint)";

/// What a round deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deleted {
    /// Alerts, with all that belongs to them.
    pub alerts: u64,
    /// Messages of others.
    pub messages: u64,
}

/// Deletes what ended longer than `keep` ago; with zero, nothing.
pub async fn delete_ended(client: &Client, keep: Duration) -> Result<Deleted, PostgresError> {
    if keep.is_zero() {
        return Ok(Deleted::default());
    }
    let alerts = in_batches(client, ALERTS, keep).await?;
    Ok(Deleted { alerts, messages: in_batches(client, MESSAGES, keep).await? })
}

async fn in_batches(client: &Client, sql: &str, keep: Duration) -> Result<u64, PostgresError> {
    let doing = PostgresError::doing("delete alerts that ended");
    let mut deleted = 0;
    for _ in 0..BATCHES_MAX {
        let rows = client.execute(sql, &[&keep.as_secs_f64(), &ROWS_PER_DELETE]).await.map_err(&doing)?;
        deleted += rows;
        if rows < ROWS_PER_DELETE.unsigned_abs() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(deleted)
}
