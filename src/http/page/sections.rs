//! The sections of the first page: what they say follows from an overview alone. The stream sends them again as they change.

mod figures;

use maud::{Markup, html};

use super::{telling, text, words};
use crate::flow::time::EventTime;
use crate::http::api::time;
use crate::http::overview::{OpenAlerts, Overview};

/// A section: the id of its element, and how its inside is made.
type Section = (&'static str, fn(&Seen<'_>) -> Markup);

/// All of them, in their order on the page.
pub const SECTIONS: [Section; 5] = [
    ("status", status),
    ("alerts", alerts),
    ("throughput", figures::throughput),
    ("lag", figures::lag),
    ("verdicts", figures::verdicts),
];

/// What sections are made of.
pub struct Seen<'a> {
    /// What is going on.
    pub overview: &'a Overview,
    /// When the last alert ended, if that was asked.
    pub last_ended: Option<EventTime>,
}

impl Seen<'_> {
    fn now(&self) -> EventTime {
        time::read(&self.overview.state.now).unwrap_or_default()
    }
}

/// Whether it works, in a word and a sentence, and what keeps it from working.
fn status(seen: &Seen<'_>) -> Markup {
    let state = &seen.overview.state;
    let figure = |name: &str| state.figures.get(name).copied().flatten();
    let unaccounted = figure("unaccounted_packets").filter(|packets| *packets != 0.0);
    let (mood, word, sentence) = mood(seen.overview);
    html! {
        h2.hidden { "Status" }
        p.word.(mood) { (word) }
        div.sentences {
            p { (sentence) }
            p.quiet {
                @match (&state.model_version, &state.model_problem) {
                    (Some(version), _) => { "Model " (text::name(version)) " labels the flows." }
                    (None, Some(problem)) => { "No model labels the flows: " (text::sentence(problem)) }
                    (None, None) => { "No model labels the flows." }
                }
                @if let Some(read) = figure("packets_read_total") {
                    " " (words::rounded(read)) " packets read since the start"
                    @if let Some(flows) = figure("open_flows") { "; flows open now: " (words::rounded(flows)) }
                    "."
                }
            }
            @if !state.reasons.is_empty() || unaccounted.is_some() {
                ul.problems {
                    @for reason in &state.reasons { li { (text::sentence(reason)) } }
                    @if let Some(packets) = unaccounted {
                        li { (words::rounded(packets)) " packets are unaccounted for. This is a bug: please report it." }
                    }
                }
            }
        }
    }
}

/// A class, a word and a sentence for how things stand.
fn mood(overview: &Overview) -> (&'static str, &'static str, &'static str) {
    let state = &overview.state;
    let is_behind = figures::lag_of(overview).is_some_and(|lag| lag >= figures::BEHIND_SECONDS);
    match state.role.as_str() {
        "stopping" => ("waiting", "Stopping", "What is under way is being finished."),
        "starting" => ("bad", "Not working yet", "No attempt has reached the source of the packets so far."),
        _ if !state.ready => ("bad", "Not working", "Something keeps it from its work:"),
        "standby" => {
            ("waiting", "Standing by", "Another instance owns the source; this one takes over when that one ends.")
        }
        _ if state.model_version.is_none() => {
            ("waiting", "Working without a model", "Flows are stored, but nothing judges them.")
        }
        _ if is_behind => ("waiting", "Catching up", "It works, and is behind: verdicts come late."),
        _ => ("good", "Working", "Packets are read as they come, and every flow is judged."),
    }
}

/// Alerts that are shown; a page with more of them is read by nobody, and is sent to all who watch.
const ALERTS_MAX: usize = 25;

/// Open alerts, those to look at first before others.
fn alerts(seen: &Seen<'_>) -> Markup {
    let OpenAlerts { open, unacknowledged, first, problem } = &seen.overview.alerts;
    let all: i64 = open.values().sum();
    let now = seen.now();
    html! {
        h2 { "Open alerts" @if all > 0 { " " span.tally { (words::count(all)) } } }
        @if let Some(problem) = problem {
            p.empty { "Alerts cannot be read now." }
            p { (text::sentence(problem)) }
        } @else if all == 0 {
            p.empty { "No open alerts." }
            p.quiet {
                @match seen.last_ended {
                    Some(ended) => { "The last one ended " (words::moment(ended, now)) ". " a href="/alerts" { "All alerts" } }
                    None => { "There has been none yet. When an attack is seen it appears here by itself." }
                }
            }
        } @else {
            p.quiet {
                @for (index, (severity, number)) in by_severity(seen).enumerate() {
                    @if index > 0 { ", " }
                    (words::count(number)) " " (text::name(severity))
                }
                "; "
                @match unacknowledged {
                    0 => "all of them acknowledged.",
                    number => { (words::count(*number)) " not acknowledged." }
                }
            }
            @for alert in first.iter().take(ALERTS_MAX) { (telling::article(alert, now)) }
            @if i64::try_from(first.len().min(ALERTS_MAX)).is_ok_and(|shown| shown < all) {
                p { a href="/alerts?state=open" { "All " (words::count(all)) " open alerts" } }
            }
        }
    }
}

/// How many are open, the most urgent first.
fn by_severity<'a>(seen: &Seen<'a>) -> impl Iterator<Item = (&'a str, i64)> {
    let open = &seen.overview.alerts.open;
    ["critical", "high", "medium", "low"].into_iter().filter_map(|name| {
        let (severity, number) = open.get_key_value(name)?;
        Some((severity.as_str(), *number))
    })
}
