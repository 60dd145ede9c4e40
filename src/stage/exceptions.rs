//! Hands new exceptions to the store, beside the stream: within a moment of a change, and by asking every few seconds should
//! a notification be missed. A failure is told and tried again, and ends nothing: the exceptions that are known stay in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::error::DbError;

use super::StageError;
use crate::alert::Exceptions;
use crate::flow::time::EventTime;
use crate::postgres::exceptions::{EXCEPTIONS_MAX, Loaded, Watcher};
use crate::postgres::{Database, PostgresError};
use crate::supervisor::Stop;
use crate::telemetry::clock;
use crate::telemetry::metrics::{ERRORS, EXCEPTIONS, EXCEPTIONS_UNUSABLE};

/// How often they are read without being told of a change, which also shows those that expire.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(5);
/// Changes that come faster are read together.
const PACE: Duration = Duration::from_millis(100);
/// Wait before another session is opened.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Watches until stopped.
pub async fn exceptions(
    database: Database,
    known: Loaded,
    hand: watch::Sender<Arc<Exceptions>>,
    stop: Stop,
) -> Result<(), StageError> {
    tell(&known);
    let mut known = known;
    while !stop.is_requested() {
        let watched = tokio::select! {
            watched = watch_and_hand(&database, &mut known, &hand) => watched,
            () = stop.requested() => return Ok(()),
        };
        if let Err(error) = watched {
            ERRORS.add_with("kind", "exceptions", 1);
            let cause = error.answer().map(DbError::message);
            tracing::warn!(%error, cause, "changes of the exceptions are not seen; those that are known stay in force");
        }
        if timeout(RETRY_PAUSE, stop.requested()).await.is_ok() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads after each change and each interval, until the session fails.
async fn watch_and_hand(
    database: &Database,
    known: &mut Loaded,
    hand: &watch::Sender<Arc<Exceptions>>,
) -> Result<(), PostgresError> {
    let mut watcher = Watcher::listen(database).await?;
    loop {
        let loaded = watcher.load().await?;
        if loaded != *known {
            tell(&loaded);
            hand.send_replace(Arc::new(loaded.exceptions.clone()));
            *known = loaded;
        }
        EXCEPTIONS.set(known.exceptions.in_force(now()) as f64);
        tokio::time::sleep(PACE).await;
        match timeout(FALLBACK_INTERVAL, watcher.changed()).await {
            Ok(changed) => changed?,
            Err(_) => watcher.prove_listening().await?,
        }
    }
}

fn tell(loaded: &Loaded) {
    EXCEPTIONS.set(loaded.exceptions.in_force(now()) as f64);
    EXCEPTIONS_UNUSABLE.set(loaded.faults.len() as f64);
    tracing::info!(exceptions = loaded.exceptions.0.len(), "exceptions are read");
    for (id, fault) in &loaded.faults {
        tracing::error!(id, %fault, "an exception cannot be understood and silences nothing: UPDATE flowsentry.exceptions");
    }
    if loaded.has_more {
        tracing::error!(
            most = EXCEPTIONS_MAX,
            "there are more exceptions than are taken; the later ones silence nothing: merge some into wider ones"
        );
    }
}

fn now() -> EventTime {
    let micros = i64::try_from(clock::since_epoch().as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(micros).unwrap_or_default()
}
