//! What is asked of the database over HTTP.
//!
//! Promise: nothing here can delay the pipeline. Sessions are from a small pool of their own, every statement ends after a
//! few seconds, and every answer is bounded.

mod alerts;
mod ended;
mod flows;
mod open;

use std::time::Duration;

use deadpool_postgres::{Object, Pool};

pub use super::error::PostgresError;
pub use super::exceptions::Stored as StoredException;
pub use alerts::{AlertFilter, AlertRow, Cursor, WindowRow};
pub use flows::{FlowRow, Side};
pub use open::Open;

use super::database::Database;
use super::exceptions;
use crate::alert::Exception;
use crate::alert::exception::proof::Proof;
use crate::flow::time::EventTime;

/// Sessions at a time; further requests wait for one, for [`PATIENCE`] at most.
const SESSIONS: usize = 2;
/// How long connecting, a lock, a statement or an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks, within bounds.
#[derive(Clone, Debug)]
pub struct Queries {
    pool: Pool,
    /// The table of flows, as the settings name it.
    sink: String,
}

impl Queries {
    /// Opens no session before something is asked.
    pub fn of(database: &Database, sink: &str) -> Result<Self, PostgresError> {
        Ok(Self { pool: database.hurried(PATIENCE).pool(SESSIONS)?, sink: sink.to_owned() })
    }

    async fn client(&self) -> Result<Object, PostgresError> {
        Ok(self.pool.get().await?)
    }

    /// All exceptions.
    pub async fn exceptions(&self) -> Result<Vec<StoredException>, PostgresError> {
        exceptions::list(&*self.client().await?).await
    }

    /// What an exception would have silenced.
    pub async fn prove(&self, exception: &Exception, now: EventTime) -> Result<Proof, PostgresError> {
        exceptions::prove(&*self.client().await?, exception, now).await
    }

    /// Saves an exception.
    pub async fn add_exception(
        &self,
        exception: &Exception,
        schedule: Option<&str>,
        owner: &str,
        reason: &str,
    ) -> Result<i64, PostgresError> {
        exceptions::add(&*self.client().await?, exception, schedule, owner, reason).await
    }

    /// Deletes an exception. `false`: there is none of that id.
    pub async fn remove_exception(&self, id: i64) -> Result<bool, PostgresError> {
        exceptions::remove(&*self.client().await?, id).await
    }
}
