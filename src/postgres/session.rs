//! A session: a client, the task that drives its connection, and the settings that every session of ours has.
//!
//! Promise: no session hangs for ever. Connecting, locks, statements and idling in a transaction have limits, and both sides
//! notice a vanished peer within half a minute; a host that disappeared in a COPY would otherwise hold its locks for hours.
//! An answer that does not come although nobody vanished ends the session too (`transport`). The driver runs on the
//! runtime that opened the session and ends with it, so dropping a session in the middle of a transaction rolls that back.

use std::error::Error;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client};

use super::database::Limits;
use super::error::PostgresError;
use super::server::Server;
use super::transport::{self, Watched};
use crate::check::protection::Protection;
use crate::telemetry::metrics::SESSIONS_STALLED;

/// An open session. Dropping it closes it.
#[derive(Debug)]
pub struct Session {
    /// For statements.
    pub client: Client,
    driver: Driver,
    role: &'static str,
    protection: Protection,
}

/// The task that moves a connection's messages; it dies with its session.
#[derive(Debug)]
struct Driver(Option<JoinHandle<Result<(), tokio_postgres::Error>>>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Session {
    /// Connects and logs in, and changes no setting. A notification rings the bell.
    pub(super) async fn bare(
        mut server: Server,
        role: &'static str,
        limits: Limits,
        bell: Option<mpsc::Sender<()>>,
    ) -> Result<Self, tokio_postgres::Error> {
        let program = server.config.get_application_name().unwrap_or("flowsentry");
        let name = format!("{program}/{role}");
        server.config.application_name(name);
        let (client, connection, protection) = transport::connect(&server, limits.answer_limit).await?;
        let driver = Driver(Some(tokio::spawn(drive(connection, role, bell))));
        if let Some(misfit) = server.attributes.misfit(&client).await? {
            transport::refuse(&server.config, misfit).await?;
        }
        Ok(Self { client, driver, role, protection })
    }

    /// Connects, logs in and gives the session our settings. A notification rings the bell.
    pub(super) async fn open(
        server: Server,
        role: &'static str,
        limits: Limits,
        bell: Option<mpsc::Sender<()>>,
    ) -> Result<Self, tokio_postgres::Error> {
        let session = Self::bare(server, role, limits, bell).await?;
        let client = &session.client;
        client.batch_execute(&settings(limits)).await?;
        for setting in VANISHED_CLIENT {
            // Older servers lack some of these and some systems refuse them; the session works without.
            if let Err(error) = client.batch_execute(setting).await {
                match error.as_db_error().map(DbError::message) {
                    Some(answer) => tracing::debug!(setting, answer, "the server does without this setting"),
                    None => return Err(error),
                }
            }
        }
        Ok(session)
    }

    /// By what the way to the server is protected.
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Waits until the session has ended and says why. May be cancelled and called again.
    pub async fn closed(&mut self) -> PostgresError {
        let source = match &mut self.driver.0 {
            Some(task) => task.await.ok().and_then(Result::err),
            None => None,
        };
        self.driver.0 = None;
        PostgresError::Closed { role: self.role, source }
    }

    /// The client, and a task that drives it until it is aborted, as the pool wants them.
    pub(super) fn into_parts(self) -> (Client, JoinHandle<()>) {
        let Self { client, mut driver, role, .. } = self;
        let watched = async move {
            let Some(task) = &mut driver.0 else { return };
            if let Ok(Err(error)) = task.await {
                tracing::debug!(role, error = &error as &dyn std::error::Error, "a session ended");
            }
        };
        (client, tokio::spawn(watched))
    }
}

/// Moves messages until the connection ends.
async fn drive(
    mut connection: Watched,
    role: &'static str,
    bell: Option<mpsc::Sender<()>>,
) -> Result<(), tokio_postgres::Error> {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message.inspect_err(|error| tell_of_silence(error, role))? {
            AsyncMessage::Notification(_) => {
                // Full means that a wake-up is waiting already, closed that nobody wants one.
                let _ = bell.as_ref().map(|bell| bell.try_send(()));
            }
            AsyncMessage::Notice(notice) => tracing::debug!(message = notice.message(), "the server gives notice"),
            _ => {}
        }
    }
    Ok(())
}

/// Whoever waits for the session learns only that it was closed: why, is said here.
fn tell_of_silence(error: &tokio_postgres::Error, role: &'static str) {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(cause) = cause.filter(|cause| cause.kind() == ErrorKind::TimedOut) {
        SESSIONS_STALLED.add_with("session", role, 1);
        tracing::warn!(
            session = role,
            %cause,
            "a session is given up: the server, or what is in between, takes what we send and does not answer"
        );
    }
}

/// What every session needs. `search_path` is empty, since all our names are qualified; so nobody can slip a function or
/// a table of theirs in front of the one that is meant. Nothing is compiled: our statements are short, and where the planner
/// believes otherwise the compiler takes a quarter of a second of the processor that the sniffer's inserts need.
fn settings(limits: Limits) -> String {
    format!(
        "SET client_encoding = 'UTF8'; SET search_path = ''; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
         SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
         SET client_min_messages = 'warning'; SET standard_conforming_strings = on; SET jit = off; \
         SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = 20000",
        millis(limits.lock_timeout),
        millis(limits.statement_timeout),
    )
}

/// For sessions that read packets in the order of their ids: by the index. Of a table that was not analysed lately the
/// planner believes that only a few rows have such ids, and would fetch all of them and sort, for each statement.
pub(super) const BY_INDEX: &str = "SET enable_sort = off; SET enable_bitmapscan = off";

/// How the server notices that we have vanished. Without effect on a socket.
pub(super) const VANISHED_CLIENT: [&str; 5] = [
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = 15000",
    "SET client_connection_check_interval = 5000",
];

/// Milliseconds for a setting of the server, where 0 means for ever: a shorter span than that counts as 1 ms.
pub(super) fn millis(span: Duration) -> i32 {
    let millis = i32::try_from(span.as_millis()).unwrap_or(i32::MAX);
    if span.is_zero() { 0 } else { millis.max(1) }
}
