//! `/sign-in`: where others reach the port, a person shows the token once, and the browser may read for twelve hours.
//!
//! Works without script. What it gives is a pass for reading alone; each change needs the token again. Wrong tokens are
//! answered slowly, few a minute, and never logged.

mod attempts;
pub(super) mod pass;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{DOCTYPE, html};
use tokio::time::sleep;
use tracing::warn;

use super::access::Access;
use super::api::parameters::decoded;
use crate::telemetry::clock;
use attempts::Attempts;

/// A larger form is none with a token.
const FORM_BYTES_MAX: usize = 8 * 1024;
/// A longer path is none of ours.
const PATH_BYTES_MAX: usize = 2000;
/// How long a wrong token waits for its answer.
const PAUSE: Duration = Duration::from_millis(500);

/// From where a request comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

#[derive(Clone)]
struct SignIn {
    access: Access,
    attempts: Attempts,
}

/// The pages where one signs in and out.
pub(super) fn router(access: Access) -> Router {
    Router::new()
        .route("/sign-in", get(show).post(enter))
        .route("/sign-out", post(leave))
        .with_state(SignIn { access, attempts: Attempts::default() })
}

/// Sends a browser here, and back to where it wanted to go.
pub(super) fn redirect(wanted: &Uri) -> Response {
    let then = wanted.path_and_query().map_or("/", |path| path.as_str());
    see_other(&if then == "/" { "/sign-in".to_owned() } else { format!("/sign-in?then={}", encoded(then)) })
}

async fn show(State(SignIn { access, .. }): State<SignIn>, uri: Uri, headers: HeaderMap) -> Response {
    let then = uri.query().and_then(|query| value(query, "then"));
    let is_in = access.token().is_some_and(|token| pass::is_held(&headers, token, clock::since_epoch()));
    page(access, then.as_deref().map_or("/", local), is_in, None).into_response()
}

async fn enter(
    State(SignIn { access, attempts }): State<SignIn>,
    Extension(Peer(peer)): Extension<Peer>,
    form: Bytes,
) -> Response {
    let form = match std::str::from_utf8(&form) {
        Ok(form) if form.len() <= FORM_BYTES_MAX => form,
        Ok(_) => return (StatusCode::PAYLOAD_TOO_LARGE, "the form is too large\n").into_response(),
        Err(_) => return (StatusCode::BAD_REQUEST, "the form is not UTF-8\n").into_response(),
    };
    let then = value(form, "then");
    let then = then.as_deref().map_or("/", local);
    let Some(token) = access.token() else {
        return (StatusCode::FORBIDDEN, page(access, then, false, None)).into_response();
    };
    let now = clock::now();
    if let Err(wait) = attempts.begin(now) {
        let seconds = wait.as_secs().saturating_add(1);
        let problem = format!("Too many wrong tokens of late. Try again in {seconds} seconds.");
        let answer = page(access, then, false, Some(&problem));
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], answer).into_response();
    }
    if !value(form, "token").is_some_and(|given| token.is(given.trim())) {
        warn!(%peer, "a sign-in with a wrong token was refused");
        sleep(PAUSE).await;
        let problem = "This is not the token.";
        return (StatusCode::FORBIDDEN, page(access, then, false, Some(problem))).into_response();
    }
    attempts.forgive(now);
    with_cookie(see_other(then), &pass::given(&pass::made(token, clock::since_epoch())))
}

async fn leave() -> Response {
    with_cookie(see_other("/sign-in"), &pass::taken())
}

fn page(access: Access, then: &str, is_in: bool, problem: Option<&str>) -> Html<String> {
    let page = html! {
    (DOCTYPE)
    html lang="en" {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { "Sign in – flowsentry" }
            link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href="/assets/page.css";
        }
        body {
            main id="main" {
                h1 { "flowsentry" }
                @if let Some(problem) = problem { p role="alert" { (problem) } }
                @if is_in {
                    p { "You are signed in. " a href=(then) { "Go on" } }
                    form method="post" action="/sign-out" { button { "Sign out" } }
                } @else if access.token().is_none() {
                    p { "There is no token to sign in with. Set " code { "http.token_file" } " to a file with one." }
                } @else {
                    form method="post" action="/sign-in" id="sign-in" {
                        label for="token" { "Token" }
                        input id="token" name="token" type="password" required autofocus
                            autocomplete="current-password";
                        input type="hidden" name="then" value=(then);
                        button { "Sign in" }
                    }
                    p { "The token is in the file that " code { "http.token_file" } " names. This browser may then read for \
                         12 hours; a change asks for the token again." }
                    // A browser that comes by a link of another site does not show its pass; from here it does.
                    p { a href=(then) { "I have signed in already" } }
                }
            }
        }
    }
    };
    Html(page.into_string())
}

/// A path of this server, or `/`: whoever makes a link to us must not decide where a person ends up.
fn local(path: &str) -> &str {
    let is_plain = path.len() <= PATH_BYTES_MAX && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_local = path.starts_with('/') && !path.starts_with("//");
    if is_plain && is_local { path } else { "/" }
}

fn value(form: &str, name: &str) -> Option<String> {
    let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).and_then(|(_, value)| decoded(value))
}

fn encoded(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(octet).collect()
}

fn see_other(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_to_paths_of_this_server_only() {
        let check = |path: &str, expected: &str| assert_eq!(local(path), expected, "{path:?}");
        check("/alerts?state=open", "/alerts?state=open");
        check("/", "/");
        check("", "/");
        check("//evil.example", "/");
        check("/\\evil.example", "/");
        check("\\\\evil.example", "/");
        check("https://evil.example", "/");
        check("evil.example", "/");
        check("/\t/evil.example", "/");
        check("/a\r\nSet-Cookie: b=c", "/");
        check("/ä", "/");
        check(&format!("/{}", "a".repeat(2000)), "/");
    }

    #[test]
    fn where_one_wanted_to_go_is_kept() {
        let check = |wanted: &str, expected: &str| {
            let response = redirect(&wanted.parse().unwrap());
            assert_eq!(response.headers()[LOCATION], expected, "{wanted}");
            let query = expected.split_once('?').map(|(_, query)| query);
            assert_eq!(query.and_then(|query| value(query, "then")).as_deref().unwrap_or("/"), wanted);
        };
        check("/", "/sign-in");
        check("/alerts/7", "/sign-in?then=/alerts/7");
        check(
            "/alerts?subject=10.0.0.0%2F8&label=a+b",
            "/sign-in?then=/alerts%3Fsubject%3D10.0.0.0%252F8%26label%3Da%2Bb",
        );
    }
}
