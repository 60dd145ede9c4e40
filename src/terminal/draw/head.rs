//! The first lines: whether it works, how far behind it is, and what is wrong.

use super::Plan;
use crate::terminal::canvas::{Canvas, Tone};
use crate::terminal::figures::{clock, decimal, grouped, span};
use crate::terminal::view::View;

/// In narrower windows the time gives way to what does not work.
const NARROW: u16 = 60;

/// Draws it, and gives the line after it.
pub(super) fn draw(canvas: &mut Canvas, view: &View, plan: &Plan) -> u16 {
    let (mark, tone) = mark(view, canvas.width() < NARROW);
    let end = canvas.put_right(0, &mark, tone);
    let mut x = canvas.put((0, 0), end, "flowsentry", Tone::Strong);
    let mut y = 1;
    if let Some(overview) = &view.overview {
        let state = &overview.state;
        let (ready, tone) = match (state.ready, view.stale()) {
            (_, Some(_)) => ("state unknown", Tone::Careful),
            (true, None) => ("ready", Tone::Good),
            (false, None) => ("NOT READY", Tone::Bad),
        };
        for (text, tone) in [(state.role.as_str(), Tone::Usual), (ready, tone)] {
            x = canvas.put((x + 2, 0), end.saturating_sub(x + 3), text, tone);
        }
        figures(canvas, view);
        y = 2;
    }
    for (text, tone) in notices(view).iter().take(plan.notices) {
        canvas.put((0, y), canvas.width(), text, *tone);
        y += 1;
    }
    y + plan.gap
}

/// Whether what is shown is what is going on.
fn mark(view: &View, is_narrow: bool) -> (String, Tone) {
    let Some(overview) = &view.overview else { return ("no answer yet".to_owned(), Tone::Careful) };
    let time = clock(&overview.state.now);
    let (word, tone) = match view.stale() {
        Some(age) => (format!("STALE for {}", span(seconds(age))), Tone::Bad),
        None if view.is_paused => ("PAUSED".to_owned(), Tone::Careful),
        None if view.has_keys => ("live".to_owned(), Tone::Good),
        None => (String::new(), Tone::Usual),
    };
    (if is_narrow { word } else { format!("{word} {time} UTC") }, tone)
}

fn seconds(age: std::time::Duration) -> i64 {
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// Lag first: where there is no room, the rest is cut.
fn figures(canvas: &mut Canvas, view: &View) {
    let Some(overview) = &view.overview else { return };
    let state = &overview.state;
    let figure = |name: &str| state.figures.get(name).copied().flatten();
    let rows = state.lag_rows.map_or_else(|| "?".to_owned(), grouped);
    let lag = figure("lag_seconds").map_or_else(|| "? s".to_owned(), |lag| format!("{} s", decimal(lag)));
    #[allow(clippy::cast_possible_truncation)] // saturates
    let uptime = span(state.uptime_seconds as i64);
    let model = state.model_version.as_deref().unwrap_or("none");
    let quiet = |text| (text, Tone::Quiet);
    let pieces = [quiet("lag "), (rows.as_str(), Tone::Strong), quiet(" rows, "), (lag.as_str(), Tone::Strong)];
    let x = canvas.put_all((0, 1), &pieces);
    let pieces = [quiet("  up "), (uptime.as_str(), Tone::Usual), quiet("  model "), (model, Tone::Usual)];
    let x = canvas.put_all((x, 1), &pieces);
    if let Some(flows) = figure("open_flows") {
        let flows = format!("  {} flows open", decimal_count(flows));
        if x + u16::try_from(flows.len()).unwrap_or(u16::MAX) <= canvas.width() {
            canvas.put((x, 1), canvas.width(), &flows, Tone::Quiet);
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // saturates
fn decimal_count(count: f64) -> String {
    grouped(count as i64)
}

/// What is wrong, the worst first.
fn notices(view: &View) -> Vec<(String, Tone)> {
    let mut notices = Vec::new();
    if let Some(why) = &view.trouble {
        let what = if view.overview.is_some() { "no answer from" } else { "no answer yet from" };
        notices.push((format!("{what} {}: {why}", view.address), Tone::Bad));
    }
    let Some(overview) = &view.overview else { return notices };
    if !overview.state.ready && !overview.state.reasons.is_empty() {
        notices.push((format!("not ready: {}", overview.state.reasons.join("; ")), Tone::Bad));
    }
    if let Some(problem) = &overview.alerts.problem {
        notices.push((format!("alerts cannot be read: {problem}"), Tone::Bad));
    }
    if let Some(problem) = &overview.state.model_problem {
        notices.push((format!("nothing is labelled: {problem}"), Tone::Careful));
    }
    notices
}
