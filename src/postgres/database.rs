//! One database and how to open sessions with it.

use std::fmt;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime, Timeouts};
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config};

use super::connection_options::ConnectionStringError;
use super::connection_parameters;
use super::error::PostgresError;
use super::server::Server;
use super::session::{BY_INDEX, Session};
use crate::config::{self, Environment};

/// Time limits of every session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// For connecting, logging in and setting up a session, for each host; `connect_timeout` in the connection string or
    /// `PGCONNECT_TIMEOUT` goes before it.
    pub connect_timeout: Duration,
    /// For waiting on one lock; zero for ever.
    pub lock_timeout: Duration,
    /// For one statement; zero for ever.
    pub statement_timeout: Duration,
    /// How long the server may owe an answer; `None` for ever.
    pub answer_limit: Option<Duration>,
}

impl Limits {
    /// Of the settings.
    pub fn of(settings: &config::Database) -> Self {
        Self {
            connect_timeout: settings.connect_timeout,
            lock_timeout: settings.lock_timeout,
            statement_timeout: settings.statement_timeout,
            answer_limit: Some(settings.answer_limit()),
        }
    }
}

/// How to reach a database, and the limits of its sessions.
#[derive(Clone)]
pub struct Database {
    /// The host that is tried first, and the others in their order.
    hosts: (Server, Vec<Server>),
    limits: Limits,
    /// Somebody was told that the way to the server is weaker than it should be; once is enough.
    told: Arc<AtomicBool>,
}

impl Database {
    /// Resolves `url` (`[database] url` of the settings), else `DATABASE_URL`, and what that leaves open as libpq does it.
    /// Reads the service file and the password file; opens no connection.
    pub fn resolve(
        url: Option<&str>,
        environment: &Environment,
        limits: Limits,
    ) -> Result<Self, ConnectionStringError> {
        let hosts = connection_parameters::resolve(url, environment, limits.connect_timeout)?;
        Ok(Self { hosts, limits, told: Arc::default() })
    }

    /// The same server and user with another database.
    #[must_use]
    pub fn named(&self, database: &str) -> Self {
        let mut other = self.clone();
        other.hosts.0.config.dbname(database);
        for server in &mut other.hosts.1 {
            server.config.dbname(database);
        }
        other
    }

    /// The same, waiting for every answer as long as it takes: for a command that changes a schema, whose statements may
    /// lift the server's own limit, and which a person watches.
    #[must_use]
    pub fn patient(&self) -> Self {
        let mut other = self.clone();
        other.limits.answer_limit = None;
        other
    }

    /// The same, giving everything up after `patience`: for what is asked by the way, and must not hold anything up.
    #[must_use]
    pub fn hurried(&self, patience: Duration) -> Self {
        let mut other = self.clone();
        let limit = other.limits.answer_limit.map_or(patience * 2, |limit| limit.min(patience * 2));
        other.limits = Limits {
            connect_timeout: patience,
            lock_timeout: patience,
            statement_timeout: patience,
            answer_limit: Some(limit),
        };
        other
    }

    /// Database, hosts, ports and user, for people; never a password.
    pub fn shown(&self) -> String {
        let (first, others) = &self.hosts;
        let name = first.config.get_dbname().unwrap_or_default();
        let user = first.config.get_user().unwrap_or_default();
        let hosts = iter::once(first).chain(others).map(Server::shown).collect::<Vec<_>>().join(", ");
        format!("database {name:?} at {hosts} as user {user:?}")
    }

    /// Opens a session on the current runtime and spawns its driver there. `role` says what it is for; it is the second
    /// part of its `application_name` (the first is `flowsentry`, or `PGAPPNAME`).
    pub async fn session(&self, role: &'static str) -> Result<Session, PostgresError> {
        self.open(role, None, Some(self.limits)).await
    }

    /// A session without any setting of ours: to see what is in between before something there is changed for others. Its
    /// notifications ring the receiver, as in [`Database::listening_session`].
    pub async fn bare_session(&self, role: &'static str) -> Result<(Session, mpsc::Receiver<()>), PostgresError> {
        let (bell, rung) = mpsc::channel(1);
        Ok((self.open(role, Some(bell), None).await?, rung))
    }

