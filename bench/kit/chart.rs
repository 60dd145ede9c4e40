//! Pictures of figures as SVG, readable on light and dark pages; written by hand, for a plotting library is larger than all.

use std::fmt::Write;

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 38.0;
/// Panels side by side.
const COLUMNS: usize = 2;
const COLOURS: [&str; 3] = ["#2f7ed8", "#d9662b", "#3a9a55"];

/// How figures are laid along an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// From 0.
    Linear,
    /// Powers of ten.
    Logarithmic,
}

/// One picture: lines over a common axis.
pub struct Panel {
    pub title: String,
    pub x: (&'static str, Axis),
    pub y: Axis,
    /// Name and points of each line; the name is shown if there is more than one.
    pub lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// All panels as one SVG document.
pub fn svg(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<style>\n  text {{ fill: #444 }} .title {{ fill: #111; font-size: 12.5px }} \
         .grid {{ stroke: #8886; stroke-width: 0.7 }}\n  \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #bbb }} .title {{ fill: #eee }} }}\n</style>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let _ = writeln!(out, "<g transform=\"translate({} {})\">", column as f64 * WIDTH, row as f64 * HEIGHT);
        draw(panel, &mut out);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn draw(panel: &Panel, out: &mut String) {
    let points = || panel.lines.iter().flat_map(|(_, points)| points.iter().copied());
    let across = Scale::of(panel.x.1, points().map(|(x, _)| x), (LEFT, WIDTH - RIGHT));
    let up = Scale::of(panel.y, points().map(|(_, y)| y), (HEIGHT - BOTTOM, TOP));
    let _ = writeln!(out, "<text class=\"title\" x=\"8\" y=\"17\">{}</text>", panel.title);
    for tick in across.ticks() {
        let (x, low) = (across.place(tick), HEIGHT - BOTTOM);
        let _ = writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {low}V{TOP}\"/>");
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", low + 14.0, short(tick));
    }
    for tick in up.ticks() {
        let (y, right) = (up.place(tick), WIDTH - RIGHT);
        let _ = writeln!(out, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 5.0, y + 4.0, short(tick));
    }
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let _ = writeln!(out, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>", HEIGHT - 8.0, panel.x.0);
    for ((name, points), colour) in panel.lines.iter().zip(COLOURS) {
        let path: Vec<String> =
            points.iter().map(|(x, y)| format!("{:.1} {:.1}", across.place(*x), up.place(*y))).collect();
        let path = path.join("L");
        let _ = writeln!(out, "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>");
        if let (true, Some((_, y))) = (panel.lines.len() > 1, points.last()) {
            let (x, y) = (WIDTH - RIGHT - 4.0, up.place(*y) - 5.0);
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\" style=\"fill: {colour}\">{name}</text>"
            );
        }
    }
}

/// Where figures lie between two places.
struct Scale {
    axis: Axis,
    from: f64,
    to: f64,
    places: (f64, f64),
}

impl Scale {
    fn of(axis: Axis, figures: impl Iterator<Item = f64> + Clone, places: (f64, f64)) -> Self {
        let finite = figures.filter(|figure| figure.is_finite() && (axis == Axis::Linear || *figure > 0.0));
        let (least, greatest) = (finite.clone().fold(f64::MAX, f64::min), finite.fold(f64::MIN_POSITIVE, f64::max));
        let (from, to) = match axis {
            Axis::Linear => (0.0, (greatest / step(greatest)).ceil() * step(greatest)),
            Axis::Logarithmic => {
                (least.log10().floor(), least.log10().floor().max((greatest.log10() - 1e-9).ceil() - 1.0) + 1.0)
            }
        };
        Self { axis, from, to, places }
    }

    fn place(&self, figure: f64) -> f64 {
        let figure = if self.axis == Axis::Logarithmic { figure.max(f64::MIN_POSITIVE).log10() } else { figure };
        let share = ((figure - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    fn ticks(&self) -> Vec<f64> {
        let step = if self.axis == Axis::Logarithmic { 1.0 } else { step(self.to) };
        let mut ticks = Vec::new();
        let mut at = self.from;
        while at <= self.to + step * 1e-6 {
            ticks.push(if self.axis == Axis::Logarithmic { 10.0_f64.powf(at) } else { at });
            at += step;
        }
        ticks
    }
}

/// A round distance of ticks, so that there are three to seven.
fn step(greatest: f64) -> f64 {
    let power = 10.0_f64.powf(greatest.log10().floor());
    match greatest / power {
        share if share > 5.0 => 2.0 * power,
        share if share > 2.0 => power,
        share if share > 1.0 => 0.5 * power,
        _ => 0.2 * power,
    }
}

/// 10k, 2M, 0.05.
fn short(figure: f64) -> String {
    let (figure, unit) = match figure {
        figure if figure >= 1e6 => (figure / 1e6, "M"),
        figure if figure >= 1e4 => (figure / 1e3, "k"),
        figure => (figure, ""),
    };
    format!("{}{unit}", (figure * 1e6).round() / 1e6)
}
