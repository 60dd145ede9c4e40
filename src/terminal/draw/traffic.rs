//! What came and what it was found to be, over the last half hour.

use std::cmp::Reverse;

use super::Plan;
use crate::terminal::canvas::{Canvas, Tone};
use crate::terminal::figures::{bars, decimal, grouped, short};
use crate::terminal::overview::Past;
use crate::terminal::text::width;
use crate::terminal::view::View;

/// Columns of the figures beside the charts.
const FIGURES: u16 = 24;
/// Columns of a label, at most.
const LABEL_MAX: usize = 18;
const COUNT: usize = 5;
/// A narrower chart shows nothing.
const CHART_MIN: u16 = 8;

/// Draws it, and gives the line after it.
pub(super) fn draw(canvas: &mut Canvas, view: &View, y: u16, plan: &Plan) -> u16 {
    let Some(overview) = &view.overview else { return y };
    let past = &overview.past;
    let mut y = throughput(canvas, past, y, plan.chart);
    if plan.has_lag {
        let greatest = past.lag_seconds.iter().flatten().copied().reduce(f64::max);
        let text = greatest.map_or_else(|| "not known".to_owned(), |lag| format!("{} s at most", decimal(lag)));
        canvas.put_all((0, y), &[("lag ", Tone::Quiet), (&text, Tone::Usual)]);
        chart(canvas, (FIGURES, y), &past.lag_seconds, 1);
        y += 1;
    }
    y += plan.gap;
    if plan.labels > 0 { verdicts(canvas, past, y, plan) } else { y }
}

fn throughput(canvas: &mut Canvas, past: &Past, y: u16, rows: u16) -> u16 {
    let now = past.packets_per_second.map_or_else(|| "?".to_owned(), decimal);
    canvas.put_all((0, y), &[(&now, Tone::Strong), (" packets/s", Tone::Strong)]);
    if rows > 1 {
        let peak = past.packets.iter().flatten().copied().fold(0.0, f64::max);
        canvas.put((0, y + 1), FIGURES, &format!("{} at most", decimal(peak)), Tone::Quiet);
    }
    if rows > 2 {
        canvas.put((0, y + 2), FIGURES, &format!("in {}", half_hour(past)), Tone::Quiet);
    }
    chart(canvas, (FIGURES, y), &past.packets, rows);
    y + rows
}

/// How long the charts reach back.
fn half_hour(past: &Past) -> String {
    let points = u64::try_from(past.packets.len()).unwrap_or_default();
    format!("{} minutes", points.saturating_mul(past.step_seconds) / 60)
}

fn chart(canvas: &mut Canvas, (x, y): (u16, u16), values: &[Option<f64>], rows: u16) {
    let room = canvas.width().saturating_sub(x);
    if room < CHART_MIN {
        return;
    }
    for (line, down) in bars(values, usize::from(room), usize::from(rows)).iter().zip(0..) {
        canvas.put((x, y + down), room, line, Tone::Chart);
    }
}

/// A line a label, the most frequent first; each chart to its own scale, since Normal is a thousand times the rest.
fn verdicts(canvas: &mut Canvas, past: &Past, y: u16, plan: &Plan) -> u16 {
    let sum = |columns: &Vec<u64>| columns.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let mut labels: Vec<(&String, &Vec<u64>, u64)> =
        past.verdicts.iter().map(|(label, columns)| (label, columns, sum(columns))).collect();
    labels.sort_by_key(|&(label, _, sum)| (Reverse(sum), label));
    let all = labels.iter().fold(0, |all: u64, (_, _, sum)| all.saturating_add(*sum));
    let heading = match labels.len().checked_sub(plan.labels) {
        Some(more @ 1..) => format!(" in {}, by label; {more} rarer labels not shown", half_hour(past)),
        _ if labels.is_empty() => format!(" in {}", half_hour(past)),
        _ => format!(" in {}, by label, each to its own scale", half_hour(past)),
    };
    canvas.put_all((0, y), &[("flows stored: ", Tone::Quiet), (&counted(all), Tone::Strong), (&heading, Tone::Quiet)]);
    labels.truncate(plan.labels);
    let room = labels.iter().map(|(label, ..)| width(label, LABEL_MAX)).max().unwrap_or_default();
    let column = |columns: usize| u16::try_from(columns).unwrap_or(u16::MAX);
    let mut line = y;
    for (label, columns, sum) in labels {
        line += 1;
        canvas.put((1, line), column(room), label, Tone::Usual);
        let count = format!("{:>COUNT$}", short(i64::try_from(sum).unwrap_or(i64::MAX)));
        canvas.put((column(room + 2), line), column(COUNT), &count, Tone::Strong);
        let values: Vec<Option<f64>> = columns.iter().map(|count| Some(*count as f64)).collect();
        chart(canvas, (column(room + COUNT + 3).max(FIGURES), line), &values, 1);
    }
    line + 1 + plan.gap
}

fn counted(count: u64) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}
