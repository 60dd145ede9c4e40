//! Who may ask what: changes need the token, and so do reads where others reach the port.
//!
//! A page of another site cannot make a browser change anything: it does not know the token, cannot send JSON to a foreign
//! origin without being asked for permission, which nobody here gives, and a request that a browser says comes from another
//! site is refused. A browser that has signed in (`sign_in`) may read, and nothing else. All that is not listed here as open
//! is guarded, so that a new page cannot be forgotten.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::problem::Problem;
use super::sign_in::{self, pass};
use super::token::{Token, TokenError};
use crate::telemetry::clock;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What requests are guarded by.
#[derive(Clone, Copy)]
pub(super) struct Access {
    token: Option<Token>,
    /// Whether reads need it too.
    reads: bool,
}

/// What a path belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
    /// Metrics, health, and what pages are made of: anybody may read.
    Open,
    /// Where the token is asked for.
    SignIn,
    /// For programs.
    Api,
    /// For people.
    Page,
}

impl Area {
    fn of(path: &str) -> Self {
        match path {
            "/healthz" | "/readyz" | "/metrics" => Self::Open,
            "/sign-in" | "/sign-out" => Self::SignIn,
            "/api" => Self::Api,
            _ if path.starts_with("/assets/") => Self::Open,
            _ if path.starts_with("/api/") => Self::Api,
            _ => Self::Page,
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Access(token: {}, reads: {})", self.token.is_some(), self.reads)
    }
}

impl Access {
    /// Reads the token.
    pub fn of(token_file: Option<&Path>, bound: SocketAddr) -> Result<Self, TokenError> {
        Ok(Self { token: token_file.map(Token::of_file).transpose()?, reads: !bound.ip().is_loopback() })
    }

    /// The token, if there is one.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    fn refusal(&self, area: Area, method: &Method, headers: &HeaderMap) -> Option<Problem> {
        let changes = *method != Method::GET && *method != Method::HEAD;
        if changes && !(is_own_origin(headers) && is_own_site(headers)) {
            return Some(Problem::new(
                StatusCode::FORBIDDEN,
                "this request comes from another site",
                "change things from a page of this server, or from a program that sends no Origin",
            ));
        }
        let is_guarded = match area {
            Area::SignIn => false,
            Area::Open => changes,
            Area::Api | Area::Page => changes || self.reads,
        };
        if is_guarded {
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
            let has_token = bearer(headers).is_some_and(|given| token.is(given));
            let has_pass = || !changes && pass::is_held(headers, token, clock::since_epoch());
            if !has_token && !has_pass() {
                return Some(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "the token is missing or wrong",
                    "send Authorization: Bearer with the token of http.token_file",
                ));
            }
        }
        (area == Area::Api && *method == Method::POST && !is_json(headers)).then(|| {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is not said to be JSON",
                "send Content-Type: application/json",
            )
        })
    }
}

/// Refuses what may not be asked; people are sent to where they can say who they are.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    let Some(refusal) = access.refusal(area, request.method(), request.headers()) else {
        return next.run(request).await;
    };
    let is_unknown_browser = area == Area::Page
        && request.method() == Method::GET
        && refusal.status() == StatusCode::UNAUTHORIZED
        && wants_html(request.headers());
    match area {
        _ if is_unknown_browser => sign_in::redirect(request.uri()),
        Area::Api => refusal.into_response(),
        Area::Open | Area::SignIn | Area::Page => refusal.into_text(),
    }
}

/// How requests to this path are refused: programs are told in JSON.
pub(super) fn refused(uri: &Uri, problem: Problem) -> Response {
    if Area::of(uri.path()) == Area::Api { problem.into_response() } else { problem.into_text() }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Browsers say from which origin a request comes; programs say nothing.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    matches!((site, host), (Some(site), Some(host)) if site.eq_ignore_ascii_case(host))
}

/// What browsers say beside that, of the page that asks. `none`: a person asked, by no page.
fn is_own_site(headers: &HeaderMap) -> bool {
    headers.get_all(SEC_FETCH_SITE).iter().all(|site| site == "same-origin" || site == "none")
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests;
