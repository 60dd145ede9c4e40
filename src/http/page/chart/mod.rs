//! Charts as SVG of the server: a frame with few ticks and units, a text that says the same, and a table of the figures.
//!
//! The plot is stretched to the width that there is; texts are beside it, so that they are as large on a phone. There is no
//! `style`: all that differs is in attributes and classes.

mod columns;
mod line;
mod scale;

use maud::{Markup, html};

pub use columns::{Series, columns};
pub use line::line;

/// Width of a plot in its own units; heights are [`HEIGHT`].
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;

/// What a chart says beside its values.
pub struct Chart<'a> {
    /// Unique on its page.
    pub id: &'a str,
    /// What is shown, in a sentence: what somebody hears who does not see it.
    pub title: String,
    /// Of the values, at the greatest tick.
    pub unit: &'static str,
    /// How a tick of the values is written.
    pub tick: fn(f64) -> String,
    /// Below the plot, from left to right: two to four.
    pub below: Vec<String>,
    /// Head and rows of the table with the figures.
    pub table: Table,
}

/// Figures in a table.
#[derive(Default)]
pub struct Table {
    /// Heads of the columns.
    pub head: Vec<String>,
    /// The first cell of a row is its head.
    pub rows: Vec<Vec<String>>,
}

impl Chart<'_> {
    fn show(&self, top: f64, plot: &Markup) -> Markup {
        let (title_id, details_id) = (format!("{}-title", self.id), format!("{}-table", self.id));
        html! {
            figure.chart id=(self.id) {
                div.ticks aria-hidden="true" {
                    span { ((self.tick)(top)) " " span.unit { (self.unit) } }
                    span { ((self.tick)(top / 2.0)) }
                    span { "0" }
                }
                svg.plot viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                    aria-labelledby=(title_id) {
                    title id=(title_id) { (self.title) }
                    @for y in [0.0, HEIGHT / 2.0, HEIGHT] {
                        line.grid-line x1="0" x2=(WIDTH) y1=(y) y2=(y) vector-effect="non-scaling-stroke" {}
                    }
                    (plot)
                }
                div.below aria-hidden="true" { @for text in &self.below { span { (text) } } }
            }
            details.figures id=(details_id) {
                summary { "Figures as a table" }
                (self.table.show(&format!("{}-rows", self.id), &self.title))
            }
        }
    }
}

impl Table {
    fn show(&self, id: &str, caption: &str) -> Markup {
        html! {
            div.scroll id=(id) tabindex="0" role="region" aria-label=(format!("Table: {caption}")) {
                table {
                    caption.hidden { (caption) }
                    thead { tr { @for cell in &self.head { th scope="col" { (cell) } } } }
                    tbody {
                        @if self.rows.is_empty() { tr { td colspan=(self.head.len()) { "No figures yet." } } }
                        @for row in &self.rows {
                            tr {
                                @if let Some((head, cells)) = row.split_first() {
                                    th scope="row" { (head) }
                                    @for cell in cells { td.number { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A coordinate, as short as it may be.
fn at(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests;
