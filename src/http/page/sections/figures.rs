//! Throughput, lag and verdicts of the last half hour: a large figure, and how it came to be.

use maud::{Markup, html};

use super::Seen;
use crate::http::history::Past;
use crate::http::overview::Overview;
use crate::http::page::chart::{Chart, Series, Table, columns, line};
use crate::http::page::{hue, telling, words};

/// From here on verdicts come noticeably late.
pub const BEHIND_SECONDS: f64 = 10.0;
/// An axis of packets goes this far at least, so that three packets do not look like a flood.
const PACKETS_LEAST: f64 = 10.0;
const LAG_LEAST: f64 = 2.0;
/// Values that are one row of a table: a minute.
const STEPS_A_ROW: usize = 6;

/// Packets read per second.
pub fn throughput(seen: &Seen<'_>) -> Markup {
    let past = &seen.overview.past;
    let peak = past.packets.iter().flatten().copied().chain(past.packets_per_second).fold(0.0, f64::max);
    let chart = Chart {
        id: "throughput-chart",
        title: format!("Packets read per second in the last {}; at most {}.", span(past), words::short(peak)),
        unit: "packets/s",
        tick: words::short,
        below: below(past),
        table: by_minute("Packets per second", past, &past.packets, words::short),
    };
    html! {
        h2 { "Throughput" }
        p.figure {
            @match past.packets_per_second {
                Some(rate) => { (words::rounded(rate)) " " span.unit { "packets/s" } }
                None => { "–" }
            }
        }
        p.quiet { @if peak > 0.0 { "At most " (words::short(peak)) " in the last " (span(past)) "." } @else { "Nothing to read so far." } }
        (line(&chart, &past.packets, PACKETS_LEAST))
    }
}

/// How far behind the packets it is.
pub fn lag(seen: &Seen<'_>) -> Markup {
    let (past, lag) = (&seen.overview.past, lag_of(seen.overview));
    let peak = past.lag_seconds.iter().flatten().copied().fold(0.0, f64::max);
    let chart = Chart {
        id: "lag-chart",
        title: format!("Seconds behind in the last {}; at most {}.", span(past), words::seconds(peak)),
        unit: "s",
        tick: words::short,
        below: below(past),
        table: by_minute("Seconds behind", past, &past.lag_seconds, words::seconds),
    };
    html! {
        h2 { "Lag" }
        p.figure { (lag.map_or_else(|| "–".to_owned(), words::seconds)) }
        p.quiet {
            @match lag {
                Some(lag) if lag >= BEHIND_SECONDS => "Behind: verdicts come this much late.",
                Some(_) => "Keeping up.",
                None => "Not known yet.",
            }
            @if let Some(rows) = seen.overview.state.lag_rows.filter(|rows| *rows > 0) {
                " " (words::of(rows, "packet", "packets")) " not read yet at the last look."
            }
        }
        (line(&chart, &past.lag_seconds, LAG_LEAST))
    }
}

/// Seconds behind now.
pub fn lag_of(overview: &Overview) -> Option<f64> {
    overview.state.figures.get("lag_seconds").copied().flatten()
}

/// What flows were found to be: attacks on a scale of their own, for ordinary flows are many more.
pub fn verdicts(seen: &Seen<'_>) -> Markup {
    let past = &seen.overview.past;
    let mut sums: Vec<(&str, u64)> =
        past.verdicts.iter().map(|(label, counts)| (label.as_str(), counts.iter().sum())).collect();
    sums.sort_by_key(|&(label, sum)| (hue::is_calm(label), std::cmp::Reverse(sum)));
    let all: u64 = sums.iter().map(|(_, sum)| sum).sum();
    let (calm, alarming): (Vec<&str>, Vec<&str>) =
        sums.iter().map(|(label, _)| *label).partition(|label| hue::is_calm(label));
    html! {
        h2 { "Verdicts" }
        @if all == 0 {
            p.empty { "No verdicts yet." }
            p.quiet { "Flows are judged and stored when their window closes." }
        } @else {
            ul.legend {
                @for (label, sum) in &sums {
                    li { (telling::label(label)) " " span.number { (words::count(*sum)) }
                        " " span.quiet { (words::percent(*sum as f64 / all as f64)) } }
                }
            }
            h3 { "Attacks" }
            @if alarming.is_empty() {
                p.quiet { "None in the last " (span(past)) "." }
            } @else {
                (stacked("verdicts-attacks", "Flows judged to be attacks", past, &alarming))
            }
            @if !calm.is_empty() {
                h3 { "Ordinary" }
                (stacked("verdicts-ordinary", "Flows judged to be ordinary, or not judged", past, &calm))
            }
        }
    }
}

fn stacked(id: &str, what: &str, past: &Past, labels: &[&str]) -> Markup {
    let counts = |label: &str| past.verdicts.get(label).cloned().unwrap_or_default();
    let places = labels.iter().map(|label| counts(label).len()).max().unwrap_or_default();
    let mut rows = Vec::new();
    for place in (0..places).rev() {
        let found: Vec<u64> =
            labels.iter().map(|label| counts(label).get(place).copied().unwrap_or_default()).collect();
        if found.iter().any(|count| *count > 0) {
            let seconds = past.column_seconds * (places - place - 1) as u64;
            let cells = found.iter().map(ToString::to_string);
            rows.push(std::iter::once(back(seconds)).chain(cells).collect());
        }
    }
    let names = labels.iter().map(|label| super::text::shown(label, super::text::NAME_CHARS_MAX));
    let chart = Chart {
        id,
        title: format!(
            "{what}, in columns of {} s, stacked by label, in the last {}.",
            past.column_seconds,
            span(past)
        ),
        unit: "flows",
        tick: words::short,
        below: below(past),
        table: Table { head: std::iter::once("When".to_owned()).chain(names).collect(), rows },
    };
    let series = labels.iter().map(|label| Series { class: hue::class(label), counts: counts(label) });
    columns(&chart, &series.collect::<Vec<_>>())
}

/// How long ago, of a row of a table.
fn back(seconds: u64) -> String {
    match seconds {
        0 => "now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        _ if seconds.is_multiple_of(60) => format!("{} min ago", seconds / 60),
        _ => format!("{} min {} s ago", seconds / 60, seconds % 60),
    }
}

/// How long the charts are.
fn span(past: &Past) -> String {
    format!("{} min", past.packets.len() as u64 * past.step_seconds / 60)
}

fn below(past: &Past) -> Vec<String> {
    let minutes = past.packets.len() as u64 * past.step_seconds / 60;
    vec![
        format!("{minutes} min ago"),
        format!("{} min", minutes * 2 / 3),
        format!("{} min", minutes / 3),
        "now".to_owned(),
    ]
}

fn by_minute(what: &str, past: &Past, values: &[Option<f64>], shown: fn(f64) -> String) -> Table {
    let mut rows = Vec::new();
    for (row, chunk) in values.rchunks(STEPS_A_ROW).enumerate() {
        if let Some(greatest) = chunk.iter().flatten().copied().reduce(f64::max) {
            let seconds = (row * STEPS_A_ROW) as u64 * past.step_seconds;
            rows.push(vec![back(seconds), shown(greatest)]);
        }
    }
    Table { head: vec!["Minute until".to_owned(), format!("{what}, at most")], rows }
}
