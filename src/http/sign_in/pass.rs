//! The cookie of a browser that has shown the token.
//!
//! It says until when it holds, sealed with the token: nothing is remembered here, and it is worth nothing once the
//! token is another one.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::http::token::Token;

/// How long a browser may read.
pub(in crate::http) const LIFE: Duration = Duration::from_hours(12);

const NAME: &str = "flowsentry";
const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Strict";

/// What is sealed: nothing else that the token seals begins like this.
fn sealed_text(expiry: &str) -> String {
    format!("reads until {expiry}")
}

/// A pass from this time on, since 1970.
pub(in crate::http) fn made(token: Token, now: Duration) -> String {
    let expiry = now.saturating_add(LIFE).as_secs().to_string();
    let seal = token.seal(&sealed_text(&expiry));
    format!("{expiry}.{seal}")
}

/// Whether a request brings a pass that holds.
pub(in crate::http) fn is_held(headers: &HeaderMap, token: Token, now: Duration) -> bool {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.any(|(name, pass)| name == NAME && holds(pass, token, now))
}

fn holds(pass: &str, token: Token, now: Duration) -> bool {
    let Some((expiry, seal)) = pass.split_once('.') else { return false };
    let is_to_come = expiry.parse::<u64>().is_ok_and(|expiry| now.as_secs() < expiry);
    is_to_come && token.has_sealed(&sealed_text(expiry), seal)
}

/// The line that gives a browser a pass. Not `Secure`: whether there is TLS in front of this server is unknown here.
pub(super) fn given(pass: &str) -> String {
    format!("{NAME}={pass}; Max-Age={}; {ATTRIBUTES}", LIFE.as_secs())
}

/// The line that takes it away.
pub(super) fn taken() -> String {
    format!("{NAME}=; Max-Age=0; {ATTRIBUTES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_holds_for_its_time_and_its_token() {
        let (token, other) = (Token::of("0123456789abcdef"), Token::of("fedcba9876543210"));
        let now = Duration::from_hours(500_000);
        let pass = made(token, now);
        let check = |cookie: &str, token: Token, later: Duration, expected: bool| {
            let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
            assert_eq!(is_held(&headers, token, now + later), expected, "{cookie} {later:?}");
        };
        let named = format!("flowsentry={pass}");
        check(&named, token, Duration::ZERO, true);
        check(&format!("a=b; flowsentry=old; {named}; c"), token, Duration::ZERO, true);
        check(&named, token, LIFE.saturating_sub(Duration::from_secs(1)), true);
        check(&named, token, LIFE, false);
        check(&named, other, Duration::ZERO, false);
        check(&pass, token, Duration::ZERO, false);
        check(&named.replacen("=1", "=2", 1), token, Duration::ZERO, false);
        check(&named.replacen("=1", "=+1", 1), token, Duration::ZERO, false);
        check("flowsentry=", token, Duration::ZERO, false);
        check("flowsentry=.", token, Duration::ZERO, false);
        check("flowsentry=9999999999.", token, Duration::ZERO, false);
    }
}
