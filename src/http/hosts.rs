//! To which names requests may be addressed: a web page elsewhere can point a name of its own at this machine and have a
//! browser send requests there (DNS rebinding), but only under that name.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::api::problem::Problem;
use crate::config::HostNames;

/// The names that are ours.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// Those of this machine from within: the server listens on loopback.
    Loopback,
    /// Also its addresses, whichever they are, and these.
    Elsewhere(HostNames),
}

impl Hosts {
    pub fn of(bound: SocketAddr, names: &HostNames) -> Self {
        if bound.ip().is_loopback() { Self::Loopback } else { Self::Elsewhere(names.clone()) }
    }

    /// Why a request is not for us: all that says which host is meant must name us.
    pub fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let is_ours = hosts.next().is_none()
            && host.is_some_and(|host| self.have(host))
            && uri.host().is_none_or(|host| self.have(host));
        if is_ours {
            return None;
        }
        let (error, remedy) = match self {
            Self::Loopback => (
                "this server answers for loopback names only, as localhost",
                "name it localhost or by a loopback address",
            ),
            Self::Elsewhere(_) => (
                "this server does not answer for the name in Host",
                "name it by its IP address, or list the name in http.names",
            ),
        };
        Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, error, remedy))
    }

    fn have(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') && port.chars().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let address = address.parse::<IpAddr>().ok();
        let is_loopback =
            name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
        match self {
            Self::Loopback => is_loopback,
            Self::Elsewhere(names) => {
                is_loopback || address.is_some() || names.contains(name.strip_suffix('.').unwrap_or(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let check = |host: &str, within: bool, elsewhere: bool| {
            let bound = "0.0.0.0:9477".parse().unwrap();
            assert_eq!(Hosts::Loopback.have(host), within, "{host}");
            assert_eq!(Hosts::of(bound, &HostNames::from_iter(["soc.example"])).have(host), elsewhere, "{host}");
        };
        check("localhost", true, true);
        check("LocalHost:9477", true, true);
        check("127.0.0.1:9477", true, true);
        check("127.1.2.3", true, true);
        check("[::1]:9477", true, true);
        check("[::1]", true, true);
        check("192.0.2.1", false, true);
        check("192.0.2.1:9477", false, true);
        check("[2001:db8::1]:9477", false, true);
        check("0.0.0.0", false, true);
        check("soc.example", false, true);
        check("SOC.example.:9477", false, true);
        check("a.soc.example", false, false);
        check("evil.example", false, false);
        check("evil.example:9477", false, false);
        check("localhost.evil.example", false, false);
        check("127.0.0.1.evil.example", false, false);
        check("127.0.0.1@evil.example", false, false);
        check("", false, false);
        check(":9477", false, false);
    }
}
