//! One async loop a stage, no logic: wakeup → ingest → aggregate → classify → store; beside them retention, audit, exceptions
//! and deliver.
//!
//! Each says what it is at, so that one that is stuck is noticed (`telemetry::progress`). Each ends when the stage before it has ended and all that it sent is done with, or when nobody takes its work any more.

mod aggregate;
mod alerting;
mod audit;
mod classify;
mod deliver;
mod exceptions;
mod id_days;
mod ingest;
mod retain;
mod room;
mod shadow;
mod store;
mod told;
mod wakeup;

pub use aggregate::aggregate;
pub use alerting::Alerting;
pub use audit::audit;
pub use classify::classify;
pub use deliver::{Bell, Rung, Teller, deliver};
pub use exceptions::exceptions;
pub use ingest::ingest;
pub use retain::retention;
pub use room::{Room, Underway};
pub use shadow::Shadow;
pub use store::store;
pub use told::Told;
pub use wakeup::{Pace, Tick, wakeup};

use std::future::Future;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::flow::position::BrokenChain;
use crate::model::ModelError;
use crate::postgres::PostgresError;
use crate::telemetry::clock;
use crate::telemetry::metrics::STAGE_WAIT;
use crate::telemetry::progress::Report;

/// Why a stage ended before the stream did.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The database.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The database refuses to store flows.
    #[error(transparent)]
    Sink(PostgresError),
    /// The batches do not follow from each other.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// The model cannot judge.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What goes from stage to stage. In one channel, so that a look never comes after the window that it looked at.
#[derive(Debug)]
pub enum Passed<I, L> {
    /// Must be stored.
    Increment(Underway<I>),
    /// May be dropped.
    Look(L),
}

/// Runs a stage until it ends, or until nobody takes its work any more: a stage that waits for work would not notice.
pub async fn while_taken<T, F>(next: Sender<T>, stage: impl FnOnce(Sender<T>) -> F) -> Result<(), StageError>
where
    F: Future<Output = Result<(), StageError>>,
{
    let taken = next.clone();
    tokio::select! {
        biased;
        result = stage(next) => result,
        () = taken.closed() => Ok(()),
    }
}

/// Hands a look to the next stage, unless that has enough to do. `false`: it was dropped.
fn offer<I, L>(next: &Sender<Passed<I, L>>, look: L) -> bool {
    next.try_send(Passed::Look(look)).is_ok()
}

/// Hands work to the next stage and counts how long that stage kept us waiting. `false`: it has ended.
async fn hand_on<T>(report: &Report, next: &Sender<T>, work: T) -> bool {
    let work = match next.try_send(work) {
        Ok(()) => return true,
        Err(TrySendError::Closed(_)) => return false,
        Err(TrySendError::Full(work)) => work,
    };
    report.waiting();
    let began = clock::now();
    let taken = next.send(work).await.is_ok();
    STAGE_WAIT.add_with("stage", report.part().name(), began.elapsed());
    report.busy();
    taken
}
