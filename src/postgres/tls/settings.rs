//! What the options ask for, and what they may not.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tokio_postgres::config::ChannelBinding;

use crate::postgres::account::Account;
use crate::postgres::connection_options::ConnectionStringError;
use crate::postgres::connection_parameters::Parameters;

/// `sslmode`, the weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::postgres) enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        all.into_iter().find(|mode| mode.name() == text)
    }
}

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::postgres) enum Roots {
    /// Whom the system trusts.
    System,
    /// This file, which must be there.
    Given(PathBuf),
    /// This file, if it is there.
    Usual(Option<PathBuf>),
}

/// A certificate of ours and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::postgres) struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whether an option names the certificate: then it must be there.
    pub given: bool,
}

/// Versions of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::postgres) enum Version {
    Two,
    Three,
}

/// What is wanted of the way to one server.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is an option's yes or no
pub(in crate::postgres) struct Tls {
    pub mode: Mode,
    /// Host and port, for people.
    pub place: String,
    /// The name or address that the certificate must be for; `None` for a socket.
    pub name: Option<String>,
    /// The way does not leave this machine.
    pub is_local: bool,
    pub roots: Roots,
    /// Certificates that were revoked.
    pub revoked: Option<PathBuf>,
    /// `sslcrl` was given, so the file must be there.
    pub revoked_given: bool,
    pub identity: Option<Identity>,
    pub binding: ChannelBinding,
    /// TLS from the first octet on, without asking for it.
    pub direct: bool,
    pub versions: (Version, Version),
    /// Whether the server is told the name.
    pub tell_name: bool,
}

impl Tls {
    /// For one server; `host` and `address` as they were given.
    pub fn resolve(
        given: &Parameters,
        account: &Account,
        host: Option<&str>,
        address: Option<IpAddr>,
        port: u16,
    ) -> Result<Self, ConnectionStringError> {
        let is_socket = address.is_none() && host.is_some_and(|host| host.starts_with('/'));
        let name = host.map(str::to_owned).or_else(|| address.map(|address| address.to_string()));
        let name = name.filter(|_| !is_socket);
        let is_local = is_socket || is_loopback(host, address);
        let usual = |file: &str| Some(account.home.as_ref()?.join(".postgresql").join(file));
        let roots = match given.get("sslrootcert") {
            Some("system") => Roots::System,
            Some(path) => Roots::Given(path.into()),
            None => Roots::Usual(usual("root.crt")),
        };
        let binding = given.read("channel_binding", "disable, prefer or require", |text| match text {
            "disable" => Some(ChannelBinding::Disable),
            "prefer" => Some(ChannelBinding::Prefer),
            "require" => Some(ChannelBinding::Require),
            _ => None,
        })?;
        let direct = given.read("sslnegotiation", "postgres or direct", |text| match text {
            "postgres" => Some(false),
            "direct" => Some(true),
            _ => None,
        })?;
        let direct = direct.unwrap_or(false);
        Ok(Self {
            mode: mode(given, is_socket, is_local, &roots, direct)?,
            place: place(host, address, port),
            name,
            is_local,
            roots,
            revoked: given.get("sslcrl").map(PathBuf::from).or_else(|| usual("root.crl")),
            revoked_given: given.get("sslcrl").is_some(),
            identity: identity(given, usual)?,
            binding: binding.unwrap_or(ChannelBinding::Prefer),
            direct,
            versions: versions(given)?,
            tell_name: given.read("sslsni", "0 or 1", flag)?.unwrap_or(true),
        })
    }

    /// The one that is tried first, and the other one where that may fail: with TLS, or without.
    pub fn attempts(&self) -> (bool, Option<bool>) {
        match self.mode {
            Mode::Disable => (false, None),
            // Without TLS there is nothing to bind to.
            _ if self.binding == ChannelBinding::Require => (true, None),
            Mode::Allow => (false, Some(true)),
            Mode::Prefer => (true, Some(false)),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (true, None),
        }
    }
}

/// What was asked for, else what is safe for the way. A socket does without.
fn mode(
    given: &Parameters,
    is_socket: bool,
    is_local: bool,
    roots: &Roots,
    direct: bool,
) -> Result<Mode, ConnectionStringError> {
    let expected = "disable, allow, prefer, require, verify-ca or verify-full";
    let wanted = given.read("sslmode", expected, Mode::read)?;
    if is_socket {
        return Ok(Mode::Disable);
    }
    let by_system = *roots == Roots::System;
    if by_system {
        // Anybody gets a certificate of an authority that the system trusts: without the name it proves nothing.
        let enough = |text: &str| Mode::read(text).filter(|mode| *mode == Mode::VerifyFull);
        given.read("sslmode", "verify-full, the only one that goes with sslrootcert=system", enough)?;
    }
    if direct && wanted.is_some() {
        let enough = |text: &str| Mode::read(text).filter(|mode| *mode >= Mode::Require);
        given.read("sslmode", "require or stronger, which sslnegotiation=direct needs", enough)?;
    }
    let usual = if is_local && !by_system && !direct { Mode::Prefer } else { Mode::VerifyFull };
    Ok(wanted.unwrap_or(usual))
}

fn identity(
    given: &Parameters,
    usual: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Option<Identity>, ConnectionStringError> {
    let wanted = given.read("sslcertmode", "disable or allow", |text| match text {
        "disable" => Some(false),
        "allow" => Some(true),
        _ => None,
    })?;
    let path = |option: &str, file: &str| given.get(option).map(PathBuf::from).or_else(|| usual(file));
    let files = path("sslcert", "postgresql.crt").zip(path("sslkey", "postgresql.key"));
    let given = given.get("sslcert").is_some();
    Ok(files.filter(|_| wanted != Some(false)).map(|(certificate, key)| Identity { certificate, key, given }))
}

fn versions(given: &Parameters) -> Result<(Version, Version), ConnectionStringError> {
    let least = given.read("ssl_min_protocol_version", "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3", |text| match text {
        "TLSv1" | "TLSv1.1" | "TLSv1.2" => Some(Version::Two),
        "TLSv1.3" => Some(Version::Three),
        _ => None,
    })?;
    let least = least.unwrap_or(Version::Two);
    let most = given.read("ssl_max_protocol_version", "TLSv1.2 or TLSv1.3, nor below the minimum", |text| {
        let most = match text {
            "TLSv1.2" => Version::Two,
            "TLSv1.3" => Version::Three,
            _ => return None,
        };
        Some(most).filter(|most| *most >= least)
    })?;
    Ok((least, most.unwrap_or(Version::Three)))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// By what is written: a name may become another address at any time, except the one that means this machine.
fn is_loopback(host: Option<&str>, address: Option<IpAddr>) -> bool {
    let written = || host.map(|host| host.parse().ok());
    match address.or_else(|| written().flatten()) {
        Some(IpAddr::V4(address)) => address.is_loopback(),
        Some(IpAddr::V6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        None => host.is_some_and(|host| host.eq_ignore_ascii_case("localhost")),
    }
}

/// Host and port, for people.
fn place(host: Option<&str>, address: Option<IpAddr>, port: u16) -> String {
    match (host, address) {
        (Some(directory), None) if directory.starts_with('/') => Path::new(directory).display().to_string(),
        (Some(name), _) => format!("{name}:{port}"),
        (None, Some(address)) => format!("{address}:{port}"),
        (None, None) => format!(":{port}"),
    }
}
