//! Deletes old packets and alerts every hour or so, beside the stream: a failure is told and tried again next time, and ends nothing.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::timeout;
use tokio_postgres::error::DbError;

use super::StageError;
use super::id_days::show_days_left;
use crate::config;
use crate::flow::position::Position;
use crate::postgres::PostgresError;
use crate::postgres::alert_retention::{Deleted, delete_ended};
use crate::postgres::retention::{Retained, Retention, retain};
use crate::supervisor::Stop;
use crate::telemetry::clock;
use crate::telemetry::metrics::{
    ERRORS, RETENTION_ALERTS_DELETED, RETENTION_LAST, RETENTION_PARTITIONS_DROPPED, RETENTION_ROWS_DELETED,
};

/// Runs a round at once, which also makes the days' partitions, and then one every interval, until stopped.
pub async fn retention(
    pool: Pool,
    source: config::Source,
    settings: config::Retention,
    keep_alerts: Duration,
    source_id: i32,
    stop: Stop,
) -> Result<(), StageError> {
    loop {
        let alerts = tokio::select! {
            alerts = old_alerts(&pool, keep_alerts) => alerts,
            () = stop.requested() => return Ok(()),
        };
        let all_alerts = alerts.is_ok();
        if let Err(error) = alerts {
            ERRORS.add_with("kind", "retention", 1);
            tracing::warn!(%error, cause = error.answer().map(DbError::message), "old alerts are not deleted");
        }
        // A round may take its time, and the end must not wait for it; the next one goes on.
        let round = tokio::select! {
            round = round(&pool, &source, &settings, source_id) => round,
            () = stop.requested() => return Ok(()),
        };
        match round {
            Ok(retained) => {
                tell(&retained);
                if retained.more {
                    continue;
                }
                if all_alerts && retained.postponed.is_empty() {
                    RETENTION_LAST.set(clock::since_epoch().as_secs_f64());
                }
            }
            Err(error) => {
                ERRORS.add_with("kind", "retention", 1);
                tracing::warn!(%error, cause = error.answer().map(DbError::message), "old packets are not deleted");
            }
        }
        show_days_left(&pool, &source).await;
        if timeout(settings.interval, stop.requested()).await.is_ok() {
            return Ok(());
        }
    }
}

async fn old_alerts(pool: &Pool, keep: Duration) -> Result<(), PostgresError> {
    let client = pool.get().await?;
    let Deleted { alerts, messages } = delete_ended(&client, keep).await?;
    RETENTION_ALERTS_DELETED.add(alerts);
    if alerts > 0 || messages > 0 {
        tracing::info!(alerts, messages, "alerts that ended long ago are deleted, and messages about others");
    }
    Ok(())
}

fn tell(retained: &Retained) {
    let Retained { rows_deleted: rows, partitions_made: made, partitions_dropped: dropped, postponed, .. } = retained;
    RETENTION_ROWS_DELETED.add(*rows);
    RETENTION_PARTITIONS_DROPPED.add(dropped.len() as u64);
    if *rows > 0 || !made.is_empty() || !dropped.is_empty() {
        tracing::info!(rows, ?made, ?dropped, "old packets are deleted, partitions made and dropped");
    }
    for what in postponed {
        tracing::warn!(what, "retention: not now, again in the next round");
    }
}

async fn round(
    pool: &Pool,
    source: &config::Source,
    settings: &config::Retention,
    source_id: i32,
) -> Result<Retained, PostgresError> {
    let client = pool.get().await?;
    let sql = "SELECT settled FROM flowsentry.checkpoint WHERE source_id = $1";
    let row = client.query_one(sql, &[&source_id]).await.map_err(PostgresError::doing("see what is settled"))?;
    let settled = Position::decode(row.get(0))?;
    let retention = Retention::of(&client, source, settings).await?;
    retain(&client, &retention, settled.low()).await
}
