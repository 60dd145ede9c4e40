//! A comparison as lines for people and as JSON for programs.

use std::fmt::Write;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::Compared;
use crate::export::rfc3339;
use crate::flow::time::EventTime;
use crate::postgres::compare::{At, Both, Destination, Flows, Report};

/// For people.
pub(super) fn as_lines(compared: &Compared) -> String {
    let Compared { packets, flows, old, span, report } = compared;
    let (ours, theirs) = (report.sums().ours, report.sums().old);
    let mut text = format!("{} to {}\n\n", moment(span.since), moment(span.until));
    let mut figure = |count: u64, what: String| {
        let _ = writeln!(text, "{:>16}  {what}", HumanCount(count).to_string()); // to a String, here and below, it cannot fail
    };
    figure(report.packets, format!("packets in {packets}"));
    figure(ours.packets, format!("in {} flows of flowsentry, {flows}", HumanCount(ours.rows)));
    figure(report.rejected, "rejected by flowsentry".to_owned());
    figure(report.open, "of windows that are still open".to_owned());
    figure(theirs.packets, format!("in {} rows of the service before, {}", HumanCount(theirs.rows), old.table));
    if report.untimed != Flows::default() {
        let rows = HumanCount(report.untimed.rows);
        figure(report.untimed.packets, format!("in {rows} rows of it that do not say when they were stored"));
    }
    let _ = write!(text, "\nflowsentry: {}\nthe service before: {}\n", of_ours(report), of_old(compared));
    if let Some(oldest) = report.oldest.filter(|oldest| *oldest > span.since) {
        let _ = writeln!(text, "note: the first packet of the table is of {}", moment(oldest));
    }
    by_label(&mut text, report);
    by_time(&mut text, &report.times);
    by_destination(&mut text, &report.destinations);
    text
}

fn of_ours(report: &Report) -> String {
    let left = report.left_over();
    let count = HumanCount(u64::try_from(left.unsigned_abs()).unwrap_or(u64::MAX));
    match left {
        0 => "every packet of a closed window is in a flow, or rejected".to_owned(),
        1.. => format!("{count} packets are in no flow: come late and not read yet, or lost; flowsentry verify tells"),
        _ => format!("{count} packets of its flows are not in the table any more: deleted since"),
    }
}

fn of_old(Compared { old, span, report, .. }: &Compared) -> String {
    if old.created.is_none() {
        return "its table has no column created_at, so its rows cannot be set beside a span of time".to_owned();
    }
    let lag = humantime::format_duration(span.lag);
    let bounds = format!("{} to {}", HumanCount(report.possible.0), HumanCount(report.possible.1));
    match report.faults_of_old() {
        (0, 0) => format!("nothing lost or counted twice that can be told: {bounds} packets are possible in the span"),
        (lost, 0) => {
            let lost = HumanCount(lost);
            format!(
                "at least {lost} packets are lost, or stored more than {lag} after they came: {bounds} are possible"
            )
        }
        (_, twice) => {
            let twice = HumanCount(twice);
            format!(
                "at least {twice} packets are counted twice, or were stored more than {lag} after they came: {bounds} are possible"
            )
        }
    }
}

fn by_label(text: &mut String, report: &Report) {
    let _ = write!(text, "\n{:24}{:>14}{:>18}{:>14}{:>18}\n", "label", "flows", "packets", "rows before", "packets");
    for (label, Both { ours, old }) in &report.labels {
        let label = if label.is_empty() { "(none)" } else { label };
        let [flows, packets, rows, before] = [ours.rows, ours.packets, old.rows, old.packets].map(HumanCount);
        let cells = [flows, packets, rows, before].map(|count| count.to_string());
        let [flows, packets, rows, before] = cells;
        let _ = writeln!(text, "{:24}{flows:>14}{packets:>18}{rows:>14}{before:>18}", plain(label));
    }
}

fn by_time(text: &mut String, times: &[At]) {
    let _ = write!(
        text,
        "\n{:24}{:>14}{:>18}{:>32}\n",
        "packets from", "in the table", "flowsentry", "before, by time of storing"
    );
    for At { from, packets, both } in times {
        let [packets, ours, old] =
            [*packets, both.ours.packets, both.old.packets].map(|count| HumanCount(count).to_string());
        let _ = writeln!(text, "{:24}{packets:>14}{ours:>18}{old:>32}", moment(*from));
    }
}

fn by_destination(text: &mut String, destinations: &[Destination]) {
    if destinations.is_empty() {
        return;
    }
    *text += "\ndestinations whose packets have another label, by most of them\n";
    for Destination { address, protocol, ours, old } in destinations {
        let side = |side: &Option<(u64, String)>| match side {
            Some((packets, label)) => format!("{} ({} packets)", plain(label), HumanCount(*packets)),
            None => "no row".to_owned(),
        };
        let place = format!("{} {}", plain(address), plain(protocol));
        let _ = writeln!(text, "  {place:44} {:36} before: {}", side(ours), side(old));
    }
}

/// Texts of a table are anybody's: nothing that a terminal would obey.
fn plain(text: &str) -> String {
    text.escape_debug().to_string()
}

fn moment(time: EventTime) -> String {
    rfc3339(time).replace(".000000", "")
}

/// For programs.
pub(super) fn as_json(Compared { packets, flows, old, span, report }: &Compared) -> String {
    let sums = report.sums();
    let (lost, twice) = report.faults_of_old();
    let is_timed = old.created.is_some();
    let labels: Vec<Value> = report
        .labels
        .iter()
        .map(|(label, both)| json!({ "label": label, "flowsentry": counts(both.ours), "old": counts(both.old) }))
        .collect();
    let times: Vec<Value> = report
        .times
        .iter()
        .map(|at| {
            json!({
                "from": moment(at.from), "packets": at.packets,
                "flowsentry": counts(at.both.ours), "old": counts(at.both.old),
            })
        })
        .collect();
    let side = |side: &Option<(u64, String)>| {
        side.as_ref().map(|(packets, label)| json!({ "packets": packets, "label": label }))
    };
    let destinations: Vec<Value> = report
        .destinations
        .iter()
        .map(|it| {
            json!({
                "dest_ip": it.address, "protocol": it.protocol, "flowsentry": side(&it.ours), "old": side(&it.old),
            })
        })
        .collect();
    let left_over = i64::try_from(report.left_over()).unwrap_or(i64::MAX);
    let value = json!({
        "since": moment(span.since), "until": moment(span.until),
        "tables": { "packets": packets, "flowsentry": flows, "old": old.table },
        "packets": report.packets, "rejected": report.rejected, "open": report.open, "left_over": left_over,
        "oldest_packet": report.oldest.map(moment),
        "flowsentry": counts(sums.ours),
        "old": {
            "rows": sums.old.rows, "packets": sums.old.packets, "lag_seconds": span.lag.as_secs_f64(),
            "packets_least": is_timed.then_some(report.possible.0), "packets_most": is_timed.then_some(report.possible.1),
            "lost_at_least": is_timed.then_some(lost), "twice_at_least": is_timed.then_some(twice),
            "rows_without_time": counts(report.untimed),
        },
        "labels": labels, "times": times, "destinations": destinations,
    });
    format!("{value}\n")
}

fn counts(Flows { rows, packets }: Flows) -> Value {
    json!({ "rows": rows, "packets": packets })
}
