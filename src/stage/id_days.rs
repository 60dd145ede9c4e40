//! Shows how long the ids of the source last: looked at seldom, beside the stream; a failure is told and ends nothing.

use deadpool_postgres::Pool;
use tokio_postgres::error::DbError;

use crate::check::ids::WARNING_DAYS;
use crate::config;
use crate::postgres::PostgresError;
use crate::postgres::inspect::ids::days_left;
use crate::telemetry::metrics::IDS_LEFT;

const SECONDS_A_DAY: f64 = 86_400.0;

/// Looks, and shows how long they last.
pub async fn show_days_left(pool: &Pool, source: &config::Source) {
    match look(pool, source).await {
        Ok(days) => {
            let days = days.unwrap_or(f64::INFINITY);
            IDS_LEFT.set(days * SECONDS_A_DAY);
            if days < WARNING_DAYS {
                tracing::warn!(days, "the ids of the packets will be used up: flowsentry check says what to do");
            }
        }
        Err(error) => {
            tracing::warn!(%error, cause = error.answer().map(DbError::message), "cannot see how long the ids last");
        }
    }
}

async fn look(pool: &Pool, source: &config::Source) -> Result<Option<f64>, PostgresError> {
    let client = pool.get().await?;
    days_left(&client, source).await
}
