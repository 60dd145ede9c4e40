//! One alert: whom it is about, why, and what shows it.

use super::alerts::severity;
use crate::terminal::canvas::{Canvas, Tone};
use crate::terminal::figures::{clock, grouped, moment, seconds_between, short, span};
use crate::terminal::overview::{Alert, Evidence, Flow};
use crate::terminal::text::{visible, width};
use crate::terminal::view::View;

/// Lines of one text, at most.
const TEXT_LINES_MAX: usize = 6;
/// Addresses and ports that are named.
const SAMPLE_MAX: usize = 24;

/// Columns of the table of flows.
const PROTOCOL: usize = 8;
const LABEL: usize = 14;
const ADDRESS: usize = 39;

/// A line: pieces one after the other.
type Line = Vec<(String, Tone)>;

/// Draws it down to the line of keys, and says how much more there is.
pub(super) fn draw(canvas: &mut Canvas, view: &mut View, y: u16) -> Option<String> {
    let end = canvas.height() - u16::from(view.has_keys);
    let lines = lines(view, usize::from(canvas.width()));
    let room = usize::from(end.saturating_sub(y));
    view.scroll = view.scroll.min(lines.len().saturating_sub(room));
    for (line, y) in lines.iter().skip(view.scroll).zip(y..end) {
        line.iter().fold(0, |x, (text, tone)| canvas.put((x, y), canvas.width(), text, *tone));
    }
    let below = lines.len().saturating_sub(view.scroll + room);
    (below > 0).then(|| format!("{below} more lines"))
}

fn lines(view: &View, width: usize) -> Vec<Line> {
    let now = view.overview.as_ref().map(|overview| overview.state.now.as_str()).unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(alert) = view.detailed() {
        lines.extend(who(alert, now, width));
        lines.extend(why(alert, width));
    } else {
        lines.push(vec![plain("this alert is not open any more")]);
    }
    match view.evidence() {
        Some(Ok(evidence)) => lines.extend(shown_by(evidence)),
        Some(Err(why)) => lines.extend(wrapped("evidence cannot be read: ", why, width, Tone::Bad)),
        None => lines.push(vec![plain("asking for its evidence")]),
    }
    lines
}

fn plain(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Usual)
}

fn quiet(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Quiet)
}

fn strong(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Strong)
}

fn who(alert: &Alert, now: &str, width: usize) -> Vec<Line> {
    let ago =
        |time: &str| seconds_between(time, now).map_or_else(String::new, |seconds| format!(" ({} ago)", span(seconds)));
    let mut lines = vec![
        vec![
            (alert.severity.clone(), severity(&alert.severity)),
            strong(format!("  {}", safe_piece(&alert.label))),
            plain(format!("  {} ", safe_piece(&alert.subject_kind))),
            strong(alert.subject.clone()),
            plain(format!("  {}, alert {}", safe_piece(&alert.state), alert.id)),
        ],
        vec![quiet("first seen "), plain(moment(&alert.first_seen)), plain(ago(&alert.first_seen))],
        vec![quiet("last seen  "), plain(moment(&alert.last_seen)), plain(ago(&alert.last_seen))],
    ];
    if let Some(ended) = &alert.ended_at {
        lines.push(vec![quiet("ended      "), plain(moment(ended)), plain(ago(ended))]);
    }
    let volume = [
        (grouped(alert.packets), " packets, "),
        (grouped(alert.bytes), " octets, "),
        (grouped(alert.flows), " flows, "),
        (grouped(alert.windows), " windows"),
    ];
    lines.push(volume.into_iter().flat_map(|(count, what)| [strong(count), quiet(what)]).collect());
    let sample = |texts: Vec<String>, all: i64| {
        let more = if usize::try_from(all).is_ok_and(|all| all > texts.len()) { ", ..." } else { "" };
        let named = if texts.is_empty() { String::new() } else { format!(": {}{more}", texts.join(", ")) };
        format!("{}{named}", grouped(all))
    };
    let peers = alert.peer_sample.iter().take(SAMPLE_MAX).cloned().collect();
    let ports = alert.port_sample.iter().take(SAMPLE_MAX).map(ToString::to_string).collect();
    lines.extend(wrapped("peers      ", &sample(peers, alert.peers), width, Tone::Usual));
    lines.extend(wrapped("ports      ", &sample(ports, alert.ports), width, Tone::Usual));
    lines.extend(wrapped("protocols  ", &alert.protocols.join(", "), width, Tone::Usual));
    if let Some(by) = &alert.acknowledged_by {
        lines.extend(wrapped("seen by    ", by, width, Tone::Usual));
    }
    if let Some(note) = &alert.note {
        lines.extend(wrapped("note       ", note, width, Tone::Usual));
    }
    lines
}

