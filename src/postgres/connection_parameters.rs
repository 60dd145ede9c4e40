//! How to reach the database, after libpq: what the connection string leaves open comes from the service file, then from the
//! environment variables, then from libpq's defaults; the password from the password file where nothing else gives it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;

use super::account::Account;
use super::connection_options::{ConnectionStringError, OPTIONS, Origin, Use};
use super::server::{Attributes, Server};
use super::tls::Tls;
use super::{connection_string, password_file, service_file};
use crate::config::Environment;

/// Where servers put their sockets: Debian's and its children's directory, then that of PostgreSQL itself.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];
const DEFAULT_PORT: u16 = 5432;
/// Where the system's service file lies if `PGSYSCONFDIR` does not say it.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";
/// A vanished server is noticed after 10 s + 3 × 5 s of silence, or when 15 s of what was sent stay unacknowledged.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_COUNT: u32 = 3;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// A value and where it came from.
struct Given {
    value: String,
    origin: Origin,
}

/// Options by name; those of `OPTIONS` that are obeyed, none of them empty.
#[derive(Default)]
pub(super) struct Parameters(BTreeMap<&'static str, Given>);

/// A server to try.
struct Target {
    host: Option<String>,
    address: Option<IpAddr>,
    port: u16,
}

/// Resolves the connection string (`[database] url`, else `DATABASE_URL`) and all that it leaves open: a server for
/// the first host and for each further one, in the order in which they are to be tried. `connect_timeout` holds where the
/// options do not give one.
pub(super) fn resolve(
    url: Option<&str>,
    environment: &Environment,
    connect_timeout: Duration,
) -> Result<(Server, Vec<Server>), ConnectionStringError> {
    let account = Account::of_process(environment);
    let given = url.map(str::trim).filter(|url| !url.is_empty());
    let text = given.map(|url| (url, Origin::Settings));
    let text = text.or_else(|| Some((environment.get("DATABASE_URL")?.trim(), Origin::Variable("DATABASE_URL"))));
    let mut parameters = match text {
        Some((text, origin)) => Parameters::of_text(text, &origin)?,
        None => Parameters::default(),
    };
    let variables = Parameters::of_environment(environment)?;
    let first = |option| parameters.get(option).or(variables.get(option));
    if let Some(service) = first("service") {
        let service = Parameters::of_service(service, first("servicefile"), environment, &account)?;
        parameters.fill_from(service);
    }
    parameters.fill_from(variables);
    parameters.servers(&account, connect_timeout)
}

impl Parameters {
    fn of_text(text: &str, origin: &Origin) -> Result<Self, ConnectionStringError> {
        let options = connection_string::split(text).map_err(|misfit| ConnectionStringError::Syntax {
            origin: origin.clone(),
            problem: misfit.problem,
            at: misfit.at,
        })?;
        let mut parameters = Self::default();
        for (option, value, at) in options {
            parameters.set(&option, value, origin, at)?;
        }
        Ok(parameters)
    }

    fn of_environment(environment: &Environment) -> Result<Self, ConnectionStringError> {
        let mut parameters = Self::default();
        for (option, variable, _) in OPTIONS {
            if let Some((variable, value)) = variable.and_then(|variable| Some((variable, environment.get(variable)?)))
            {
                parameters.set(option, value.to_owned(), &Origin::Variable(variable), 0)?;
            }
        }
        Ok(parameters)
    }

    /// The section of the user's service file, else of the system's.
    fn of_service(
        name: &str,
        file: Option<&str>,
        environment: &Environment,
        account: &Account,
    ) -> Result<Self, ConnectionStringError> {
        let users = file.map(PathBuf::from).or_else(|| Some(account.home.as_ref()?.join(".pg_service.conf")));
        let system = Path::new(environment.get("PGSYSCONFDIR").unwrap_or(SYSTEM_DIRECTORY)).join("pg_service.conf");
        let mut looked_at = String::new();
        for path in users.into_iter().chain([system]) {
            looked_at = path.display().to_string();
            let text = fs::read_to_string(&path).unwrap_or_default(); // not readable: the service is in none, said below
            let Some(options) = service_file::section(&text, name) else { continue };
            let origin = Origin::Service { name: name.to_owned(), file: looked_at };
            let mut parameters = Self::default();
            for (option, value) in options {
                parameters.set(option, value.to_owned(), &origin, 0)?;
            }
            return Ok(parameters);
        }
        Err(ConnectionStringError::NoService { name: name.to_owned(), file: looked_at })
    }

    fn set(&mut self, option: &str, value: String, origin: &Origin, at: usize) -> Result<(), ConnectionStringError> {
        let Some((option, _, used)) = OPTIONS.iter().find(|(name, ..)| *name == option) else {
            return Err(ConnectionStringError::UnknownOption { origin: origin.clone(), at, nearest: nearest(option) });
        };
        if value.is_empty() {
            return Ok(());
        }
        if value.contains('\0') {
            let expected = "free of NUL";
            return Err(ConnectionStringError::Value { origin: origin.clone(), option, expected });
        }
        match used {
            Use::Obeyed => {
                self.0.insert(option, Given { value, origin: origin.clone() });
                Ok(())
            }
            Use::WithoutEffect if value != "require" => Ok(()),
            Use::WithoutEffect | Use::Refused => {
                Err(ConnectionStringError::Unsupported { origin: origin.clone(), option })
            }
        }
    }

    /// The value of an option.
    pub fn get(&self, option: &str) -> Option<&str> {
        self.0.get(option).map(|given| given.value.as_str())
    }

    /// Takes what is not given here from `other`.
    fn fill_from(&mut self, other: Self) {
        for (option, given) in other.0 {
            self.0.entry(option).or_insert(given);
        }
    }

    /// The value of an option, read by `read`; an error says what would have been `expected`.
    pub fn read<T>(
        &self,
        option: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConnectionStringError> {
        let Some(given) = self.0.get(option) else { return Ok(None) };
        let misfit = || ConnectionStringError::Value { origin: given.origin.clone(), option, expected };
        read(&given.value).map(Some).ok_or_else(misfit)
    }

    fn servers(&self, account: &Account, limit: Duration) -> Result<(Server, Vec<Server>), ConnectionStringError> {
        let user = self.get("user").or(account.name.as_deref()).ok_or(ConnectionStringError::NoUser)?;
        let database = self.get("dbname").unwrap_or(user);
        let (first, others) = self.targets()?;
        let mut common = Config::new();
        common.user(user).dbname(database);
        if let Some(options) = self.get("options") {
            common.options(options);
        }
        common.application_name(self.get("application_name").unwrap_or("flowsentry"));
        let timeout = self.read("connect_timeout", "a number of seconds", |text| text.trim().parse::<i64>().ok())?;
        let timeout = timeout.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
        common.connect_timeout(timeout.map_or(limit, Duration::from_secs));
        self.watch_the_line(&mut common)?;
        let attributes = self.read("target_session_attrs", Attributes::EXPECTED, Attributes::read)?;
        let attributes = attributes.unwrap_or(Attributes::Any);
        let passwords = self.password_file(account);
        let server = |target: Target| {
            let tls = Tls::resolve(self, account, target.host.as_deref(), target.address, target.port)?;
            let mut config = common.clone();
            config.port(target.port);
            if let Some(password) = self.get("password") {
                config.password(password);
            } else if let Some(password) = passwords.as_deref().and_then(|text| target.password(text, database, user)) {
                config.password(password);
            }
            target.host.map(|host| config.host(host));
            target.address.map(|address| config.hostaddr(address));
            Ok(Server { config, tls, attributes })
        };
        let first = server(first)?;
        Ok((first, others.into_iter().map(server).collect::<Result<_, _>>()?))
    }

    /// Keep-alives and the like, by the options, else ours.
    fn watch_the_line(&self, config: &mut Config) -> Result<(), ConnectionStringError> {
        let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        let millis = |text: &str| text.trim().parse().ok().map(Duration::from_millis);
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let idle = self.read("keepalives_idle", "a number of seconds", seconds)?;
        let interval = self.read("keepalives_interval", "a number of seconds", seconds)?;
        let timeout = self.read("tcp_user_timeout", "a number of milliseconds", millis)?;
        config
            .keepalives(self.read("keepalives", "0 or 1", number)? != Some(0))
            .keepalives_idle(idle.filter(|span| !span.is_zero()).unwrap_or(KEEPALIVE_IDLE))
            .keepalives_interval(interval.filter(|span| !span.is_zero()).unwrap_or(KEEPALIVE_INTERVAL))
            .keepalives_retries(self.read("keepalives_count", "a number", number)?.unwrap_or(KEEPALIVE_COUNT))
            .tcp_user_timeout(timeout.filter(|span| !span.is_zero()).unwrap_or(TCP_USER_TIMEOUT));
        Ok(())
    }

    fn targets(&self) -> Result<(Target, Vec<Target>), ConnectionStringError> {
        let hosts = self.read("host", "a list of host names or directories", |text| {
            let sound = |host: &&str| !host.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
            let hosts: Vec<_> = text.split(',').collect();
            hosts.iter().all(sound).then(|| hosts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        })?;
        let addresses = self.read("hostaddr", "a list of IP addresses", |text| {
            text.split(',').map(|address| address.trim().parse().ok()).collect::<Option<Vec<IpAddr>>>()
        })?;
        let ports = self.read("port", "a list of port numbers", |text| {
            let port = |text: &str| if text.is_empty() { Some(DEFAULT_PORT) } else { text.trim().parse().ok() };
            text.split(',').map(port).map(|port| port.filter(|port| *port != 0)).collect::<Option<Vec<u16>>>()
        })?;
        let hosts = hosts.unwrap_or_else(|| vec![String::new(); addresses.as_ref().map_or(1, Vec::len)]);
        let fits = |option, others: usize| match others {
            others if others == hosts.len() => Ok(()),
            others => Err(ConnectionStringError::Lists { option, hosts: hosts.len(), others }),
        };
        addresses.as_ref().map_or(Ok(()), |addresses| fits("hostaddr", addresses.len()))?;
        ports.as_ref().filter(|ports| ports.len() > 1).map_or(Ok(()), |ports| fits("port", ports.len()))?;
        let targets = hosts.into_iter().enumerate().flat_map(|(number, host)| {
            let address = addresses.as_ref().and_then(|addresses| addresses.get(number).copied());
            let port = ports.as_ref().and_then(|ports| ports.get(number).or(ports.first()).copied());
            Target::all(&host, address, port.unwrap_or(DEFAULT_PORT))
        });
        let mut targets = targets.collect::<VecDeque<_>>();
        let first = targets.pop_front().ok_or(ConnectionStringError::NoHost)?;
        Ok((first, targets.into()))
    }

    fn password_file(&self, account: &Account) -> Option<String> {
        if self.get("password").is_some() {
            return None;
        }
        let path = self.get("passfile").map(PathBuf::from);
        password_file::read(&path.or_else(|| Some(account.home.as_ref()?.join(".pgpass")))?)
    }
}

impl Target {
    /// No host and no address means the default directories of sockets.
    fn all(host: &str, address: Option<IpAddr>, port: u16) -> Vec<Self> {
        match (host, address) {
            ("", None) => SOCKET_DIRECTORIES.map(|host| Self { host: Some(host.to_owned()), address, port }).into(),
            (host, _) => vec![Self { host: Some(host.to_owned()).filter(|host| !host.is_empty()), address, port }],
        }
    }

    /// The password for this host in the text of a password file.
    fn password(&self, passwords: &str, database: &str, user: &str) -> Option<String> {
        let address = self.address.map(|address| address.to_string());
        let host = match self.host.as_deref() {
            Some(host) if SOCKET_DIRECTORIES.contains(&host) => "localhost",
            Some(host) => host,
            None => address.as_deref()?,
        };
        password_file::find(passwords, password_file::Wanted { host, port: self.port, database, user })
    }
}

/// The option that looks most like `unknown`, if any does.
fn nearest(unknown: &str) -> Option<&'static str> {
    let names = OPTIONS.iter().map(|(name, ..)| *name);
    let scored = names.map(|name| (strsim::damerau_levenshtein(unknown, name), name));
    scored.min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
