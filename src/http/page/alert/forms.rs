//! What a person may say of an alert: that it was seen, and that there shall be none such. The script sends both to `/api`,
//! with the token; an exception only after the proof of exactly its values was shown.

use maud::{Markup, html};

use crate::flow::time::EventTime;
use crate::http::api::alerts::Alert;
use crate::http::page::{text, words};

/// Days after which an exception ends, as offered.
const DAYS: [(&str, &str); 5] =
    [("1", "in a day"), ("7", "in 7 days"), ("30", "in 30 days"), ("365", "in a year"), ("", "never")];
/// Longest text that `/api/exceptions` takes for a label or a protocol.
const VALUE_CHARS_MAX: usize = 200;
const DAYS_USUAL: &str = "30";

/// That somebody has seen it.
pub fn acknowledge(alert: &Alert, now: EventTime) -> Markup {
    html! {
        section id="acknowledging" aria-labelledby="acknowledge-title" {
            h2 id="acknowledge-title" { "Acknowledge" }
            @match (&alert.acknowledged_at, &alert.acknowledged_by) {
                (Some(at), by) => p { "Acknowledged by " (text::name(by.as_deref().unwrap_or("somebody"))) " " (words::when(at, now)) "." },
                _ => p.quiet { "Says to others that somebody looks after it. It stays open until it ends." },
            }
            @if let Some(note) = &alert.note { (text::note(note)) }
            form id="acknowledge" data-alert-id=(alert.id) {
                div.field { label for="by" { "Your name" } input id="by" name="by" type="text" required maxlength="200" autocomplete="name"; }
                div.field { label for="note" { "Note" } textarea id="note" name="note" rows="3" maxlength="10000" {} }
                p.buttons { button.main type="submit" { "Acknowledge" } }
                p.trouble role="alert" {}
            }
        }
    }
}

/// That there shall be no alerts of the kind.
pub fn silence(alert: &Alert) -> Markup {
    let only_peer = alert.peer_sample.first().filter(|_| alert.peers == 1).map_or("", String::as_str);
    let (source, destination) = match alert.subject_kind.as_str() {
        "victim" => (only_peer, alert.subject.as_str()),
        _ => (alert.subject.as_str(), only_peer),
    };
    let protocol = alert.protocols.first().filter(|_| alert.protocols.len() == 1).map_or("", String::as_str);
    let port = alert.port_sample.first().filter(|_| alert.ports == 1).map(ToString::to_string);
    html! {
        section id="silencing" aria-labelledby="silence-title" {
            h2 id="silence-title" { "Silence" }
            p.quiet { "An exception stops alerts of what it matches; flows keep their labels. An empty field matches everything. "
                "What it would have silenced is shown before it can be saved. " a href="/exceptions" { "All exceptions" } }
            form id="silence" {
                fieldset {
                    legend { "What it matches" }
                    (field("source", "Sender (address or network)", source))
                    (field("destination", "Receiver (address or network)", destination))
                    (field("protocol", "Protocol", protocol))
                    (field("port", "Only destination port", port.as_deref().unwrap_or_default()))
                    (field("label", "Label", &alert.label))
                    (field("schedule", "When (UTC), such as mon-fri 22:00-04:00", ""))
                }
                fieldset {
                    legend { "Who answers for it" }
                    div.field { label for="owner" { "Owner" } input id="owner" name="owner" type="text" required maxlength="200" autocomplete="name"; }
                    div.field { label for="reason" { "Reason" } input id="reason" name="reason" type="text" required maxlength="1000"; }
                    div.field {
                        label for="expires" { "It ends" }
                        select id="expires" name="expires" {
                            @for (days, name) in DAYS { option value=(days) selected[days == DAYS_USUAL] { (name) } }
                        }
                    }
                }
                p.buttons { button id="prove" type="button" { "Show what it would have silenced" } }
                div id="proof" role="status" {}
                div.field id="insist" hidden {
                    input id="force" type="checkbox"; label for="force" { "Save it all the same" }
                }
                p.buttons { button.main id="save-exception" type="submit" disabled { "Save the exception" } }
                p.trouble role="alert" {}
            }
        }
    }
}

/// A field with a value of the alert. What would not be shown as it is goes to the script beside it, and is used unless the
/// person changes the field; what is longer than any exception may be does not.
fn field(name: &str, label: &str, value: &str) -> Markup {
    let shown = text::shown(value, text::NAME_CHARS_MAX);
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) type="text" spellcheck="false" autocomplete="off" maxlength="1000" value=(shown)
                data-value=[(shown != value && value.chars().count() <= VALUE_CHARS_MAX).then(|| text::ascii_json(value))];
        }
    }
}
