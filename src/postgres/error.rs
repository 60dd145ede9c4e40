//! What can go wrong with the database, and what happens next.
//!
//! A server's answer is kept as it came ([`DbError`]), below one sentence that says what we were doing. The stages ask only
//! for the [`Disposition`]; `hint` and `exit` speak to people.

use std::borrow::Cow;
use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

use super::decode::MalformedStream;
use super::identifier::IdentifierError;
use super::migrations::SchemaError;
use super::sink_table::SinkError;
use super::source::SourceError;
use super::tls::TlsError;
use crate::exit::Exit;
use crate::flow::position::{BrokenChain, DamagedPosition};

/// What follows an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Another attempt from the checkpoint, after a pause.
    Retry,
    /// Another instance owns the source now: stop quietly.
    TakenOver,
    /// A person must act.
    Fatal,
}

/// An error of a session or of a statement.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server wants a password, and none is given.
    #[error("{database} wants a password, and none is given")]
    NoPassword {
        /// Host, port, database and user.
        database: String,
    },
    /// No server answered.
    #[error("cannot reach {database}")]
    Unreachable {
        /// Host, port, database and user.
        database: String,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// The server answered, but did not let us in.
    #[error("cannot open a session with {database}")]
    Refused {
        /// Host, port, database and user.
        database: String,
        /// The server's answer.
        source: Box<DbError>,
    },
    /// Connecting, logging in and setting up the session took too long.
    #[error("no session with {database} within {}", humantime::format_duration(*limit))]
    ConnectTimeout {
        /// Host, port, database and user.
        database: String,
        /// The limit for one host.
        limit: Duration,
    },
    /// The server refused a statement.
    #[error("cannot {doing}")]
    Statement {
        /// What the statement was for, as in "cannot {doing}".
        doing: &'static str,
        /// The server's answer.
        source: Box<DbError>,
    },
    /// The server refused a change of the schema.
    #[error("cannot {title}")]
    Change {
        /// What the change does.
        title: String,
        /// The server's answer.
        source: Box<DbError>,
    },
    /// The schema is not as this program wants it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The settings name a table by something that is no name.
    #[error(transparent)]
    Name(#[from] IdentifierError),
    /// The session broke during a statement, or the answer was not what we expect.
    #[error("cannot {doing}")]
    Broken {
        /// What the statement was for, as in "cannot {doing}".
        doing: &'static str,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// A session ended while nothing was asked of it.
    #[error("the session for {role} was closed")]
    Closed {
        /// What the session was for.
        role: &'static str,
        /// Why, if that is known.
        source: Option<tokio_postgres::Error>,
    },
    /// A session is open and does not answer.
    #[error("the session for {role} has not answered for {}", humantime::format_duration(*limit))]
    Silent {
        /// What the session is for.
        role: &'static str,
        /// How long it may be silent.
        limit: Duration,
    },
    /// No session of the pool came free in time.
    #[error("no session of the pool was free in time")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// The pool could not be set up.
    #[error("cannot set up the pool of sessions")]
    PoolSetUp(#[source] deadpool_postgres::BuildError),
    /// The source table cannot be read exactly once.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Flows cannot be stored in the table.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The server sent something that is no COPY stream.
    #[error("cannot read packets")]
    Stream(#[from] MalformedStream),
    /// The stored position cannot be read.
    #[error("cannot go on from the checkpoint")]
    Damaged(#[from] DamagedPosition),
    /// The reader lost count: a bug.
    #[error("cannot count the packets read")]
    Chain(#[from] BrokenChain),
    /// The ids of the source began anew.
    #[error("the ids of {table} have begun anew")]
    SourceReset {
        /// The table.
        table: String,
    },
    /// The source was altered while it was read.
    #[error("{table} was altered or rewritten while it was read")]
    SourceAltered {
        /// The table.
        table: String,
    },
    /// An increment that does not follow the one before it: a bug.
    #[error("increment {number} does not follow checkpoint {last}")]
    OutOfOrder {
        /// Its number.
        number: i64,
        /// The number of the checkpoint that it must follow.
        last: i64,
    },
    /// The checkpoint has moved without us.
    #[error("another instance has taken over {source_name}")]
    TakenOver {
        /// Name of the source in `flowsentry.checkpoint`.
        source_name: String,
    },
}

impl PostgresError {
    /// Says what a statement was for: `client.execute(…).await.map_err(PostgresError::doing("store the flows"))?`.
    pub fn doing(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |error| match server_answer(error) {
            Ok(source) => Self::Statement { doing, source },
            Err(source) => Self::Broken { doing, source },
        }
    }

    /// An error of opening a session with `database` (host, port, database, user; no password).
    pub(crate) fn connecting(database: String) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |error| match server_answer(error) {
            Ok(source) => Self::Refused { database, source },
            Err(source) if is_without_password(&source) => Self::NoPassword { database },
            Err(source) => Self::Unreachable { database, source },
        }
    }

    /// The server's answer, if it gave one.
    pub fn answer(&self) -> Option<&DbError> {
        match self {
            Self::Refused { source, .. } | Self::Statement { source, .. } | Self::Change { source, .. } => Some(source),
            Self::Closed { source, .. } => source.as_ref()?.as_db_error(),
            Self::Pool(deadpool_postgres::PoolError::Backend(source)) => source.as_db_error(),
            _ => None,
        }
    }

    /// What was wrong with the protection of the way, if that was it.
    pub fn tls(&self) -> Option<&TlsError> {
        match self {
            Self::Unreachable { source, .. }
            | Self::Broken { source, .. }
            | Self::Pool(deadpool_postgres::PoolError::Backend(source)) => TlsError::within(source),
            Self::Closed { source, .. } => TlsError::within(source.as_ref()?),
            _ => None,
        }
    }

    /// Whether the server refused for want of a right.
    pub fn is_missing_right(&self) -> bool {
        self.answer().is_some_and(|answer| *answer.code() == SqlState::INSUFFICIENT_PRIVILEGE)
    }

    /// Whether a lock was not to be had within `lock_timeout`.
    pub fn is_lock_timeout(&self) -> bool {
        self.answer().is_some_and(|answer| *answer.code() == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether the server is there and refused what was asked, as for want of room, of a lock or of a right; otherwise it is
    /// going away, or nobody answered.
    pub fn is_refusal(&self) -> bool {
        self.answer().is_some_and(|answer| !is_going_away(answer.code().code()))
    }

    /// What happens next.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::TakenOver { .. } => Disposition::TakenOver,
            Self::Source(SourceError::Standby) | Self::Schema(SchemaError::Busy) => Disposition::Retry,
            Self::Source(_) | Self::Sink(_) | Self::Schema(_) | Self::Name(_) | Self::Damaged(_) => Disposition::Fatal,
            _ => match self.tls() {
                Some(error) => error.disposition(),
                None => self.kind().map_or(Disposition::Retry, Kind::disposition),
            },
        }
    }

    fn kind(&self) -> Option<Kind> {
        if let Self::NoPassword { .. } = self {
            return Some(Kind::NotLetIn);
        }
        self.answer().map(|answer| kind(answer.code().code(), answer.message()))
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        if let Some(error) = self.tls() {
            return Some(error.hint());
        }
        let known = match self {
            Self::Source(error) => return error.hint().map(Cow::Owned),
            Self::Sink(error) => return Some(Cow::Owned(error.hint())),
            Self::Unreachable { .. } | Self::ConnectTimeout { .. } => Some(
                "is the server running, and does it listen there? See [database] url, DATABASE_URL, PGHOST and PGPORT",
            ),
            Self::Schema(error) => Some(error.hint()),
            Self::Change { source, .. } if *source.code() == SqlState::LOCK_NOT_AVAILABLE => Some(
                "somebody keeps the table locked; run it again when their transaction is over: what was done stays",
            ),
            Self::Pool(deadpool_postgres::PoolError::Timeout(_)) => {
                Some("the server is slow, or the pool is too small")
            }
            _ => self.kind().and_then(Kind::hint),
        };
        known.map(Cow::Borrowed)
    }

    /// The exit code, should the program end with this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Schema(SchemaError::Busy) => Exit::Unavailable,
            Self::Sink(SinkError::NoRight { .. }) => Exit::Permission,
            Self::Source(_) | Self::Sink(_) | Self::Schema(_) | Self::Name(_) => Exit::Configuration,
            Self::Damaged(_) | Self::Chain(_) | Self::OutOfOrder { .. } | Self::Stream(_) => Exit::Bug,
            _ => match self.tls().map(TlsError::disposition) {
                Some(Disposition::Fatal) => Exit::Configuration,
                Some(_) => Exit::Unavailable,
                None => self.kind().map_or(Exit::Unavailable, Kind::exit),
            },
        }
    }
}

/// The server's answer, or the error itself where the server gave none.
fn server_answer(error: tokio_postgres::Error) -> Result<Box<DbError>, tokio_postgres::Error> {
    match error.as_db_error() {
        Some(answer) => Ok(Box::new(answer.clone())),
        None => Err(error),
    }
}

/// The library has no other sign of it.
fn is_without_password(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string() == "password missing")
}

/// Kinds of server answers that people must tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Wrong password, or no such user, or `pg_hba.conf` says no.
    NotLetIn,
    /// `pg_hba.conf` lets nobody in without TLS.
    TlsOnly,
    /// `pg_hba.conf` goes by our certificate, which is missing or names somebody else.
    OurCertificate,
    /// The database does not exist.
    NoDatabase,
    /// A right is missing.
    NoRight,
    /// Our own schema is missing or of another version.
    NotMigrated,
    /// The server only reads: a standby, or a failover under way.
    ReadOnly,
    /// No room on the server's disk.
    DiskFull,
    /// Somebody keeps a lock.
    Locked,
    /// A statement that no server could understand.
    Bug,
    /// Everything that may be over in a moment.
    Passing,
}

/// Shutting down, starting up, without a connection to spare, or cut off.
fn is_going_away(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || code == "53300"
}

/// By SQLSTATE. What is not named may be over in a moment: a server that starts or stops (57P), without connections (53300),
/// without room on its disk (53100), locks and deadlocks (55P03, 40P01), a statement that ran too long (57014). So may a
/// table that was changed while we run (42703, 42P01, 42804, 0A000 of a cached plan): the next attempt looks at it anew.
fn kind(code: &str, message: &str) -> Kind {
    let of_our_schema = message.contains("flowsentry.");
    match code {
        "28000" if message.contains("no encryption") || message.contains("SSL off") => Kind::TlsOnly,
        "28000" if message.contains("certificate") => Kind::OurCertificate,
        code if code.starts_with("28") => Kind::NotLetIn,
        "3D000" => Kind::NoDatabase,
        "42501" => Kind::NoRight,
        "42P01" | "42883" | "3F000" if of_our_schema => Kind::NotMigrated,
        "25006" => Kind::ReadOnly,
        "53100" => Kind::DiskFull,
        "55P03" => Kind::Locked,
        "42601" => Kind::Bug,
        _ => Kind::Passing,
    }
}

impl Kind {
    fn disposition(self) -> Disposition {
        match self {
            Self::NotLetIn
            | Self::TlsOnly
            | Self::OurCertificate
            | Self::NoDatabase
            | Self::NoRight
            | Self::NotMigrated
            | Self::Bug => Disposition::Fatal,
            Self::ReadOnly | Self::DiskFull | Self::Locked | Self::Passing => Disposition::Retry,
        }
    }

    fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotLetIn => Some("check the user, its password (PGPASSWORD, ~/.pgpass) and the server's pg_hba.conf"),
            Self::TlsOnly => Some(
                "pg_hba.conf lets nobody in from here without TLS: say sslmode=verify-full (or require, which verifies \
                 nothing)",
            ),
            Self::OurCertificate => Some(
                "name a certificate that the server's ssl_ca_file has signed for this user (its common name, or by \
                 pg_ident.conf), and its key: sslcert, sslkey (PGSSLCERT, PGSSLKEY)",
            ),
            Self::NoDatabase => {
                Some("create it (createdb), or name another one: [database] url, DATABASE_URL, PGDATABASE")
            }
            Self::NoRight => Some(
                "`flowsentry check` names each missing right and the GRANT that gives it, `flowsentry migrate --roles` grants \
                 all; `flowsentry migrate --print-sql` shows what to run as a role that may",
            ),
            Self::NotMigrated => Some("run `flowsentry migrate`"),
            Self::ReadOnly => {
                Some("this server is a standby or only reads: name the primary, or set target_session_attrs=read-write")
            }
            Self::DiskFull => Some("make room on the server's disk; nothing is lost, and storing goes on by itself"),
            Self::Locked => Some("somebody keeps a table locked: SELECT * FROM pg_locks WHERE granted tells who"),
            Self::Bug | Self::Passing => None,
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::NotLetIn | Self::OurCertificate | Self::NoRight => Exit::Permission,
            Self::TlsOnly | Self::NoDatabase | Self::NotMigrated => Exit::Configuration,
            Self::Bug => Exit::Bug,
            Self::ReadOnly | Self::DiskFull | Self::Locked | Self::Passing => Exit::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Disposition::{Fatal, Retry};
    use super::*;

    #[test]
    fn only_what_a_person_must_mend_is_fatal() {
        let check = |code: &str, message: &str, expected: Disposition| {
            assert_eq!(kind(code, message).disposition(), expected, "{code} {message}");
        };
        for passing in [
            "53300", "57P01", "57P02", "57P03", "08000", "08003", "08006", "08P01", "53100", "53200", "55P03", "57014",
            "40001", "40P01", "42703", "42804", "0A000", "25006", "25P02", "25P03", "57P05", "XX000", "58030", "23514",
        ] {
            check(passing, "", Retry);
        }
        check("42P01", "relation \"public.raw_packets\" does not exist", Retry);
        check("42P01", "relation \"flowsentry.checkpoint\" does not exist", Fatal);
        check("3F000", "schema \"flowsentry.\" does not exist", Fatal);
        for fatal in ["28000", "28P01", "3D000", "42501", "42601"] {
            check(fatal, "", Fatal);
        }
    }

    #[test]
    fn a_server_that_goes_away_refuses_nothing() {
        let check = |code: &str, going_away: bool| assert_eq!(is_going_away(code), going_away, "{code}");
        for code in ["57P01", "57P02", "57P03", "57P05", "08006", "53300"] {
            check(code, true);
        }
        for code in ["53100", "55P03", "57014", "42501", "23514", "40001"] {
            check(code, false);
        }
    }
}
