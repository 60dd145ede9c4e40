//! What commands ask of a running service over HTTP, bounded in time and memory.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{Http, Listen};
use crate::exit::{Exit, Failure};
use crate::tell::{Client, TellError};
use crate::terminal::{Evidence, Overview, safe};

/// Octets of an answer: 50 alerts whose texts are as long as texts are taken need less.
const ANSWER_MAX: usize = 32 * 1024 * 1024;
/// Octets of an answer about health: a few reasons in words.
const OPEN_ANSWER_MAX: usize = 64 * 1024;
/// A larger file is none with a token.
const TOKEN_FILE_MAX: u64 = 4096;
/// Columns of what others say in an error.
const SAID_MAX: usize = 200;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody is there, or too slow.
    #[error(transparent)]
    Silent(#[from] TellError),
    /// It refuses.
    #[error("it answered {status}{said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says, with a colon before it.
        said: String,
    },
    /// Something else answers there.
    #[error("its answer is not one of flowsentry: {reason}")]
    Foreign {
        /// What is wrong with it.
        reason: String,
    },
}

/// What the client says before it says what happened.
const NOISE: [&str; 2] = ["client error (Connect): ", "tcp connect error: "];

impl AskError {
    /// In a few words, for a line beside the address.
    pub fn brief(&self) -> String {
        match self {
            Self::Silent(TellError::Unreachable { reason }) => NOISE
                .iter()
                .fold(reason.as_str(), |reason, noise| reason.strip_prefix(noise).unwrap_or(reason))
                .to_owned(),
            other => other.to_string(),
        }
    }

    /// For a command that ends by it.
    pub fn failure(self, asker: &Asker) -> Failure {
        let (exit, hint) = match &self {
            Self::Silent(_) => (
                Exit::Unavailable,
                "is `flowsentry run` running? `http.listen` of its settings says where it answers; --url names another place"
                    .to_owned(),
            ),
            Self::Refused { status: 401 | 403, .. } => (Exit::Permission, asker.token_hint()),
            Self::Refused { status: 404, .. } | Self::Foreign { .. } => (
                Exit::Configuration,
                "is it a flowsentry that is as new as this one? --url names another place".to_owned(),
            ),
            Self::Refused { .. } => (Exit::Unavailable, "its log says more".to_owned()),
        };
        let what = Asked { address: asker.address(), source: self };
        Failure::new(exit, what).hint(hint)
    }
}

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the service at {address}")]
struct Asked {
    address: String,
    source: AskError,
}

/// Asks one service.
#[derive(Clone)]
pub(super) struct Asker {
    client: Client,
    /// Without a slash at its end.
    base: String,
    token: Result<Option<String>, String>,
}

impl Asker {
    /// The service that these settings make, or the one at `url`; an answer may take as long as `limit`.
    pub fn of(http: &Http, url: Option<Uri>, limit: Duration) -> Result<Self, Failure> {
        let address = match url {
            Some(url) => url,
            None => address(http.listen)?,
        };
        let client = Client::new(&address, limit).map_err(|error| {
            Failure::new(Exit::Configuration, error).hint("the certificates of this system are needed for https")
        })?;
        let token = http.token_file.as_deref().map(token).transpose();
        Ok(Self { client, base: address.to_string().trim_end_matches('/').to_owned(), token })
    }

    /// Where it is.
    pub fn address(&self) -> String {
        self.base.clone()
    }

    /// What is going on.
    pub async fn overview(&self) -> Result<Overview, AskError> {
        self.ask("/api/overview").await
    }

    /// What is known of an alert.
    pub async fn evidence(&self, id: i64) -> Result<Evidence, AskError> {
        self.ask(&format!("/api/alerts/{id}")).await
    }

