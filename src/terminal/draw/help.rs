//! Which keys there are, and what is shown.

use crate::terminal::canvas::{Canvas, Tone};

const LINES: &[(&str, &str)] = &[
    ("j k, arrows", "select an alert; page keys, Home and End too"),
    ("Enter", "the alert in detail: reasons, windows, flows"),
    ("Esc", "back; in the list: show all again"),
    ("f or /", "only alerts that hold a text: label, address, severity"),
    ("p", "pause, and go on"),
    ("q, Ctrl-C", "quit"),
    ("", ""),
    ("lag", "rows that are not read yet, seconds behind the newest"),
    ("·  _", "in charts: not known, nothing"),
    ("✓", "somebody has acknowledged it"),
    ("by on as", "the address attacks, is attacked, is posed as"),
    ("since", "time since the attack's first packet"),
    ("STALE", "the service does not answer; figures are of the time shown"),
];

pub(super) fn draw(canvas: &mut Canvas, y: u16) {
    for ((key, what), y) in LINES.iter().zip(y..canvas.height().saturating_sub(1)) {
        canvas.put((1, y), 11, key, Tone::Strong);
        canvas.put((13, y), canvas.width(), what, Tone::Usual);
    }
}