/// So much of a text that stands before others as leaves room for them.
fn safe_piece(text: &str) -> String {
    crate::terminal::text::safe(text, 24)
}

fn why(alert: &Alert, width: usize) -> Vec<Line> {
    let model = alert.model_version.as_deref().unwrap_or("?");
    let heading = format!("  confidence {:.2}, model {}", alert.confidence, safe_piece(model));
    let mut lines = vec![Vec::new(), vec![strong("why"), quiet(heading)]];
    let Some(reasons) = &alert.reasons else {
        lines.push(vec![plain("  the model gave no reasons")]);
        return lines;
    };
    for reason in &reasons.features {
        let sign = if reason.contribution < 0.0 { "- " } else { "+ " };
        lines.extend(wrapped(&format!("  {sign}"), &reason.sentence, width, Tone::Usual));
    }
    if let Some(back) = &reasons.way_back {
        lines.extend(wrapped("  ", &back.sentence, width, Tone::Quiet));
    }
    lines
}

fn shown_by(evidence: &Evidence) -> Vec<Line> {
    let mut lines = vec![Vec::new(), vec![strong("closed windows")]];
    if evidence.windows.is_empty() {
        lines.push(vec![plain("  none yet: it rests on windows that are open")]);
    } else {
        lines.push(vec![quiet("  since    packets  flows  peers  ports  confidence")]);
    }
    for window in &evidence.windows {
        let [packets, flows, peers, ports] = [window.packets, window.flows, window.peers, window.ports].map(short);
        let text = format!(
            "  {:8.8}  {packets:>6}  {flows:>5}  {peers:>5}  {ports:>5}        {:.2}",
            clock(&window.window_start),
            window.confidence
        );
        lines.push(vec![plain(text)]);
    }
    lines.extend([Vec::new(), vec![strong("stored flows")]]);
    if let Some(problem) = &evidence.stored_flows_problem {
        lines.push(vec![(format!("  cannot be read: {problem}"), Tone::Bad)]);
    } else if evidence.stored_flows.is_empty() {
        lines.push(vec![plain("  none yet")]);
    } else {
        lines.push(vec![quiet("  since    packets  ports  protocol  label           from, to")]);
    }
    lines.extend(evidence.stored_flows.iter().map(flow));
    lines
}

fn flow(flow: &Flow) -> Line {
    let text = |text: &Option<String>, room: usize| {
        let text = crate::terminal::text::safe(text.as_deref().unwrap_or("?"), room);
        let padding = " ".repeat(room - width(&text, room));
        (text, padding)
    };
    let count = |count: Option<i64>| count.map_or_else(|| "?".to_owned(), short);
    let (protocol, after_protocol) = text(&flow.protocol, PROTOCOL);
    let (label, after_label) = text(&flow.predicted_label, LABEL);
    let figures = format!(
        "  {:8.8}  {:>6}  {:>5}  {protocol}{after_protocol}  ",
        clock(&flow.window_start),
        count(flow.packet_count),
        count(flow.destination_ports)
    );
    let ends = format!("{after_label}  {} -> {}", text(&flow.src_ip, ADDRESS).0, text(&flow.dest_ip, ADDRESS).0);
    vec![plain(figures), strong(label), plain(ends)]
}

/// A text in as many lines as it needs, but not more than [`TEXT_LINES_MAX`]: what is left of the last one is cut. The lines
/// begin where the first one's text does.
fn wrapped(before: &str, text: &str, width: usize, tone: Tone) -> Vec<Line> {
    let room = width.saturating_sub(before.len()).max(1);
    let mut rest = text;
    let mut lines = Vec::new();
    while lines.len() < TEXT_LINES_MAX - 1 {
        let end = fitting(rest, room);
        if end == rest.len() {
            break;
        }
        let end = rest[..end].rfind(' ').map_or(end, |space| space + 1);
        lines.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    lines.push(rest.chars().take(room + 1).collect());
    let indent = " ".repeat(before.len());
    let first = std::iter::once(before.to_owned()).chain(std::iter::repeat(indent));
    first.zip(lines).map(|(before, line)| vec![quiet(before), (line, tone)]).collect()
}

/// Octets of the text that fit into so many columns: at least one letter.
fn fitting(text: &str, room: usize) -> usize {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += visible(letter).1;
        if used > room && at > 0 {
            return at;
        }
    }
    text.len()
}
