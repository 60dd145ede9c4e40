//! Who may ask what: changes need the token, and so do reads where others reach the port.
//!
//! A web page cannot make a browser change anything: it does not know the token, cannot send JSON to a foreign origin without
//! being asked for permission, which nobody here gives, and an `Origin` that is not ours is refused. The token is compared by
//! its digest, in a time that does not depend on what was sent.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// A shorter token could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// A larger file is none with a token.
const FILE_BYTES_MAX: u64 = 4096;

/// What `/api` is guarded by.
#[derive(Clone, Copy)]
pub(in crate::http) struct Access {
    /// Digest of the token.
    token: Option<[u8; 32]>,
    /// Whether reads need it too.
    reads: bool,
}

/// The token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("http.token_file = {path:?} {problem}")]
pub struct TokenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub problem: &'static str,
    /// What the operating system says.
    pub source: Option<std::io::Error>,
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Access(token: {}, reads: {})", self.token.is_some(), self.reads)
    }
}

impl Access {
    /// Reads the token.
    pub fn of(token_file: Option<&Path>, bound: SocketAddr) -> Result<Self, TokenError> {
        let token = token_file.map(token).transpose()?.map(|token| digest(&token));
        Ok(Self { token, reads: !bound.ip().is_loopback() })
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<Problem> {
        let changes = *method != Method::GET && *method != Method::HEAD;
        if changes && !is_own_origin(headers) {
            return Some(Problem::new(
                StatusCode::FORBIDDEN,
                "the Origin of this request is another site",
                "change things from a page of this server, or from a program that sends no Origin",
            ));
        }
        if changes || self.reads {
            let Some(token) = self.token else {
                return Some(Problem::new(
                    StatusCode::FORBIDDEN,
                    if changes {
                        "nothing can be changed over HTTP"
                    } else {
                        "others reach this port, and there is no token"
                    },
                    "set http.token_file to a file with a token of at least 16 characters, and send it as Authorization: Bearer",
                ));
            };
            if !bearer(headers).is_some_and(|given| are_equal(&digest(given), &token)) {
                return Some(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "the token is missing or wrong",
                    "send Authorization: Bearer with the token of http.token_file",
                ));
            }
        }
        (*method == Method::POST && !is_json(headers)).then(|| {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is not said to be JSON",
                "send Content-Type: application/json",
            )
        })
    }
}

/// Refuses what may not be asked.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.refusal(request.method(), request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn token(path: &Path) -> Result<String, TokenError> {
    let error = |problem, source| TokenError { path: path.to_owned(), problem, source };
    let size = std::fs::metadata(path).map_err(|source| error("cannot be read", Some(source)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(error("has more than 4096 bytes; write the token alone into it", None));
    }
    let text = std::fs::read_to_string(path).map_err(|source| error("cannot be read", Some(source)))?;
    let token = text.trim();
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    match token.chars().count() {
        count if count < TOKEN_CHARS_MIN => {
            Err(error("has a token of less than 16 characters; `openssl rand -hex 32` makes a good one", None))
        }
        _ if !is_plain => Err(error("has more than one token, or characters that a header cannot have", None)),
        _ => Ok(token.to_owned()),
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn are_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Browsers say from which site a request comes; programs say nothing.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    matches!((site, host), (Some(site), Some(host)) if site.eq_ignore_ascii_case(host))
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn access(token: Option<&str>, bound: &str) -> Access {
        Access { token: token.map(digest), reads: !bound.parse::<SocketAddr>().unwrap().ip().is_loopback() }
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn who_may_ask_what() {
        const TOKEN: &str = "0123456789abcdef";
        const OWN: [(&str, &str); 2] =
            [("authorization", "Bearer 0123456789abcdef"), ("content-type", "application/json")];
        let check = |access: Access, method: Method, lines: &[(&str, &str)], expected: Option<u16>| {
            let found =
                access.refusal(&method, &headers(lines)).map(|refusal| refusal.into_response().status().as_u16());
            assert_eq!(found, expected, "{access:?} {method} {lines:?}");
        };
        let (local, open) = (access(Some(TOKEN), "127.0.0.1:1"), access(Some(TOKEN), "0.0.0.0:1"));
        let (local_bare, open_bare) = (access(None, "[::1]:1"), access(None, "192.0.2.1:1"));
        check(local, Method::GET, &[], None);
        check(local_bare, Method::GET, &[], None);
        check(open, Method::GET, &[], Some(401));
        check(open_bare, Method::GET, &[], Some(403));
        check(open, Method::GET, &[("authorization", "bearer 0123456789abcdef")], None);
        check(open, Method::HEAD, &[("authorization", "Basic 0123456789abcdef")], Some(401));
        check(local, Method::POST, &OWN, None);
        check(local_bare, Method::POST, &OWN, Some(403));
        check(local, Method::POST, &[OWN[1]], Some(401));
        check(local, Method::POST, &[("authorization", "Bearer 0123456789abcdeF"), OWN[1]], Some(401));
        check(local, Method::POST, &[("authorization", "Bearer "), OWN[1]], Some(401));
        check(local, Method::POST, &[OWN[0]], Some(415));
        check(local, Method::POST, &[OWN[0], ("content-type", "text/plain")], Some(415));
        check(local, Method::POST, &[OWN[0], ("content-type", "application/json; charset=utf-8")], None);
        check(local, Method::DELETE, &[OWN[0]], None);
        let host = ("host", "localhost:9477");
        check(local, Method::DELETE, &[OWN[0], host, ("origin", "http://localhost:9477")], None);
        check(local, Method::DELETE, &[OWN[0], host, ("origin", "http://evil.example")], Some(403));
        check(local, Method::DELETE, &[OWN[0], host, ("origin", "http://localhost:9478")], Some(403));
        check(local, Method::DELETE, &[OWN[0], host, ("origin", "null")], Some(403));
        check(local, Method::DELETE, &[OWN[0], ("origin", "http://localhost:9477")], Some(403));
    }

    #[test]
    fn a_token_is_read_or_refused() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let found = token(file.path()).map_err(|error| error.problem);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        };
        check("0123456789abcdef\n", Ok("0123456789abcdef"));
        check("0123456789abcde\n", Err("less than 16"));
        check("", Err("less than 16"));
        check("0123456789abcdef\n0123456789abcdef\n", Err("more than one token"));
        check(&"a".repeat(5000), Err("more than 4096"));
        assert!(token(Path::new("/nowhere/token")).unwrap_err().source.is_some());
    }
}
