//! The view as plain text, for pipes and for terminals that cannot move the cursor.

use super::canvas::Paint;
use super::draw::frame;
use super::figures::{clock, decimal, grouped, short};
use super::overview::{Alert, Overview};
use super::text::safe;
use super::view::View;

/// Lines beside those of labels and alerts, at most.
const OTHER_LINES: usize = 32;
/// Columns of a text within a line.
const TEXT_MAX: usize = 60;

/// One frame with all alerts, a line feed after each line.
pub fn text(view: &mut View, width: u16) -> String {
    let alerts = view.overview.as_ref().map_or(0, |overview| overview.alerts.first.len());
    let height = u16::try_from(OTHER_LINES + 2 * alerts).unwrap_or(u16::MAX);
    let buffer = frame(view, (width, height), Paint::Plain);
    let mut lines: Vec<String> = (0..height)
        .map(|y| {
            let mut line = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
                line.push_str(symbol);
                x += u16::try_from(super::text::width(symbol, 2)).unwrap_or(1).max(1);
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// How it stands, in a line.
pub fn state_line(overview: &Overview) -> String {
    let state = &overview.state;
    let ready = if state.ready {
        "ready".to_owned()
    } else {
        format!("NOT READY ({})", safe(&state.reasons.join("; "), TEXT_MAX))
    };
    let rows = state.lag_rows.map_or_else(|| "?".to_owned(), grouped);
    let rate = overview.past.packets_per_second.map_or_else(|| "?".to_owned(), decimal);
    let open = overview.alerts.open.values().fold(0_i64, |all, count| all.saturating_add(*count));
    let (time, role) = (safe(clock(&state.now), 8), safe(&state.role, TEXT_MAX));
    format!("{time} {role} {ready}, {rate} packets/s, lag {rows} rows, {} open alerts", grouped(open))
}

/// What is going on with an alert, in a line.
pub fn alert_line(alert: &Alert) -> String {
    let reason = alert.reason().map(|reason| format!(": {}", safe(reason, 2 * TEXT_MAX))).unwrap_or_default();
    format!(
        "{}, {} peers, {} ports, {} packets{reason}",
        alert_name(alert),
        short(alert.peers),
        short(alert.ports),
        short(alert.packets)
    )
}

/// Which alert.
pub fn alert_name(alert: &Alert) -> String {
    let [severity, label, subject] = [&alert.severity, &alert.label, &alert.subject].map(|text| safe(text, TEXT_MAX));
    format!("alert {} {severity} {label} {subject}", alert.id)
}
