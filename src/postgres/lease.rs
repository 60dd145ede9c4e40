//! One owner of a source: a session advisory lock, and the epoch as the fence.
//!
//! The lock says who may start; a second instance waits for it as a warm standby and takes over within seconds of the
//! owner's end. The epoch says who may store: each owner raises it, and a transaction of an earlier epoch moves no
//! checkpoint and is rolled back. So an owner that was frozen and woken stores nothing, whatever it believes.
//!
//! A session can be dead without being closed: frozen, or behind something that takes octets and passes none on. So the owner
//! proves every few seconds that its session answers, and begins anew when it does not; and the server ends a lease
//! session that is silent for five proofs (`idle_session_timeout`, from PostgreSQL 14), which lets a standby in.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::postgres::database::Database;
use crate::postgres::error::PostgresError;
use crate::postgres::keys::LEASE_KEY_BASE;
use crate::postgres::session::{Session, millis};
use crate::telemetry::metrics::SESSIONS_STALLED;

/// A session that missed as many proofs has lost the source.
const PROOFS_MISSED_MAX: u32 = 5;

/// The right to read a source and to store its flows, for as long as the session lives.
#[derive(Debug)]
pub struct Lease {
    session: Session,
    source_name: String,
    source_id: i32,
    epoch: i64,
    proof_interval: Duration,
}

/// A claim on a source that may have another owner.
#[derive(Debug)]
pub struct Claim {
    session: Session,
    source_name: String,
    source_id: i32,
}

impl Claim {
    /// Connects and finds the source by its name; a new one begins here.
    pub async fn on(database: &Database, source_name: &str) -> Result<Self, PostgresError> {
        let session = database.session("lease").await?;
        let source_id = source_id(&session.client, source_name).await?;
        Ok(Self { session, source_name: source_name.to_owned(), source_id })
    }

    /// Whether nobody else owns the source: then it is ours, in a new epoch.
    pub async fn try_take(&self) -> Result<Option<i64>, PostgresError> {
        let doing = PostgresError::doing("take the lease of the source");
        let key = LEASE_KEY_BASE + i64::from(self.source_id);
        let row = self.session.client.query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&key]).await;
        if !row.map_err(&doing)?.get::<_, bool>(0) {
            return Ok(None);
        }
        let sql = "UPDATE flowsentry.checkpoint SET epoch = epoch + 1 WHERE source_id = $1 RETURNING epoch";
        let row = self.session.client.query_one(sql, &[&self.source_id]).await.map_err(&doing)?;
        Ok(Some(row.get(0)))
    }

    /// The lease, once [`Claim::try_take`] has given its epoch. [`Lease::lost`] has to be awaited from soon on: the server
    /// ends a session that does not prove itself.
    pub async fn into_lease(self, epoch: i64, proof_interval: Duration) -> Result<Lease, PostgresError> {
        let Self { session, source_name, source_id } = self;
        let silence = proof_interval * PROOFS_MISSED_MAX;
        let setting = format!("SET idle_session_timeout = {}", millis(silence));
        match session.client.batch_execute(&setting).await.map_err(PostgresError::doing("guard the lease")) {
            Ok(()) => {}
            // PostgreSQL 13 lacks it: there keep-alives alone tell that an owner is gone.
            Err(error) if error.answer().is_some() => tracing::debug!(setting, "the server does without this setting"),
            Err(error) => return Err(error),
        }
        Ok(Lease { session, source_name, source_id, epoch, proof_interval })
    }
}

impl Lease {
    /// The source's key in `flowsentry.checkpoint` and in every stored flow.
    pub fn source_id(&self) -> i32 {
        self.source_id
    }

    /// The source's name.
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// The fence.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The session that holds the lease, for what is done under it.
    pub fn client(&self) -> &Client {
        &self.session.client
    }

    /// Proves every few seconds that the session answers; when it does not, or was closed, the lease is lost, and this says
    /// why.
    pub async fn lost(&mut self) -> PostgresError {
        let interval = self.proof_interval;
        loop {
            tokio::select! {
                error = self.session.closed() => return error,
                () = sleep(interval) => {}
            }
            let proof = timeout(interval * PROOFS_MISSED_MAX, self.session.client.batch_execute("SELECT 1"));
            match proof.await.map(|answer| answer.map_err(PostgresError::doing("prove that the lease is held"))) {
                Ok(Ok(())) => {}
                // Closed: that error says more.
                Ok(Err(PostgresError::Broken { .. })) => return self.session.closed().await,
                Ok(Err(error)) => return error,
                Err(_) => {
                    SESSIONS_STALLED.add_with("session", "lease", 1);
                    return PostgresError::Silent { role: "lease", limit: interval * PROOFS_MISSED_MAX };
                }
            }
        }
    }
}

async fn source_id(client: &Client, name: &str) -> Result<i32, PostgresError> {
    let doing = PostgresError::doing("find the source in flowsentry.checkpoint");
    let insert = "INSERT INTO flowsentry.checkpoint (source_name) VALUES ($1) ON CONFLICT (source_name) DO NOTHING";
    client.execute(insert, &[&name]).await.map_err(&doing)?;
    Ok(client.query_one(FIND, &[&name]).await.map_err(&doing)?.get(0))
}

const FIND: &str = "SELECT source_id FROM flowsentry.checkpoint WHERE source_name = $1";

/// The key of the source with this name, if there is one; makes none.
pub async fn find(client: &Client, name: &str) -> Result<Option<i32>, PostgresError> {
    let doing = PostgresError::doing("find the source in flowsentry.checkpoint");
    Ok(client.query_opt(FIND, &[&name]).await.map_err(doing)?.map(|row| row.get(0)))
}
