//! A frame: from the view and a size to cells.

mod alerts;
mod detail;
mod head;
mod help;
mod traffic;

use ratatui::buffer::Buffer;

use super::canvas::{Canvas, Paint, Tone};
use super::view::View;

/// Below this nothing can be read.
const WIDTH_MIN: u16 = 40;
const HEIGHT_MIN: u16 = 10;

/// What has room in a window of some height.
struct Plan {
    notices: usize,
    /// Lines of the chart of throughput.
    chart: u16,
    has_lag: bool,
    /// Labels in the chart of verdicts.
    labels: usize,
    /// Empty lines between the parts.
    gap: u16,
}

impl Plan {
    fn of(height: u16) -> Self {
        match height {
            ..14 => Self { notices: 1, chart: 1, has_lag: false, labels: 0, gap: 0 },
            14..20 => Self { notices: 1, chart: 1, has_lag: false, labels: 3, gap: 0 },
            20..32 => Self { notices: 2, chart: 2, has_lag: true, labels: 5, gap: 0 },
            _ => Self { notices: 3, chart: 3, has_lag: true, labels: 10, gap: 1 },
        }
    }
}

/// What is seen in a window of this size. Brings what has been scrolled too far back to the end.
pub fn frame(view: &mut View, (width, height): (u16, u16), paint: Paint) -> Buffer {
    let mut canvas = Canvas::new(width, height, paint);
    if width < WIDTH_MIN || height < HEIGHT_MIN {
        let said = format!("too small: {width} x {height}");
        canvas.put((0, 0), width, &said, Tone::Strong);
        canvas.put((0, 1), width, &format!("{WIDTH_MIN} x {HEIGHT_MIN} at least"), Tone::Usual);
        return canvas.buffer;
    }
    let plan = Plan::of(height);
    let y = head::draw(&mut canvas, view, &plan);
    let aside = if view.has_help {
        help::draw(&mut canvas, y);
        None
    } else if view.overview.is_none() {
        if view.trouble.is_none() {
            canvas.put_all((0, y), &[("asking ", Tone::Usual), (&view.address, Tone::Usual)]);
        }
        None
    } else if view.detail.is_some() {
        detail::draw(&mut canvas, view, y)
    } else {
        let y = traffic::draw(&mut canvas, view, y, &plan);
        alerts::draw(&mut canvas, view, y)
    };
    if view.has_keys {
        foot(&mut canvas, view, &aside.unwrap_or_default());
    }
    canvas.buffer
}

/// Which keys there are, as many as there is room for beside what part is in sight.
fn foot(canvas: &mut Canvas, view: &View, aside: &str) {
    let y = canvas.height() - 1;
    let end = canvas.put_right(y, aside, Tone::Usual);
    if view.is_filtering {
        let at =
            canvas.put_all((0, y), &[("filter: ", Tone::Strong), (&view.filter, Tone::Usual), ("_", Tone::Strong)]);
        canvas.put((at + 2, y), canvas.width(), "Enter keep, Esc all", Tone::Quiet);
        return;
    }
    let keys: &[(&str, &str)] = if view.has_help {
        &[("any key", "back"), ("q", "quit")]
    } else if view.detail.is_some() {
        &[("Esc", "back"), ("q", "quit"), ("j/k", "scroll"), ("p", "pause"), ("?", "help")]
    } else {
        &[("q", "quit"), ("?", "help"), ("Enter", "detail"), ("j/k", "select"), ("f", "filter"), ("p", "pause")]
    };
    let mut x = 0;
    for (key, what) in keys {
        let columns = u16::try_from(key.len() + what.len() + 3).unwrap_or(u16::MAX);
        if x + columns > end {
            break;
        }
        canvas.put_all((x, y), &[(key, Tone::Strong), (" ", Tone::Usual), (what, Tone::Quiet)]);
        x += columns;
    }
}
