//! The alerts that are open, those to look at first at the top.

use crate::terminal::canvas::{Canvas, Tone};
use crate::terminal::figures::{grouped, seconds_between, short, span};
use crate::terminal::overview::{Alert, Alerts, Overview};
use crate::terminal::text::width;
use crate::terminal::view::View;

const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];
const LABEL: (usize, usize) = (5, 18);
const SUBJECT: (usize, usize) = (7, 39);
/// From this width on reasons have a column; in narrower windows they are in a line of their own.
const WIDE: u16 = 100;

/// Columns of the table from left to right, as many as there is room for.
struct Table {
    label: u16,
    subject: u16,
    has_counts: bool,
    has_packets: bool,
}

const MARKS: u16 = 2;
const SEVERITY: u16 = 8;
/// Between label and address: what the attack has to do with it.
const KIND: u16 = 2;
const COUNT: u16 = 5;
const PACKETS: u16 = 7;
const SINCE: u16 = 5;

impl Table {
    fn of(canvas: &Canvas, alerts: &[&Alert]) -> Self {
        let widest = |text: fn(&Alert) -> &str, (least, most): (usize, usize)| {
            let widths = alerts.iter().map(|alert| width(text(alert), most));
            u16::try_from(widths.max().unwrap_or_default().clamp(least, most)).unwrap_or_default()
        };
        let (mut label, mut subject) = (widest(|alert| &alert.label, LABEL), widest(|alert| &alert.subject, SUBJECT));
        let room = canvas.width().saturating_sub(MARKS + SEVERITY + KIND + SINCE + 4);
        // Where not all of both fits, the address keeps what it can: it is what is typed elsewhere.
        let least = u16::try_from(LABEL.0).unwrap_or_default();
        label = label.min(room.saturating_sub(subject).max(least + 3));
        subject = subject.min(room.saturating_sub(label));
        let rest = room.saturating_sub(label + subject);
        Self { label, subject, has_counts: rest >= 2 * (COUNT + 1), has_packets: rest > 2 * (COUNT + 1) + PACKETS }
    }

    /// Puts texts into the columns of a line, and gives the column after the last.
    fn put(&self, canvas: &mut Canvas, y: u16, texts: [(&str, Tone); 8]) -> u16 {
        let columns = [
            (SEVERITY, true, false),
            (self.label, true, false),
            (KIND, true, false),
            (self.subject, true, false),
            (COUNT, self.has_counts, true),
            (COUNT, self.has_counts, true),
            (PACKETS, self.has_packets, true),
            (SINCE, true, true),
        ];
        let mut x = MARKS;
        for ((text, tone), (room, is_shown, is_right)) in texts.into_iter().zip(columns) {
            if is_shown {
                let columns = u16::try_from(width(text, usize::from(room))).unwrap_or(room);
                let indent = if is_right { room.saturating_sub(columns) } else { 0 };
                canvas.put((x + indent, y), room, text, tone);
                x += room + 1;
            }
        }
        x
    }
}

/// Draws it down to the line of keys, and says which part of it is in sight.
pub(super) fn draw(canvas: &mut Canvas, view: &mut View, y: u16) -> Option<String> {
    let end = canvas.height() - u16::from(view.has_keys);
    let (selection, mut top) = (view.selection(), view.top);
    let overview = view.overview.as_ref()?;
    let alerts = view.alerts();
    heading(canvas, view, &overview.alerts, y);
    if alerts.is_empty() {
        let text = match (&overview.alerts.problem, view.filter.is_empty()) {
            (Some(_), _) => "not known",
            (None, true) => "no alert is open",
            (None, false) => "no open alert holds this text",
        };
        canvas.put((2, y + 1), canvas.width(), text, Tone::Usual);
        return None;
    }
    let table = Table::of(canvas, &alerts);
    let after =
        table.put(canvas, y + 1, ["severity", "label", "", "subject", "peers", "ports", "packets", "since"].map(quiet));
    let is_wide = canvas.width() >= WIDE;
    if is_wide {
        canvas.put((after + 1, y + 1), canvas.width(), "strongest reason", Tone::Quiet);
    }
    let room = usize::from(end.saturating_sub(y + 2));
    let all_say_why = !is_wide && 2 * alerts.len() <= room;
    let lines = |index: usize| {
        1 + usize::from(
            !is_wide && (all_say_why || (view.has_keys && index == selection)) && alerts[index].reason().is_some(),
        )
    };
    top = top.min(selection);
    while top < selection && (top..=selection).map(lines).sum::<usize>() > room {
        top += 1;
    }
    // What the filter or the end of others has made room for is used.
    while top > 0 && (top - 1..alerts.len()).map(lines).sum::<usize>() <= room {
        top -= 1;
    }
    let mut line = y + 2;
    let mut last = top;
    for (index, alert) in alerts.iter().enumerate().skip(top) {
        let tall = u16::try_from(lines(index)).unwrap_or(1);
        if line >= end {
            break;
        }
        row(canvas, &table, overview, alert, line, is_wide);
        if view.has_keys && index == selection {
            canvas.put((0, line), 1, ">", Tone::Strong);
            canvas.select(line);
        }
        if let Some(reason) = alert.reason().filter(|_| tall > 1 && line + 1 < end) {
            canvas.put((MARKS + 2, line + 1), canvas.width(), reason, Tone::Quiet);
        }
        line += tall;
        last = index + 1;
    }
    let part = (last - top < alerts.len()).then(|| format!("{}-{last} of {}", top + 1, alerts.len()));
    view.top = top;
    part
}