    /// A session that listens on `channel`. Each notification becomes a `()` in the receiver; while one is waiting there,
    /// further ones are dropped, for one is enough to wake up. The receiver ends with the session.
    pub async fn listening_session(
        &self,
        role: &'static str,
        channel: &str,
    ) -> Result<(Session, mpsc::Receiver<()>), PostgresError> {
        let (bell, rung) = mpsc::channel(1);
        let session = self.open(role, Some(bell), Some(self.limits)).await?;
        let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
        session.client.batch_execute(&listen).await.map_err(PostgresError::doing("listen for notifications"))?;
        Ok((session, rung))
    }

    /// A pool of at most `size` sessions, opened when needed; waiting, opening and checking each end at the connect timeout.
    pub fn pool(&self, size: usize) -> Result<Pool, PostgresError> {
        let limit = Some(self.limits.connect_timeout);
        let mut config = PoolConfig::new(size);
        config.timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let manager = Manager::from_connect(Config::new(), self.clone(), recycling);
        Pool::builder(manager).config(config).runtime(Runtime::Tokio1).build().map_err(PostgresError::PoolSetUp)
    }

    /// `settings`: the limits of a session with our settings; `None` for a bare one.
    async fn open(
        &self,
        role: &'static str,
        bell: Option<mpsc::Sender<()>>,
        settings: Option<Limits>,
    ) -> Result<Session, PostgresError> {
        let limits = self.limits;
        let open = |server: Server| -> BoxFuture<'static, Result<Session, PostgresError>> {
            let (bell, database) = (bell.clone(), self.shown());
            Box::pin(async move {
                let limit = server.config.get_connect_timeout().copied().unwrap_or(limits.connect_timeout);
                let opening = async {
                    match settings {
                        Some(limits) => Session::open(server, role, limits, bell).await,
                        None => Session::bare(server, role, limits, bell).await,
                    }
                };
                match tokio::time::timeout(limit, opening).await {
                    Ok(opened) => opened.map_err(PostgresError::connecting(database)),
                    Err(_) => Err(PostgresError::ConnectTimeout { database, limit }),
                }
            })
        };
        self.first_that_opens(open, PostgresError::answer).await
    }

    /// Tries host after host. A host that answers with an error ends the search, as in libpq, unless it says that it is not
    /// ready: a wrong password for the first host must not be reported as a missing second one.
    async fn first_that_opens<E>(
        &self,
        open: impl Fn(Server) -> BoxFuture<'static, Result<Session, E>> + Send + Sync,
        answer: impl Fn(&E) -> Option<&DbError> + Send + Sync,
    ) -> Result<Session, E> {
        let is_final = |error: &E| answer(error).is_some_and(|answer| *answer.code() != SqlState::CANNOT_CONNECT_NOW);
        let (first, others) = &self.hosts;
        let mut outcome = open(first.clone()).await;
        for server in others {
            if outcome.as_ref().err().is_none_or(is_final) {
                break;
            }
            match open(server.clone()).await {
                Err(error) if !is_final(&error) => {}
                other => outcome = other,
            }
        }
        outcome.inspect(|session| self.tell_of_weakness(session))
    }

    /// Warns of a way that somebody else may be on, the first time.
    fn tell_of_weakness(&self, session: &Session) {
        let protection = session.protection();
        let Some(weakness) = protection.weakness() else { return };
        if !self.told.swap(true, Ordering::Relaxed) {
            let (server, way) = (&protection.place, protection.shown());
            tracing::warn!(%server, %way, weakness, "the way to the database is weaker than sslmode=verify-full");
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Database({}, {:?})", self.shown(), self.limits)
    }
}

/// Sessions of the pool are set up as all others are; the pool's own limit holds for opening them.
impl Connect for Database {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let limits = self.limits;
        let open = move |server: Server| -> BoxFuture<'static, Result<Session, tokio_postgres::Error>> {
            Box::pin(Session::open(server, "pool", limits, None))
        };
        Box::pin(async move {
            let session = self.first_that_opens(open, tokio_postgres::Error::as_db_error).await?;
            session.client.batch_execute(BY_INDEX).await?;
            Ok(session.into_parts())
        })
    }
}
