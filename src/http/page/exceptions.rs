//! Exceptions: those that there are, what each has silenced, and the way to be rid of it.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Place, Wrong, page};
use super::{Sight, text, words};
use crate::alert::Filter;
use crate::flow::time::EventTime;
use crate::http::api::time;
use crate::postgres::queries::StoredException;

/// Exceptions that are shown; `flowsentry exceptions` lists all.
const SHOWN_MAX: usize = 500;

/// All exceptions.
pub async fn list(State(sight): State<Sight>) -> Result<Response, Wrong> {
    let all = sight.api.queries.exceptions().await?;
    let now = time::now();
    Ok(page(
        Place::Exceptions,
        "Exceptions",
        &html! {
            h1 { "Exceptions" }
            p.quiet { "Of what they match nobody is alerted; flows keep their labels. A new one begins at an alert, under “Silence”." }
            @if all.is_empty() {
                p.empty { "No exceptions." }
                p.quiet { "Every attack that is seen is alerted of." }
            }
            div.grid { @for one in all.iter().take(SHOWN_MAX) { (exception(one, now)) } }
            @if all.len() > SHOWN_MAX { p { "And " (all.len() - SHOWN_MAX) " more: flowsentry exceptions list" } }
        },
    ))
}

fn exception(one: &StoredException, now: EventTime) -> Markup {
    let title = format!("exception-{}-title", one.id);
    let problem = one.filter.understand(one.id).err();
    html! {
        section.exception id=(format!("exception-{}", one.id)) aria-labelledby=(title) {
            h2 id=(title) { "Exception " (one.id) ": "
                @if problem.is_some() { "unusable" }
                @else if one.filter.expires.is_some_and(|expires| expires <= now) { "over" }
                @else { "in force" }
            }
            @if let Some(problem) = &problem { p { "It cannot be understood and silences nothing: " (text::sentence(&problem.to_string())) } }
            (matched(&one.filter))
            p { "Silenced " (words::of(one.silenced, "verdict", "verdicts"))
                @if let Some(last) = one.last_silenced { ", the last one " (words::moment(last, now)) } "." }
            p { (text::sentence(&one.reason)) }
            p.quiet { "Owner: " (text::name(&one.owner)) ". Since " (words::moment(one.created, now))
                @match one.filter.expires {
                    Some(expires) => { "; ends " (words::moment(expires, now)) "." }
                    None => "; it does not end by itself.",
                }
            }
            form.remove data-exception-id=(one.id) {
                p.buttons { button type="submit" aria-label=(format!("Remove exception {}", one.id)) { "Remove" } }
                p.trouble role="alert" {}
            }
        }
    }
}

fn matched(filter: &Filter) -> Markup {
    let port = filter.port.map(|port| port.to_string());
    let parts = [
        ("Sender", filter.source.as_deref()),
        ("Receiver", filter.destination.as_deref()),
        ("Protocol", filter.protocol.as_deref()),
        ("Only port", port.as_deref()),
        ("Label", filter.label.as_deref()),
        ("When", filter.schedule.as_deref()),
    ];
    html! {
        dl.times {
            @for (name, value) in parts {
                @if let Some(value) = value { div { dt { (name) } dd { (text::name(value)) } } }
            }
            @if parts.iter().all(|(_, value)| value.is_none()) { div { dt { "Matches" } dd { "everything" } } }
        }
    }
}
