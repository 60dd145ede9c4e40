//! The doorbell: LISTEN, and the gate that keeps inserters from ringing it while we are awake.
//!
//! A transaction that ran NOTIFY takes a database-wide lock at commit, so the trigger on the source table notifies only
//! while the consumer sleeps. It tries a shared advisory lock, the gate, and rings only if it gets it; awake, we hold the
//! gate exclusively.
//!
//! - **Shutting** asks by the blocking call: as soon as an exclusive request waits, new shared tries fail, so inserters stop
//!   notifying at once. (A try-lock got nothing in 733 tries over 4 s under load.) With a lock time-out, then again: an
//!   inserter that holds its share for hours must not make our session hold a snapshot for hours.
//! - **Opening** releases the gate. Inserters whose trigger ran before that may have skipped the bell and commit later: the
//!   caller polls until every holder of a witness lock seen after the release is gone.
//! - Anybody may ring, and anybody may take the gate: a notification's content is never looked at, and the fallback timer
//!   bounds what a missing one costs.
//!
//! The session is never inside a transaction: a listener in one would keep the server's queue of notifications from
//! shrinking.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::postgres::database::Database;
use crate::postgres::error::PostgresError;
use crate::postgres::gaps::Holders;
use crate::postgres::keys::GATE_KEY_BASE;
use crate::postgres::session::Session;
use crate::postgres::source::Source;
use crate::postgres::witness;

/// The channel that the trigger notifies.
pub const CHANNEL: &str = "flowsentry_packets";

/// Whether inserts into the table ring: whether our trigger is on it and enabled.
pub async fn rings(client: &Client, source: &Source) -> Result<bool, PostgresError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1 AND t.tgenabled <> 'D'
                   AND t.tgfoid = pg_catalog.to_regproc('flowsentry.wake')::oid)";
    let doing = PostgresError::doing("look for the wake-up trigger");
    Ok(client.query_one(sql, &[&source.table_oid]).await.map_err(doing)?.get(0))
}

/// A session that listens.
#[derive(Debug)]
pub struct Doorbell {
    session: Session,
    rings: mpsc::Receiver<()>,
    source: Source,
    gate: i64,
}

impl Doorbell {
    /// Connects and listens. A request for the gate gives up after `gate_timeout`.
    pub async fn listen(database: &Database, source: Source, gate_timeout: Duration) -> Result<Self, PostgresError> {
        let (session, rings) = database.listening_session("wakeup", CHANNEL).await?;
        let timeout = format!("SET lock_timeout = {}", gate_timeout.as_millis().max(1));
        let doing = PostgresError::doing("limit the wait for the gate");
        session.client.batch_execute(&timeout).await.map_err(doing)?;
        let gate = GATE_KEY_BASE + i64::from(source.table_oid);
        Ok(Self { session, rings, source, gate })
    }

    /// Waits until somebody rings.
    pub async fn rung(&mut self) -> Result<(), PostgresError> {
        match self.rings.recv().await {
            Some(()) => Ok(()),
            None => Err(self.session.closed().await),
        }
    }

    /// Forgets rings: whoever rang before the next read is read by it.
    pub fn hush(&mut self) {
        while self.rings.try_recv().is_ok() {}
    }

    /// Shuts the gate: from the moment this asks, inserters stop ringing.
    pub async fn shut_gate(&self) -> Result<(), PostgresError> {
        loop {
            let answer = self.session.client.execute("SELECT pg_catalog.pg_advisory_lock($1)", &[&self.gate]).await;
            match answer.map_err(PostgresError::doing("shut the gate")) {
                Ok(_) => return Ok(()),
                Err(error) if error.is_lock_timeout() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens the gate. Gives those who may have passed it without ringing.
    pub async fn open_gate(&self) -> Result<Holders, PostgresError> {
        let doing = PostgresError::doing("open the gate");
        self.session.client.execute("SELECT pg_catalog.pg_advisory_unlock($1)", &[&self.gate]).await.map_err(doing)?;
        self.holders().await
    }

    /// Who holds a witness lock now.
    pub async fn holders(&self) -> Result<Holders, PostgresError> {
        witness::holders(&self.session.client, &self.source).await
    }

    /// Asks the server whether this session still listens: half-open sockets are found only by asking.
    pub async fn prove_listening(&self) -> Result<(), PostgresError> {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_listening_channels() AS c WHERE c = $1)";
        let doing = PostgresError::doing("ask whether this session still listens");
        let listens: bool = self.session.client.query_one(sql, &[&CHANNEL]).await.map_err(doing)?.get(0);
        if listens { Ok(()) } else { Err(PostgresError::Closed { role: "wakeup", source: None }) }
    }
}
