//! Columns of counts in time, stacked by what they are of. Equal counts have equal heights, and none has none.

use maud::{Markup, html};

use super::{Chart, HEIGHT, WIDTH, at, scale};

/// Counts of one kind, the oldest first.
pub struct Series {
    /// The class that colours it.
    pub class: String,
    /// A count a column.
    pub counts: Vec<u64>,
}

/// Of a column's place, what stays empty.
const GAP: f64 = 0.2;

/// Columns, the first series at the bottom.
pub fn columns(chart: &Chart<'_>, series: &[Series]) -> Markup {
    let places = series.iter().map(|series| series.counts.len()).max().unwrap_or_default();
    let count = |series: &Series, place: usize| series.counts.get(place).copied().unwrap_or_default() as f64;
    let sums = (0..places).map(|place| series.iter().map(|series| count(series, place)).sum());
    let top = scale::top(sums, 2.0);
    let step = WIDTH / places.max(1) as f64;
    let height = |count: f64| HEIGHT * count / top;
    let mut below = vec![0.0; places];
    chart.show(
        top,
        &html! {
            @for series in series {
                g class=(series.class) {
                    @for (place, below) in below.iter_mut().enumerate() {
                        @let count = count(series, place);
                        @if count > 0.0 {
                            rect x=(at(step * (place as f64 + GAP / 2.0))) width=(at(step * (1.0 - GAP)))
                                y=(exact(HEIGHT - height(raised(below, count)))) height=(exact(height(count))) {}
                        }
                    }
                }
            }
        },
    )
}

/// Adds to what lies below, and gives the new sum.
fn raised(below: &mut f64, count: f64) -> f64 {
    *below += count;
    *below
}

/// Finer than [`at`]: small counts must not become none.
fn exact(coordinate: f64) -> String {
    let text = format!("{coordinate:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
