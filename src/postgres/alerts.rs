//! Alerts, as they are stored and found again.
//!
//! Promises: all changes of a call are stored in the caller's transaction, by as many statements whatever their number;
//! storing the same evidence again changes nothing; and only what others are told of runs NOTIFY, which takes a
//! database-wide lock at commit.

pub(super) mod message;
mod row;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio_postgres::types::{Json, ToSql};
use tokio_postgres::{Client, Transaction};

use self::row::{EvidenceRow, Row, count};
use super::error::PostgresError;
use super::writer::Owner;
use crate::alert::{Alert, Changes};
use crate::flow::time::EventTime;
use crate::telemetry::clock;

/// The channel on which others hear the ids of alerts, as text.
pub const CHANNEL: &str = "flowsentry_alerts";

/// What was stored of changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoredAlerts {
    /// Ids of the alerts, in the order of the changes.
    pub ids: Vec<i64>,
    /// Messages to receivers.
    pub messages: u64,
    /// The database's clock at the commit; `None` where others are told of nothing.
    pub at: Option<EventTime>,
}

/// What the transaction will have stored, if it is committed.
#[derive(Debug, Default)]
pub struct Uncommitted {
    stored: StoredAlerts,
    /// When the database's clock was read.
    read: Option<Instant>,
}

impl Uncommitted {
    /// The transaction has just been committed.
    pub fn committed(self) -> StoredAlerts {
        let at = self.stored.at.zip(self.read).map(|(at, read)| at.saturating_add(read.elapsed()));
        StoredAlerts { at, ..self.stored }
    }
}

/// The alerts of a source that are open.
pub async fn open(client: &Client, source_id: i32) -> Result<Vec<Alert>, PostgresError> {
    let doing = PostgresError::doing("load the open alerts");
    let sql = format!("{} WHERE source_id = $1 AND state = 'open' ORDER BY id", row::SELECT);
    let rows = client.query(&sql, &[&source_id]).await.map_err(doing)?;
    Ok(rows.iter().filter_map(row::alert).collect())
}

/// Stores changes; gives the ids of their alerts, in their order.
pub async fn store(
    transaction: &Transaction<'_>,
    owner: &Owner,
    changes: &Changes,
) -> Result<Uncommitted, PostgresError> {
    if !changes.silenced.is_empty() {
        count_silenced(transaction, changes).await?;
    }
    if changes.alerts.is_empty() {
        return Ok(Uncommitted::default());
    }
    let ids = ids(transaction, changes).await?;
    upsert(transaction, owner, changes, &ids).await?;
    add_evidence(transaction, changes, &ids).await?;
    let (messages, at) = tell(transaction, owner, changes, &ids).await?;
    Ok(Uncommitted { stored: StoredAlerts { ids, messages, at }, read: at.map(|_| clock::now()) })
}

/// The ids of the alerts; new ones get theirs in order.
async fn ids(transaction: &Transaction<'_>, changes: &Changes) -> Result<Vec<i64>, PostgresError> {
    let new = changes.alerts.iter().filter(|change| change.alert.id.is_none()).count();
    let mut drawn = Vec::new();
    if new > 0 {
        let sql = "SELECT pg_catalog.nextval('flowsentry.alerts_id_seq'::regclass)
                   FROM pg_catalog.generate_series(1, $1::bigint)";
        let doing = PostgresError::doing("draw ids of alerts");
        drawn = transaction.query(sql, &[&count(new as u64)]).await.map_err(doing)?;
    }
    let mut drawn = drawn.iter().map(|row| row.get(0));
    Ok(changes.alerts.iter().filter_map(|change| change.alert.id.or_else(|| drawn.next())).collect())
}

/// An alert that somebody deleted meanwhile is there again: what follows refers to it.
async fn upsert(
    transaction: &Transaction<'_>,
    owner: &Owner,
    changes: &Changes,
    ids: &[i64],
) -> Result<(), PostgresError> {
    let rows: Vec<Row<'_>> = changes.alerts.iter().zip(ids).map(|(change, id)| Row::of(*id, &change.alert)).collect();
    let doing = PostgresError::doing("store alerts");
    transaction.execute(row::UPSERT, &[&owner.source_id, &Json(rows)]).await.map_err(doing)?;
    Ok(())
}

async fn add_evidence(transaction: &Transaction<'_>, changes: &Changes, ids: &[i64]) -> Result<(), PostgresError> {
    let evidence = changes.alerts.iter().zip(ids).flat_map(|(change, id)| EvidenceRow::all_of(*id, change));
    let rows: Vec<EvidenceRow> = evidence.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let doing = PostgresError::doing("store what windows show of alerts");
    transaction.execute(row::ADD_EVIDENCE, &[&Json(rows)]).await.map_err(doing)?;
    Ok(())
}

/// A row that somebody is just editing is passed over, with what it silenced now: storing waits for nobody's editor.
async fn count_silenced(transaction: &Transaction<'_>, changes: &Changes) -> Result<(), PostgresError> {
    let sql = "UPDATE flowsentry.exceptions e
               SET silenced = e.silenced + s.verdicts, last_silenced_at = pg_catalog.clock_timestamp()
               FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::bigint[])) AS s(id, verdicts)
               WHERE e.id = s.id AND e.id IN
                   (SELECT x.id FROM flowsentry.exceptions x WHERE x.id = ANY ($1::bigint[]) FOR NO KEY UPDATE SKIP LOCKED)";
    let exceptions: Vec<i64> = changes.silenced.keys().copied().collect();
    let verdicts: Vec<i64> = changes.silenced.values().copied().map(count).collect();
    let doing = PostgresError::doing("count what exceptions silence");
    transaction.execute(sql, &[&exceptions, &verdicts]).await.map_err(doing)?;
    Ok(())
}

/// Writes messages to the receivers and notifies whoever listens, of those changes that others are told of.
async fn tell(
    transaction: &Transaction<'_>,
    owner: &Owner,
    changes: &Changes,
    ids: &[i64],
) -> Result<(u64, Option<EventTime>), PostgresError> {
    let told = changes.alerts.iter().zip(ids).filter_map(|(change, id)| Some((*id, change.event?.name())));
    let (ids, events): (Vec<i64>, Vec<&str>) = told.unzip();
    if ids.is_empty() {
        return Ok((0, None));
    }
    let mut messages = 0;
    let receivers: Vec<&str> = owner.receivers.iter().map(|receiver| receiver.name()).collect();
    if !receivers.is_empty() {
        let doing = PostgresError::doing("write messages about alerts");
        let parameters: [&(dyn ToSql + Sync); 4] = [&ids, &events, &receivers, &owner.source_name];
        messages = transaction.execute(message::INSERT, &parameters).await.map_err(doing)?;
    }
    let notify =
        "SELECT pg_catalog.max(pg_catalog.clock_timestamp()), pg_catalog.count(pg_catalog.pg_notify($1, t.id::text))
                  FROM pg_catalog.unnest($2::bigint[]) AS t(id)";
    let doing = PostgresError::doing("notify of alerts");
    let row = transaction.query_one(notify, &[&CHANNEL, &ids]).await.map_err(doing)?;
    let at: SystemTime = row.get(0);
    let micros = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Ok((messages, i64::try_from(micros).ok().and_then(EventTime::from_micros)))
}
