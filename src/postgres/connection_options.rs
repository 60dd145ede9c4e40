//! The options that say how to reach a database: libpq's names, where they were given, and what is wrong with them.

use std::fmt;

/// Where an option was given, for messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// `[database] url` of the settings.
    Settings,
    /// An environment variable.
    Variable(&'static str),
    /// A section of a service file.
    Service {
        /// Name of the section.
        name: String,
        /// Path of the file.
        file: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => out.write_str("[database] url"),
            Self::Variable(name) => out.write_str(name),
            Self::Service { name, file } => write!(out, "service {name:?} of {file}"),
        }
    }
}

/// Why it is not known how to reach the database. No text holds a value that may be, or be a part of, a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectionStringError {
    /// The text is neither form.
    #[error("{origin} is no connection string: {problem} (byte {at})")]
    Syntax {
        /// Where the text came from.
        origin: Origin,
        /// What is wrong.
        problem: &'static str,
        /// Position in the text, in bytes from its start.
        at: usize,
    },
    /// An option that libpq does not have either.
    #[error("{origin} has an unknown option at byte {at}{}", nearest.map(|name| format!("; is {name} meant?")).unwrap_or_default())]
    UnknownOption {
        /// Where the text came from.
        origin: Origin,
        /// Position in the text, in bytes from its start.
        at: usize,
        /// The known option that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A value that does not fit its option.
    #[error("{option} in {origin} is not {expected}")]
    Value {
        /// Where the value came from.
        origin: Origin,
        /// The option.
        option: &'static str,
        /// What would fit.
        expected: &'static str,
    },
    /// An option of libpq whose promise flowsentry cannot keep.
    #[error("{option} in {origin} is not supported")]
    Unsupported {
        /// Where the option was given.
        origin: Origin,
        /// The option.
        option: &'static str,
    },
    /// Hosts, addresses and ports are lists of different lengths.
    #[error("{hosts} hosts do not go with {others} {option} values")]
    Lists {
        /// `port` or `hostaddr`.
        option: &'static str,
        /// Number of hosts.
        hosts: usize,
        /// Number of values of the option.
        others: usize,
    },
    /// The service is in no service file.
    #[error("service {name:?} is not in {file}")]
    NoService {
        /// Name of the service.
        name: String,
        /// Path of the last file looked at.
        file: String,
    },
    /// The list of hosts is empty.
    #[error("there is no host to connect to")]
    NoHost,
    /// Neither the settings nor the system say who we are.
    #[error("there is no user name to connect with")]
    NoUser,
}

impl ConnectionStringError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Syntax { .. } | Self::UnknownOption { .. } => {
                "write postgresql://user@host:port/database, or host=… port=… dbname=… user=…; in the first form write @ : / \
                 ? # % of a password as %40 %3A %2F %3F %23 %25, in the second put '…' around a value with blanks"
            }
            Self::Value { .. } | Self::Lists { .. } => {
                "a value after a comma belongs to the host after that comma; see libpq's connection parameters"
            }
            Self::Unsupported { .. } => "leave the option away if its promise is not needed",
            Self::NoService { .. } => "see PGSERVICE, PGSERVICEFILE and ~/.pg_service.conf",
            Self::NoHost => "set PGHOST, or host in the connection string",
            Self::NoUser => "set PGUSER, or user in the connection string",
        }
    }
}

/// What becomes of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// It is obeyed.
    Obeyed,
    /// It says how to do what we do not do; with the value `require` it would be a promise, and is refused.
    WithoutEffect,
    /// It promises something we do not keep.
    Refused,
}

/// All options of libpq, their environment variables, and what becomes of them.
pub(super) const OPTIONS: &[(&str, Option<&str>, Use)] = &[
    ("host", Some("PGHOST"), Use::Obeyed),
    ("hostaddr", Some("PGHOSTADDR"), Use::Obeyed),
    ("port", Some("PGPORT"), Use::Obeyed),
    ("dbname", Some("PGDATABASE"), Use::Obeyed),
    ("user", Some("PGUSER"), Use::Obeyed),
    ("password", Some("PGPASSWORD"), Use::Obeyed),
    ("passfile", Some("PGPASSFILE"), Use::Obeyed),
    ("service", Some("PGSERVICE"), Use::Obeyed),
    ("servicefile", Some("PGSERVICEFILE"), Use::Obeyed),
    ("options", Some("PGOPTIONS"), Use::Obeyed),
    ("application_name", Some("PGAPPNAME"), Use::Obeyed),
    ("sslmode", Some("PGSSLMODE"), Use::Obeyed),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT"), Use::Obeyed),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Use::Obeyed),
    ("keepalives", None, Use::Obeyed),
    ("keepalives_idle", None, Use::Obeyed),
    ("keepalives_interval", None, Use::Obeyed),
    ("keepalives_count", None, Use::Obeyed),
    ("tcp_user_timeout", None, Use::Obeyed),
    ("fallback_application_name", None, Use::WithoutEffect),
    ("client_encoding", Some("PGCLIENTENCODING"), Use::WithoutEffect),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Use::WithoutEffect),
    ("sslnegotiation", Some("PGSSLNEGOTIATION"), Use::Obeyed),
    ("sslcompression", Some("PGSSLCOMPRESSION"), Use::WithoutEffect),
    ("sslcert", Some("PGSSLCERT"), Use::Obeyed),
    ("sslkey", Some("PGSSLKEY"), Use::Obeyed),
    ("sslpassword", None, Use::Refused),
    ("sslcertmode", Some("PGSSLCERTMODE"), Use::Obeyed),
    ("sslrootcert", Some("PGSSLROOTCERT"), Use::Obeyed),
    ("sslcrl", Some("PGSSLCRL"), Use::Obeyed),
    ("sslcrldir", Some("PGSSLCRLDIR"), Use::Refused),
    ("sslsni", Some("PGSSLSNI"), Use::Obeyed),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION"), Use::Obeyed),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION"), Use::Obeyed),
    ("min_protocol_version", Some("PGMINPROTOCOLVERSION"), Use::WithoutEffect),
    ("max_protocol_version", Some("PGMAXPROTOCOLVERSION"), Use::WithoutEffect),
    ("gssencmode", Some("PGGSSENCMODE"), Use::WithoutEffect),
    ("krbsrvname", Some("PGKRBSRVNAME"), Use::WithoutEffect),
    ("gsslib", Some("PGGSSLIB"), Use::WithoutEffect),
    ("gssdelegation", Some("PGGSSDELEGATION"), Use::WithoutEffect),
    ("channel_binding", Some("PGCHANNELBINDING"), Use::Obeyed),
    ("require_auth", Some("PGREQUIREAUTH"), Use::Refused),
    ("requirepeer", Some("PGREQUIREPEER"), Use::Refused),
    ("replication", None, Use::Refused),
];