fn quiet(text: &str) -> (&str, Tone) {
    (text, Tone::Quiet)
}

/// How many there are, and what is left out.
fn heading(canvas: &mut Canvas, view: &View, alerts: &Alerts, y: u16) {
    let all = alerts.open.values().fold(0_i64, |all, count| all.saturating_add(*count));
    let count = if alerts.problem.is_some() { "?".to_owned() } else { grouped(all) };
    let mut x = canvas.put_all((0, y), &[("open alerts: ", Tone::Quiet), (&count, Tone::Strong)]);
    if !view.filter.is_empty() {
        let shown = format!("  {} hold ", view.alerts().len());
        x = canvas.put_all((x, y), &[(&shown, Tone::Usual), (&view.filter, Tone::Strong)]);
        canvas.put((x + 2, y), canvas.width(), "Esc shows all", Tone::Quiet);
        return;
    }
    // Severities that are not known here are counted too.
    let known = SEVERITIES.iter().filter_map(|name| alerts.open.get_key_value(*name));
    let others = alerts.open.iter().filter(|(name, _)| !SEVERITIES.contains(&name.as_str()));
    for (name, count) in known.chain(others).filter(|(_, count)| **count > 0) {
        x = canvas.put_all((x, y), &[("  ", Tone::Usual), (&grouped(*count), Tone::Strong), (" ", Tone::Usual)]);
        x = canvas.put((x, y), canvas.width(), name, severity(name));
    }
    if all > 0 {
        let seen = format!("  {} not acknowledged", grouped(alerts.unacknowledged));
        canvas.put((x, y), canvas.width(), &seen, Tone::Quiet);
    }
}

fn row(canvas: &mut Canvas, table: &Table, overview: &Overview, alert: &Alert, y: u16, is_wide: bool) {
    if alert.acknowledged_by.is_some() {
        canvas.put((1, y), 1, "✓", Tone::Good);
    }
    let age = seconds_between(&alert.first_seen, &overview.state.now).map_or_else(|| "?".to_owned(), span);
    let [peers, ports, packets] = [alert.peers, alert.ports, alert.packets].map(short);
    let after = table.put(
        canvas,
        y,
        [
            (&alert.severity, severity(&alert.severity)),
            (&alert.label, Tone::Strong),
            (part(&alert.subject_kind), Tone::Quiet),
            (&alert.subject, Tone::Usual),
            (&peers, Tone::Usual),
            (&ports, Tone::Usual),
            (&packets, Tone::Usual),
            (&age, Tone::Usual),
        ],
    );
    if let Some(reason) = alert.reason().filter(|_| is_wide) {
        canvas.put((after + 1, y), canvas.width(), reason, Tone::Quiet);
    }
}

/// What an attack has to do with the address that its alert is about.
fn part(subject_kind: &str) -> &'static str {
    match subject_kind {
        "attacker" => "by",
        "victim" => "on",
        "identity" => "as",
        _ => "",
    }
}

/// How a severity looks beside its word.
pub(super) fn severity(name: &str) -> Tone {
    match name {
        "critical" | "high" => Tone::Bad,
        "medium" => Tone::Careful,
        _ => Tone::Usual,
    }
}
