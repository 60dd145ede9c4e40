//! An alert in words: who does what to whom, and why we think so.

use maud::{Markup, html};
use serde_json::Value;

use super::{advice, hue, text, words};
use crate::flow::time::EventTime;
use crate::http::api::alerts::Alert;

/// Reasons that are told, at most.
const REASONS_MAX: usize = 8;

/// One reason of the model.
pub struct Reason<'a> {
    /// For people.
    pub sentence: &'a str,
    /// Of all that speaks for the verdict, 0 to 1.
    pub share: Option<f64>,
}

/// Who does what to whom.
pub fn headline(alert: &Alert) -> Markup {
    let peers = words::of(alert.peers, "host", "hosts");
    let only = alert.peer_sample.first().filter(|_| alert.peers == 1);
    html! {
        @match (alert.subject_kind.as_str(), only) {
            ("victim", Some(only)) => { (text::name(&alert.subject)) " is attacked by " (text::name(only)) }
            ("victim", None) => { (text::name(&alert.subject)) " is attacked by " (peers) }
            ("identity", _) => { "Several devices claim to be " (text::name(&alert.subject)) }
            (_, Some(only)) => { (text::name(&alert.subject)) " attacks " (text::name(only)) }
            (_, None) => { (text::name(&alert.subject)) " attacks " (peers) }
        }
    }
}

/// Its label, in its colour.
pub fn label(label: &str) -> Markup {
    html! { span.label { span class=(format!("swatch {}", hue::class(label))) aria-hidden="true" {} (text::name(label)) } }
}

/// How urgent it is.
pub fn severity(severity: &str) -> Markup {
    let class = match severity {
        "critical" | "high" | "medium" | "low" => format!("severity {severity}"),
        _ => "severity".to_owned(),
    };
    html! { span class=(class) { (text::name(severity)) } }
}

/// How it stands.
pub fn state(alert: &Alert) -> &'static str {
    match alert.state.as_str() {
        "open" => "open",
        "closed" => "ended", // what people say of what was closed by itself
        "withdrawn" if alert.merged_into.is_some() => "part of another",
        "withdrawn" => "withdrawn",
        _ => "unknown",
    }
}

/// Why the model thinks so, the strongest reason first. What is stored may have any shape.
pub fn reasons(alert: &Alert) -> Vec<Reason<'_>> {
    let found = alert.reasons.as_ref().and_then(|reasons| reasons.get("features")).and_then(Value::as_array);
    let contribution = |reason: &Value| reason.get("contribution").and_then(Value::as_f64).filter(|part| *part > 0.0);
    let others = alert.reasons.as_ref().and_then(|reasons| reasons.get("others")).and_then(Value::as_f64);
    let for_it: f64 =
        found.into_iter().flatten().filter_map(contribution).sum::<f64>() + others.unwrap_or(0.0).max(0.0);
    let reason = |reason| -> Option<Reason<'_>> {
        let sentence = Value::get(reason, "sentence")?.as_str()?;
        let share = contribution(reason).map(|part| part / for_it).filter(|share| share.is_finite());
        Some(Reason { sentence, share })
    };
    found.into_iter().flatten().filter_map(reason).take(REASONS_MAX).collect()
}

/// The least change that would make it normal.
pub fn way_back(alert: &Alert) -> Option<&str> {
    alert.reasons.as_ref()?.get("way_back")?.get("sentence")?.as_str()
}

/// How large it is.
pub fn extent(alert: &Alert) -> Markup {
    let peers = match alert.subject_kind.as_str() {
        "victim" => words::of(alert.peers, "attacker", "attackers"),
        _ => words::of(alert.peers, "host on the other side", "hosts on the other side"),
    };
    html! {
        ul.facts {
            @if alert.peers > 0 { li { (peers) } }
            @if alert.ports > 0 { li { (words::of(alert.ports, "port", "ports")) } }
            li { (words::of(alert.flows, "flow", "flows")) }
            li { (words::of(alert.packets, "packet", "packets")) }
            li { (words::octets(alert.bytes)) }
            @for protocol in alert.protocols.iter().take(4) { li { (text::name(protocol)) } }
        }
    }
}

/// Addresses and ports that are known of it.
pub fn samples(alert: &Alert) -> Markup {
    html! {
        @if !alert.peer_sample.is_empty() {
            p { (some_of(alert.peer_sample.len(), alert.peers)) " the other side: "
                @for (index, peer) in alert.peer_sample.iter().take(32).enumerate() {
                    @if index > 0 { ", " }
                    (host(peer))
                }
            }
        }
        @if !alert.port_sample.is_empty() {
            p { (some_of(alert.port_sample.len(), alert.ports)) " its destination ports: "
                @for (index, port) in alert.port_sample.iter().take(64).enumerate() {
                    @if index > 0 { ", " }
                    (port)
                }
            }
        }
    }
}

fn some_of(shown: usize, all: i64) -> &'static str {
    if i64::try_from(shown).is_ok_and(|shown| shown >= all) { "All of" } else { "Some of" }
}

/// An address as the way to its page.
pub fn host(address: &str) -> Markup {
    html! { a.host href=(format!("/hosts/{}", text::encoded(address))) { (text::name(address)) } }
}

/// An alert in short, as it is listed on the first page and on a host's.
pub fn article(alert: &Alert, now: EventTime) -> Markup {
    let reasons = reasons(alert);
    html! {
        article.alert data-alert=(alert.id) id=(format!("alert-{}", alert.id)) {
            p.about { (severity(&alert.severity)) (label(&alert.label))
                span.urgency { @if alert.state == "open" && alert.acknowledged_at.is_none() { (advice::urgency(&alert.severity)) }
                    @else if alert.state != "open" { (state(alert)) } }
            }
            h3 { a href=(format!("/alerts/{}", alert.id)) { (headline(alert)) } }
            @match reasons.first() {
                Some(reason) => p.reason { (text::sentence(reason.sentence)) },
                None => p.reason { "The model is " (words::percent(f64::from(alert.confidence))) " sure of this label." },
            }
            (extent(alert))
            p.times {
                "Began " (words::when(&alert.first_seen, now)) "; "
                @match &alert.ended_at {
                    Some(ended) => { "ended " (words::when(ended, now)) }
                    None => { "last seen " (words::when(&alert.last_seen, now)) }
                }
            }
            @if let (Some(at), Some(by)) = (&alert.acknowledged_at, &alert.acknowledged_by) {
                p.seen { "Acknowledged by " (text::name(by)) " " (words::when(at, now)) }
            }
            @if alert.peers > 1 || alert.ports > 1 {
                details id=(format!("alert-{}-more", alert.id)) { summary { "Hosts and ports" } (samples(alert)) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
