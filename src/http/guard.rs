//! What every request must pass, and what every answer carries.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::access::{self, Access};
use super::api::problem::Problem;
use super::hosts::Hosts;
use crate::config::{Bytes, Http};

/// What a page may do: what it is made of and what it asks comes from here, all of it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                           form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// What anything else may do, were a browser to take it for a page.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
/// Nothing that a browser could be asked for is needed.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What a request is held against.
#[derive(Clone)]
pub(super) struct Guard {
    hosts: Hosts,
    body_max: Bytes,
    body_time: Duration,
}

impl Guard {
    /// For a server that listens there, and waits so long for a body.
    pub fn of(settings: &Http, bound: SocketAddr, body_time: Duration) -> Self {
        Self { hosts: Hosts::of(bound, &settings.names), body_max: settings.body_max, body_time }
    }

    /// The largest body.
    pub fn body_max(&self) -> Bytes {
        self.body_max
    }

    /// Puts everything behind a router's pages under guard: first the host is looked at, then who asks, then the body
    /// is waited for.
    pub fn around(self, router: Router, access: Access) -> Router {
        router
            .layer(from_fn_with_state(self.clone(), take_body))
            .layer(from_fn_with_state(access, access::check))
            .layer(from_fn_with_state(self, guard))
    }

    fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        self.hosts.refusal(uri, headers).or_else(|| (length > Some(self.body_max.get())).then(too_large))
    }

    /// The whole body, or why it is not waited for any longer.
    async fn body(&self, body: Body) -> Result<Body, Problem> {
        let bytes_max = usize::try_from(self.body_max.get()).unwrap_or(usize::MAX);
        match timeout(self.body_time, Limited::new(body, bytes_max).collect()).await {
            Ok(Ok(body)) => Ok(Body::from(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Problem::request(format!("the body did not come: {error}"), "send it again")),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not come within {:?}", self.body_time),
                "send it faster",
            )),
        }
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", "send less, or raise http.body_max")
}

/// Refuses what does not pass, and makes every answer safe to show in a browser.
async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(request.uri(), request.headers()) {
        Some(refusal) => access::refused(request.uri(), refusal),
        None => next.run(request).await,
    };
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|of| of.as_bytes().starts_with(b"text/html"));
    // With `no-referrer` browsers would not say either from which origin a form comes.
    let (policy, referrer) = if is_page { (PAGE_POLICY, "same-origin") } else { (POLICY, "no-referrer") };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, referrer),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
        (PERMISSIONS_POLICY, PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Hands on what comes with a request only once it is there.
async fn take_body(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await; // nobody reads it
    }
    let (head, body) = request.into_parts();
    match guard.body(body).await {
        Ok(body) => next.run(Request::from_parts(head, body)).await,
        Err(problem) => {
            let mut response = access::refused(&head.uri, problem);
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}
