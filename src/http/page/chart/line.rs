//! A line of values in time. What is not known is a gap, never a zero and never a bridge.

use std::fmt::Write;

use maud::{Markup, html};

use super::{Chart, HEIGHT, WIDTH, at, scale};

/// Values from the oldest to the latest. The axis goes to `least` at least, so that little is not made to look like much.
pub fn line(chart: &Chart<'_>, values: &[Option<f64>], least: f64) -> Markup {
    let values: Vec<Option<f64>> = values.iter().map(|value| value.filter(|value| value.is_finite())).collect();
    let top = scale::top(values.iter().flatten().copied(), least);
    let runs = runs(&values);
    let point = |index: usize, value: f64| (WIDTH * (index as f64 + 0.5) / values.len() as f64, y_of(value, top));
    let half = WIDTH / values.len().max(1) as f64 / 2.0;
    let mut path = String::new();
    let mut area = String::new();
    for run in runs {
        let points: Vec<(f64, f64)> = run.iter().map(|&(index, value)| point(index, value)).collect();
        let (Some(oldest), Some(latest)) = (points.first(), points.last()) else { continue };
        // A value is of a span: the first and last reach to its edges, so that a single one is seen as well.
        let (from, to) = (oldest.0 - half, latest.0 + half);
        let mut through = format!("{} {}", at(from), at(oldest.1));
        for (x, y) in &points {
            let _ = write!(through, "L{} {}", at(*x), at(*y)); // writing to a string cannot fail
        }
        let _ = write!(through, "L{} {}", at(to), at(latest.1));
        let _ = write!(path, "M{through}");
        let _ = write!(area, "M{} {}L{through}L{} {}Z", at(from), at(HEIGHT), at(to), at(HEIGHT));
    }
    chart.show(
        top,
        &html! {
            path.area d=(area) {}
            path.line d=(path) vector-effect="non-scaling-stroke" {}
        },
    )
}

fn y_of(value: f64, top: f64) -> f64 {
    HEIGHT - HEIGHT * (value.max(0.0) / top)
}

/// Values that follow each other without a gap.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut goes_on = false;
    for (index, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) if goes_on => run.push((index, *value)),
            (Some(value), _) => runs.push(vec![(index, *value)]),
            (None, _) => {}
        }
        goes_on = value.is_some();
    }
    runs
}
