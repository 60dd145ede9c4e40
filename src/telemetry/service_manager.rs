//! What systemd is told, and whoever speaks its protocol: a datagram of lines to the socket that `NOTIFY_SOCKET` names.
//! Without one nothing happens.
//!
//! Sending never waits: a manager that does not take its mail must not hold the service up. A datagram that is lost is made
//! up for by the next one.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::config::Environment;

/// The service manager that started this process, if one did.
#[derive(Debug)]
pub struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As the environment names it.
    pub fn of(environment: &Environment) -> Self {
        let to = environment.get("NOTIFY_SOCKET").and_then(|name| match reach(name) {
            Ok(to) => Some(to),
            Err(error) => {
                tracing::warn!(%error, name, "the service manager's socket (NOTIFY_SOCKET) cannot be used");
                None
            }
        });
        let watchdog = to.as_ref().and_then(|_| watchdog(environment, std::process::id()));
        Self { to, watchdog }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.to.is_some()
    }

    /// The watchdog wants to hear of us at least as often.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it these lines, if there are any.
    pub fn tell(&self, lines: &str) {
        let Some((socket, address)) = self.to.as_ref().filter(|_| !lines.is_empty()) else { return };
        if let Err(error) = socket.send_to_addr(lines.as_bytes(), address) {
            tracing::debug!(%error, lines, "the service manager was not told");
        }
    }
}

fn reach(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(OsStr::new(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// `WATCHDOG_USEC`, unless `WATCHDOG_PID` names another process.
fn watchdog(environment: &Environment, process: u32) -> Option<Duration> {
    let number = |name: &str| environment.get(name).and_then(|text| text.trim().parse::<u64>().ok());
    let is_other = number("WATCHDOG_PID").is_some_and(|id| id != u64::from(process));
    let span = number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(Duration::from_micros);
    span.filter(|_| !is_other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_watchdog_is_for_us_only_if_it_says_so() {
        let check = |variables: &[(&str, &str)], expected: Option<u64>| {
            assert_eq!(watchdog(&environment(variables), 7), expected.map(Duration::from_micros), "{variables:?}");
        };
        check(&[], None);
        check(&[("WATCHDOG_USEC", "3000000")], Some(3_000_000));
        check(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "7")], Some(3_000_000));
        check(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "8")], None);
        check(&[("WATCHDOG_USEC", "0")], None);
        check(&[("WATCHDOG_USEC", "soon")], None);
    }

    #[test]
    fn it_is_told_over_its_socket_and_nothing_waits_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager_socket = UnixDatagram::bind(&path).unwrap();
        let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1000")];
        let manager = ServiceManager::of(&environment(&variables));
        assert!(manager.is_there());
        manager.tell("READY=1\n");
        let mut octets = [0; 64];
        let count = manager_socket.recv(&mut octets).unwrap();
        assert_eq!(&octets[..count], b"READY=1\n");
        // Far more than the socket holds, and nobody takes it.
        (0..10_000).for_each(|_| manager.tell("WATCHDOG=1\n"));

        assert!(!ServiceManager::of(&environment(&[("WATCHDOG_USEC", "1000")])).is_there());
        ServiceManager::of(&environment(&[])).tell("READY=1\n");
    }
}
