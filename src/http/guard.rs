//! What every request must pass, and what every answer carries.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::problem::Problem;
use crate::config::Bytes;

/// What a request is held against.
#[derive(Clone, Copy)]
pub(super) struct Guard {
    /// Where the server listens.
    pub bound: SocketAddr,
    /// The largest body.
    pub body_max: Bytes,
}

impl Guard {
    fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<(StatusCode, &'static str, &'static str)> {
        if self.bound.ip().is_loopback() && !names_loopback(uri, headers) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "this server answers for loopback names only, as localhost",
                "name it localhost or by a loopback address",
            ));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        (length > Some(self.body_max.get())).then_some((
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
            "send less, or raise http.body_max",
        ))
    }
}

/// Refuses what does not pass, and makes every answer safe to show in a browser.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(request.uri(), request.headers()) {
        Some((status, error, remedy)) if request.uri().path().starts_with("/api/") => {
            Problem::new(status, error, remedy).into_response()
        }
        Some((status, error, _)) => (status, format!("{error}\n")).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether all that says which host is meant names this machine from within.
fn names_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    hosts.next().is_none() && host.is_some_and(is_loopback) && uri.host().is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let check = |host: &str, expected: bool| assert_eq!(is_loopback(host), expected, "{host}");
        check("localhost", true);
        check("LocalHost:9477", true);
        check("127.0.0.1:9477", true);
        check("127.1.2.3", true);
        check("[::1]:9477", true);
        check("[::1]", true);
        check("evil.example", false);
        check("evil.example:9477", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example", false);
        check("127.0.0.1@evil.example", false);
        check("192.0.2.1", false);
        check("0.0.0.0", false);
        check("", false);
        check(":9477", false);
    }
}
