//! A server to try: where it is and as whom we log in, how the way to it is to be protected, and what it has to be.

use std::fmt;

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config};

use super::tls::Tls;

/// One of the servers of a database.
#[derive(Clone)]
pub(super) struct Server {
    pub config: Config,
    pub tls: Tls,
    pub attributes: Attributes,
}

/// `target_session_attrs`: what a server has to be, or the next one is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attributes {
    Any,
    /// Transactions write unless they say otherwise: no standby, and not `default_transaction_read_only`.
    ReadWrite,
    ReadOnly,
    /// Not a standby.
    Primary,
    Standby,
}

impl Attributes {
    /// What to write for it.
    pub const EXPECTED: &str = "any, read-write, read-only, primary or standby";

    /// As it is written. `prefer-standby` is left out: it may be any server, and flowsentry works with a primary only.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::Any),
            "read-write" => Some(Self::ReadWrite),
            "read-only" => Some(Self::ReadOnly),
            "primary" => Some(Self::Primary),
            "standby" => Some(Self::Standby),
            _ => None,
        }
    }

    /// Asks the server; the answer is why it is not the one that is wanted.
    pub async fn misfit(self, client: &Client) -> Result<Option<&'static str>, tokio_postgres::Error> {
        if self == Self::Any {
            return Ok(None);
        }
        let sql = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on'";
        let row = client.query_one(sql, &[]).await?;
        let (is_standby, only_reads): (bool, bool) = (row.get(0), row.get(1));
        Ok(match self {
            Self::ReadWrite if is_standby || only_reads => Some("the server only reads"),
            Self::ReadOnly if !is_standby && !only_reads => Some("the server does not only read"),
            Self::Primary if is_standby => Some("the server is a standby"),
            Self::Standby if !is_standby => Some("the server is no standby"),
            _ => None,
        })
    }
}

impl Server {
    /// Host and port, for people.
    pub fn shown(&self) -> String {
        let config = &self.config;
        let port = config.get_ports().first().copied().unwrap_or_default();
        match (config.get_hosts().first(), config.get_hostaddrs().first()) {
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            (Some(Host::Unix(directory)), _) => format!("{}:{port}", directory.display()),
            (None, Some(address)) => format!("{address}:{port}"),
            (None, None) => format!(":{port}"),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Server({}, {}, {:?})", self.shown(), self.tls.mode.name(), self.attributes)
    }
}
