//! Audits the table of packets every few seconds, beside the stream: a failure is told and tried again, and ends nothing.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::timeout;
use tokio_postgres::error::DbError;

use super::StageError;
use crate::postgres::PostgresError;
use crate::postgres::audit::{Auditor, Round};
use crate::supervisor::Stop;
use crate::telemetry::clock;
use crate::telemetry::metrics::{AUDIT_BLOCKS, AUDIT_LAST, AUDIT_MISSING, ERRORS, UNACCOUNTED};

/// Runs a round every interval, until stopped; with an interval of zero none at all.
pub async fn audit(pool: Pool, mut auditor: Auditor, interval: Duration, stop: Stop) -> Result<(), StageError> {
    if interval.is_zero() {
        stop.requested().await;
        return Ok(());
    }
    while timeout(interval, stop.requested()).await.is_err() {
        match round(&pool, &mut auditor).await {
            Ok(Some(round)) => tell(&round),
            Ok(None) => tracing::debug!("there is nothing to audit yet"),
            Err(error) => {
                ERRORS.add_with("kind", "audit", 1);
                tracing::warn!(%error, cause = error.answer().map(DbError::message), "packets are not audited");
            }
        }
    }
    Ok(())
}

async fn round(pool: &Pool, auditor: &mut Auditor) -> Result<Option<Round>, PostgresError> {
    let mut client = pool.get().await?;
    auditor.round(&mut client).await
}

fn tell(round: &Round) {
    AUDIT_BLOCKS.add(round.counts.len() as u64);
    AUDIT_LAST.set(clock::since_epoch().as_secs_f64());
    UNACCOUNTED.set(round.unaccounted as f64);
    if round.unaccounted != 0 {
        let packets = round.unaccounted;
        tracing::error!(
            packets,
            "packets were consumed that are in no sum: this is a bug; `flowsentry verify` says more"
        );
    }
    for (count, packets) in &round.news {
        AUDIT_MISSING.add(*packets);
        tracing::error!(
            packets,
            what = format!("ids {} to {}", count.ids.first, count.ids.last),
            first_id = count.ids.first,
            last_id = count.ids.last,
            found = count.found,
            consumed = count.consumed,
            "packets were never read: their ids were not given by the sequence in the inserting transaction; insert them \
             again without their ids, and see that whoever inserts leaves ids to the sequence"
        );
    }
}