    /// Status and body of what anybody may ask, so no token is sent.
    pub async fn open(&self, path: &str) -> Result<(u16, Bytes), AskError> {
        Ok(self.client.get(&self.to(path)?, &[], OPEN_ANSWER_MAX).await?)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let bearer = self.token.iter().flatten().map(|token| ("authorization", format!("Bearer {token}")));
        let headers: Vec<(&str, String)> = bearer.collect();
        let (status, body) = self.client.get(&self.to(path)?, &headers, ANSWER_MAX).await?;
        if status == 200 {
            return serde_json::from_slice(&body).map_err(|error| foreign(&error));
        }
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        let said = problem.as_ref().and_then(|problem| problem["error"].as_str());
        Err(AskError::Refused {
            status,
            said: said.map(|said| format!(": {}", safe(said, SAID_MAX))).unwrap_or_default(),
        })
    }

    fn to(&self, path: &str) -> Result<Uri, AskError> {
        format!("{}{path}", self.base).parse().map_err(|error| foreign(&error))
    }

    fn token_hint(&self) -> String {
        match &self.token {
            Err(why) => format!("the token was not sent: {why}"),
            Ok(None) => "set http.token_file to the file with the service's token".to_owned(),
            Ok(Some(_)) => "the token of http.token_file is not the service's".to_owned(),
        }
    }
}

fn foreign(error: &dyn std::fmt::Display) -> AskError {
    AskError::Foreign { reason: safe(&error.to_string(), SAID_MAX) }
}

/// Parses where a service is, for the command line.
pub(super) fn url(text: &str) -> Result<Uri, String> {
    let is_usable = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
    text.parse().ok().filter(is_usable).ok_or_else(|| "write http://127.0.0.1:9477".to_owned())
}

/// Where a service with this setting answers on its own machine.
fn address(listen: Listen) -> Result<Uri, Failure> {
    let unknown = |error: &str, hint: &str| Failure::new(Exit::Configuration, error.to_owned()).hint(hint);
    let Listen::On(bound) = listen else {
        return Err(unknown(
            "http.listen = off: the service answers nobody",
            "set it to \"127.0.0.1:9477\", or name another place by --url",
        ));
    };
    if bound.port() == 0 {
        return Err(unknown("http.listen takes any free port", "the service's log says which; name it by --url"));
    }
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port())).parse().map_err(|error| Failure::new(Exit::Bug, error))
}

/// The token, or why there is none: reads on loopback need none, so that is no failure yet.
fn token(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(TOKEN_FILE_MAX).read_to_string(&mut text));
    read.map_err(|error| format!("http.token_file = {} cannot be read: {error}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("http.token_file = {} has no token, or more than one", path.display()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_service_is_asked_where_it_listens() {
        let check = |listen: &str, expected: Option<&str>| {
            let listen = if listen == "off" { Listen::Off } else { Listen::On(listen.parse().unwrap()) };
            assert_eq!(address(listen).ok().map(|uri| uri.to_string()).as_deref(), expected, "{listen}");
        };
        check("127.0.0.1:9477", Some("http://127.0.0.1:9477/"));
        check("192.0.2.1:80", Some("http://192.0.2.1:80/"));
        check("0.0.0.0:9477", Some("http://127.0.0.1:9477/"));
        check("[::]:9477", Some("http://[::1]:9477/"));
        check("127.0.0.1:0", None);
        check("off", None);
    }

    #[test]
    fn an_address_is_one_of_http() {
        let check = |text: &str, is_usable: bool| assert_eq!(url(text).is_ok(), is_usable, "{text}");
        check("http://127.0.0.1:9477", true);
        check("https://flowsentry.example/behind/", true);
        check("127.0.0.1:9477", false);
        check("localhost", false);
        check("ftp://x", false);
        check("http://x/?a=b", false);
        check("", false);
    }

    #[test]
    fn a_token_that_no_header_can_have_is_not_sent() {
        let check = |text: &[u8], expected: Option<&str>| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text).unwrap();
            assert_eq!(token(file.path()).ok().as_deref(), expected);
        };
        check(b"0123456789abcdef\n", Some("0123456789abcdef"));
        check(b"a b", None);
        check(b"a\nb", None);
        check(b"\n", None);
        check(b"\xff\xfe", None);
        assert!(token(Path::new("/nowhere")).unwrap_err().contains("/nowhere"));
    }
}
