//! Where a search leads: an address to its page, a network to its alerts, all else to what can be written.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use maud::html;

use super::frame::{Place, Wrong, page_with};
use super::{Sight, text};
use crate::http::api::alerts::net;
use crate::http::api::parameters::Parameters;

/// Goes there.
pub async fn search(State(_): State<Sight>, uri: Uri) -> Result<Response, Wrong> {
    let given = Parameters::of(uri.query(), &["q"])?;
    let asked = given.text("q").unwrap_or_default().trim();
    match way(asked) {
        Some(way) => Ok((StatusCode::SEE_OTHER, [(LOCATION, way)]).into_response()),
        None => Ok(help(asked)),
    }
}

fn way(asked: &str) -> Option<String> {
    let net = asked.parse().ok().map(|address: IpAddr| IpNet::from(address)).or_else(|| net(asked))?;
    Some(if net.prefix_len() == net.max_prefix_len() {
        format!("/hosts/{}", text::encoded(&net.addr().to_string()))
    } else {
        format!("/alerts?subject={}", text::encoded(&net.to_string()))
    })
}

fn help(asked: &str) -> Response {
    page_with(
        StatusCode::OK,
        Place::Elsewhere,
        "Search",
        asked,
        &html! {
            h1 { "Search" }
            @if !asked.is_empty() { p { (text::name(asked)) " is neither an address nor a network." } }
            dl.times {
                div { dt { "An address" } dd { "192.0.2.1 or 2001:db8::1: its flows, its alerts, and what is usual of it" } }
                div { dt { "A network" } dd { "192.0.2.0/24: the alerts of all addresses in it" } }
            }
            p { "Alerts can also be looked for " a href="/alerts" { "by label, severity and state" } "." }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_leads_to_a_host_or_to_a_networks_alerts() {
        let check = |asked: &str, expected: Option<&str>| assert_eq!(way(asked).as_deref(), expected, "{asked}");
        check("192.0.2.1", Some("/hosts/192.0.2.1"));
        check("2001:DB8::1", Some("/hosts/2001:db8::1"));
        check("192.0.2.1/32", Some("/hosts/192.0.2.1"));
        check("192.0.2.0/24", Some("/alerts?subject=192.0.2.0%2F24"));
        check("2001:db8::/32", Some("/alerts?subject=2001:db8::%2F32"));
        check("", None);
        check("DDoS", None);
        check("192.0.2.0/33", None);
        check("<script>", None);
        check("//evil.example", None);
    }
}
