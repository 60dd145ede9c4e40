use std::time::Duration;

use super::*;

const TOKEN: &str = "0123456789abcdef";
const BEARER: (&str, &str) = ("authorization", "Bearer 0123456789abcdef");
const JSON: (&str, &str) = ("content-type", "application/json");
const HOST_LINE: (&str, &str) = ("host", "localhost:9477");

fn access(token: Option<&str>, bound: &str) -> Access {
    Access { token: token.map(Token::of), reads: !bound.parse::<SocketAddr>().unwrap().ip().is_loopback() }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

#[track_caller]
fn check(access: Access, path: &str, method: &Method, lines: &[(&str, &str)], expected: Option<u16>) {
    let found = access.refusal(Area::of(path), method, &headers(lines)).map(|refusal| refusal.status().as_u16());
    assert_eq!(found, expected, "{access:?} {method} {path} {lines:?}");
}

#[test]
fn changes_need_the_token_and_reads_from_elsewhere_too() {
    let (local, open) = (access(Some(TOKEN), "127.0.0.1:1"), access(Some(TOKEN), "0.0.0.0:1"));
    let (local_bare, open_bare) = (access(None, "[::1]:1"), access(None, "192.0.2.1:1"));
    for path in ["/api/alerts", "/api", "/", "/alerts", "/events", "/no/such", "/assets", "/healthz/x", "//metrics"] {
        check(local, path, &Method::GET, &[], None);
        check(local_bare, path, &Method::GET, &[], None);
        check(open, path, &Method::GET, &[], Some(401));
        check(open_bare, path, &Method::GET, &[], Some(403));
        check(open, path, &Method::GET, &[("authorization", "bearer 0123456789abcdef")], None);
        check(open, path, &Method::HEAD, &[("authorization", "Basic 0123456789abcdef")], Some(401));
        check(local, path, &Method::POST, &[BEARER, JSON], None);
        check(local, path, &Method::DELETE, &[BEARER], None);
        check(local_bare, path, &Method::POST, &[BEARER, JSON], Some(403));
        check(local, path, &Method::POST, &[JSON], Some(401));
        check(local, path, &Method::POST, &[("authorization", "Bearer 0123456789abcdeF"), JSON], Some(401));
        check(local, path, &Method::POST, &[("authorization", "Bearer "), JSON], Some(401));
    }
    for path in ["/metrics", "/healthz", "/readyz", "/assets/page.css", "/sign-in"] {
        check(open, path, &Method::GET, &[], None);
        check(open_bare, path, &Method::GET, &[], None);
    }
    check(open, "/metrics", &Method::POST, &[], Some(401));
    check(open, "/sign-in", &Method::POST, &[], None);
    check(local, "/api/exceptions", &Method::POST, &[BEARER], Some(415));
    check(local, "/api/exceptions", &Method::POST, &[BEARER, ("content-type", "text/plain")], Some(415));
    check(local, "/api/x", &Method::POST, &[BEARER, ("content-type", "application/json; charset=utf-8")], None);
}

#[test]
fn other_sites_change_nothing() {
    let local = access(Some(TOKEN), "127.0.0.1:1");
    for path in ["/api/exceptions/1", "/sign-in", "/sign-out", "/metrics", "/"] {
        let check = |lines: &[(&str, &str)], expected: Option<u16>| {
            let lines: Vec<_> = lines.iter().copied().chain([BEARER, HOST_LINE, JSON]).collect();
            check(local, path, &Method::DELETE, &lines, expected);
            check(local, path, &Method::POST, &lines, expected);
        };
        check(&[("origin", "http://localhost:9477")], None);
        check(&[("origin", "http://evil.example")], Some(403));
        check(&[("origin", "http://localhost:9478")], Some(403));
        check(&[("origin", "null")], Some(403));
        check(&[("sec-fetch-site", "same-origin")], None);
        check(&[("sec-fetch-site", "none")], None);
        check(&[("sec-fetch-site", "same-site")], Some(403));
        check(&[("sec-fetch-site", "cross-site")], Some(403));
        check(&[("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")], Some(403));
    }
    check(local, "/api/x", &Method::DELETE, &[BEARER, ("origin", "http://localhost:9477")], Some(403));
}

#[test]
fn a_pass_reads_and_changes_nothing() {
    let open = access(Some(TOKEN), "0.0.0.0:1");
    let of = |token: &str, now: Duration| format!("flowsentry={}", pass::made(Token::of(token), now));
    let (held, foreign) = (of(TOKEN, clock::since_epoch()), of("0123456789abcdeF", clock::since_epoch()));
    let old = of(TOKEN, clock::since_epoch().saturating_sub(Duration::from_hours(13)));
    for path in ["/", "/api/alerts", "/events"] {
        check(open, path, &Method::GET, &[("cookie", &held)], None);
        check(open, path, &Method::HEAD, &[("cookie", &held)], None);
        check(open, path, &Method::POST, &[("cookie", &held), JSON], Some(401));
        check(open, path, &Method::DELETE, &[("cookie", &held)], Some(401));
        check(open, path, &Method::GET, &[("cookie", &foreign)], Some(401));
        check(open, path, &Method::GET, &[("cookie", &old)], Some(401));
    }
    check(access(None, "0.0.0.0:1"), "/", &Method::GET, &[("cookie", &held)], Some(403));
}
