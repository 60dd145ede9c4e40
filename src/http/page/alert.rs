//! One alert: why we think so, how it went, what to do, and the two things that a person may say of it.

mod evidence;
mod forms;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Place, Wrong, page};
use super::{Sight, advice, flows, telling, text, words};
use crate::exit::chain;
use crate::flow::time::EventTime;
use crate::http::api::alerts::{Alert, Evidence, evidence, number};
use crate::http::api::time;

/// Flows that are shown; the rest is at `/api`.
const FLOWS_SHOWN: usize = 50;

/// An alert with all that is known of it.
pub async fn one(State(sight): State<Sight>, Path(id): Path<String>) -> Result<Response, Wrong> {
    let found = evidence(&sight.api, number(&id)?).await?;
    let now = time::now();
    let Evidence { alert, windows, flows } = &found;
    let main = html! {
        div.heading {
            p.about { (telling::severity(&alert.severity)) (telling::label(&alert.label))
                span.urgency { (telling::state(alert)) @if alert.state == "open" { ", " (advice::urgency(&alert.severity)) } } }
            h1 { (telling::headline(alert)) }
        }
        (facts(alert, now))
        div.halves {
            (why(alert))
            (what_to_do(alert))
        }
        section id="evidence" aria-labelledby="evidence-title" {
            h2 id="evidence-title" { "Evidence over time" }
            (evidence::charts(windows, sight.api.window_length, now))
        }
        section id="who" aria-labelledby="who-title" { h2 id="who-title" { "Hosts and ports" } (telling::samples(alert)) }
        section id="alert-flows" aria-labelledby="alert-flows-title" {
            h2 id="alert-flows-title" { "Its flows" }
            @match flows {
                Err(error) => { p.empty { "Flows cannot be read now." } p { (text::sentence(&chain(error))) } }
                Ok(flows) if flows.is_empty() => p.quiet { "None stored yet: flows are stored when their window closes." },
                Ok(flows) => {
                    @let shown = flows.get(..FLOWS_SHOWN).unwrap_or(flows);
                    p.quiet { "What is stored of its subject in its time" @if flows.len() > shown.len() { "; the latest " (shown.len()) } "." }
                    (flows::table("alert-flows-rows", "Flows of the alert, the latest first", shown, now))
                }
            }
        }
        div.halves { (forms::acknowledge(alert, now)) (forms::silence(alert)) }
    };
    Ok(page(Place::Alerts, &format!("{} of {}", alert.label, alert.subject), &main))
}

fn facts(alert: &Alert, now: EventTime) -> Markup {
    html! {
        (telling::extent(alert))
        dl.times {
            div { dt { "Host" } dd { (telling::host(&alert.subject)) } }
            div { dt { "Began" } dd { (words::when(&alert.first_seen, now)) } }
            div { dt { "Last seen" } dd { (words::when(&alert.last_seen, now)) } }
            @if let Some(ended) = &alert.ended_at { div { dt { "Ended" } dd { (words::when(ended, now)) } } }
            div { dt { "Alert stored" } dd { (words::when(&alert.detected_at, now)) } }
            @if let Some(whole) = alert.merged_into {
                div { dt { "Part of" } dd { a href=(format!("/alerts/{whole}")) { "alert " (whole) } } }
            }
        }
    }
}

fn why(alert: &Alert) -> Markup {
    let reasons = telling::reasons(alert);
    html! {
        section id="reasons" aria-labelledby="reasons-title" {
            h2 id="reasons-title" { "Why we think so" }
            p { "The model is " (words::percent(f64::from(alert.confidence))) " sure of " (telling::label(&alert.label)) "; "
                @match alert.windows {
                    0 => "no window has closed that confirms it.",
                    1 => "1 closed window confirms it.",
                    windows => { (words::count(windows)) " closed windows confirm it." }
                } }
            @if reasons.is_empty() {
                p.quiet { "The model gave no reasons." }
            } @else {
                p.quiet { "Each with its share of all that speaks for the label:" }
                ol.reasons {
                    @for reason in &reasons {
                        li { (text::sentence(reason.sentence))
                            @if let Some(share) = reason.share {
                                " " span.quiet { (words::percent(share)) }
                            } }
                    }
                }
            }
            @if let Some(way_back) = telling::way_back(alert) { p.quiet { (text::sentence(way_back)) } }
            @if let Some(version) = &alert.model_version { p.quiet { "Model " (text::name(version)) } }
        }
    }
}

fn what_to_do(alert: &Alert) -> Markup {
    html! {
        section id="advice" aria-labelledby="advice-title" {
            h2 id="advice-title" { "What to do" }
            ol.reasons { @for step in advice::steps(&alert.label) { li { (step) } } }
        }
    }
}
