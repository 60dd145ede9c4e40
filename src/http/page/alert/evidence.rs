//! What closed windows showed of an alert: packets, peers, ports and flows, window by window, in time.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use crate::flow::time::EventTime;
use crate::http::page::chart::{Chart, Series, Table, columns};
use crate::http::page::words;
use crate::postgres::queries::WindowRow;

/// Columns of a chart at most. An alert that lasted longer has several windows a column.
const COLUMNS_MAX: u64 = 60;

const COLUMNS_MIN: u32 = 12;

/// Figures of a window, or of a few that share a column.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Column {
    packets: u64,
    flows: u64,
    /// Distinct ones cannot be added: the greatest of its windows.
    peers: u64,
    ports: u64,
}

type Figure = (&'static str, &'static str, &'static str, fn(&Column) -> u64);

const FIGURES: [Figure; 4] = [
    ("evidence-packets", "Packets", "packets", |column| column.packets),
    ("evidence-peers", "Hosts on the other side", "hosts", |column| column.peers),
    ("evidence-ports", "Destination ports", "ports", |column| column.ports),
    ("evidence-flows", "Flows", "flows", |column| column.flows),
];

/// A chart for each figure.
pub fn charts(windows: &[WindowRow], window_length: Duration, now: EventTime) -> Markup {
    let (Some(first), Some(last)) = (
        windows.iter().map(|window| window.window_start).min(),
        windows.iter().map(|window| window.window_start).max(),
    ) else {
        return html! { p.quiet { "No window of it has closed yet: it was seen while its window is open, and is confirmed when that closes." } };
    };
    // A single column as wide as the chart would not look like a moment.
    let first = first.min(last.saturating_sub(window_length * COLUMNS_MIN.saturating_sub(1)));
    let (columns_found, length) = in_time(windows, (first, last), window_length);
    let start_of = |place: usize| first.saturating_add(length * u32::try_from(place).unwrap_or(u32::MAX));
    let end = start_of(columns_found.len());
    let filled = || columns_found.iter().enumerate().rev().filter(|(_, column)| **column != Column::default());
    html! {
        p.quiet { "In columns of " (words::span(length)) ", up to " (words::moment(end, now)) ". Where there is no column, no closed window showed it." }
        div.pairs {
            @for (id, name, unit, figure) in FIGURES {
                @let chart = Chart {
                    id,
                    title: format!("{name} in columns of {}, from {} to {} UTC.", words::span(length), words::clock(first), words::clock(end)),
                    unit,
                    tick: words::short,
                    below: vec![time_of_day(first), time_of_day(end)],
                    table: Table {
                        head: vec!["From (UTC)".to_owned(), name.to_owned()],
                        rows: filled().map(|(place, column)| vec![words::clock(start_of(place)), figure(column).to_string()]).collect(),
                    },
                };
                div {
                    h3 { (name) }
                    (columns(&chart, &[Series { class: "plain".to_owned(), counts: columns_found.iter().map(figure).collect() }]))
                }
            }
        }
    }
}

fn time_of_day(time: EventTime) -> String {
    words::clock(time).split_once(' ').map_or_else(String::new, |(_, of_day)| of_day.to_owned())
}

/// A column for each span of time, also for those of which nothing was stored; and how long a span is.
fn in_time(
    windows: &[WindowRow],
    (first, last): (EventTime, EventTime),
    window_length: Duration,
) -> (Vec<Column>, Duration) {
    let length = u64::try_from(window_length.as_micros()).unwrap_or(u64::MAX).max(1);
    let micros = |time: EventTime| u64::try_from(time.since(first).as_micros()).unwrap_or(u64::MAX);
    let whole = micros(last) / length + 1;
    let windows_a_column = whole.div_ceil(COLUMNS_MAX);
    let mut found: BTreeMap<u64, Column> = BTreeMap::new();
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    for window in windows {
        let column = found.entry(micros(window.window_start) / length / windows_a_column).or_default();
        column.packets = column.packets.saturating_add(count(window.packets));
        column.flows = column.flows.saturating_add(count(window.flows));
        column.peers = column.peers.max(count(window.peers));
        column.ports = column.ports.max(count(window.ports));
    }
    let places = whole.div_ceil(windows_a_column);
    let columns = (0..places).map(|place| found.get(&place).copied().unwrap_or_default()).collect();
    (columns, Duration::from_micros(length.saturating_mul(windows_a_column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, packets: i64, peers: i64) -> WindowRow {
        let window_start = EventTime::from_micros(start * 1_000_000).unwrap();
        WindowRow { window_start, revision: 0, packets, bytes: 1, flows: 1, peers, ports: 1, confidence: 0.5 }
    }

    fn check(windows: &[WindowRow], expected: &[(u64, u64)], seconds: u64) {
        let first = windows.iter().map(|window| window.window_start).min().unwrap();
        let last = windows.iter().map(|window| window.window_start).max().unwrap();
        let (columns, length) = in_time(windows, (first, last), Duration::from_secs(30));
        let found: Vec<(u64, u64)> = columns.iter().map(|column| (column.packets, column.peers)).collect();
        assert_eq!((found.as_slice(), length.as_secs()), (expected, seconds));
    }

    #[test]
    fn windows_stand_where_they_were_in_time() {
        check(&[window(90, 5, 1), window(0, 7, 3)], &[(7, 3), (0, 0), (0, 0), (5, 1)], 30);
        // A late part of a window: packets add up, hosts may be the same.
        check(&[window(0, 5, 2), window(0, 7, 3)], &[(12, 3)], 30);
    }

    #[test]
    fn what_lasted_long_has_several_windows_a_column() {
        let windows: Vec<WindowRow> = (0..120).map(|place| window(place * 30, 1, 1)).collect();
        check(&windows, &[(2, 1); 60], 60);
        let charts = charts(&windows, Duration::from_secs(30), EventTime::default()).into_string();
        assert_eq!(charts.matches("<rect").count(), 240);
        assert!(charts.contains("role=\"img\""));
    }

    #[test]
    fn an_alert_without_closed_windows_says_so() {
        assert!(
            charts(&[], Duration::from_secs(30), EventTime::default())
                .into_string()
                .contains("No window of it has closed")
        );
    }
}
