//! Where a server listens, if it does.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Value;

use super::setting::Setting;
use super::written::Written;

/// A socket address, or `off`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listen {
    /// No server.
    Off,
    /// On this address; port 0 takes any free port.
    On(SocketAddr),
}

impl Listen {
    pub(super) const fn loopback(port: u16) -> Self {
        Self::On(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("off"),
            Self::On(address) => address.fmt(out),
        }
    }
}

impl Setting for Listen {
    fn read(written: &Written) -> Result<Self, String> {
        match written.as_text() {
            Some("off") => Ok(Self::Off),
            Some(text) => text.parse().map(Self::On).map_err(|_| expected()),
            None => Err(expected()),
        }
    }

    fn shown(&self) -> Value {
        Value::String(self.to_string())
    }
}

fn expected() -> String {
    "write an IP address and a port, as in \"127.0.0.1:9477\" or \"[::1]:9477\", or \"off\"".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        let check = |text: &str, expected: Option<&str>| {
            let read = Listen::read(&Written::bare(text)).ok();
            assert_eq!(read.map(|listen| listen.to_string()).as_deref(), expected, "{text}");
        };
        check("127.0.0.1:9477", Some("127.0.0.1:9477"));
        check("[::1]:0", Some("[::1]:0"));
        check("off", Some("off"));
        check("9477", None);
        check("127.0.0.1", None);
        check("127.0.0.1:99999", None);
        check("localhost:9477", None);
        check("", None);
    }
}
