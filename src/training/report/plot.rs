//! A picture of figures between 0 and 1: axes, lines and columns as SVG, scaled to the page, coloured by its style sheet.

use super::markup::Markup;

/// Width and height of the picture, in its own units: about what a phone shows, so that its texts stay readable there.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 260.0;
/// Room for what stands beside the axes.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 42.0;

/// What stands at the axes.
#[derive(Clone, Debug)]
pub struct Axes {
    /// What the picture shows, for those who cannot see it.
    pub title: String,
    /// Of the horizontal axis.
    pub x: &'static str,
    /// Of the vertical axis.
    pub y: &'static str,
    /// Where the horizontal axis is marked, 0 to 1, and how.
    pub ticks: Vec<(f64, String)>,
}

impl Axes {
    /// Both from 0 to 1.
    pub fn unit(title: String, x: &'static str, y: &'static str) -> Self {
        Self { title, x, y, ticks: quarters().map(|at| (at, at.to_string())).collect() }
    }
}

fn quarters() -> impl Iterator<Item = f64> {
    (0..=4u8).map(|quarter| f64::from(quarter) / 4.0)
}

/// The inside of a picture; places are 0 to 1 in both directions, the origin is at the lower left.
pub struct Plot<'a>(&'a mut Markup);

/// Draws axes and what `inside` adds.
pub fn plot(page: &mut Markup, axes: &Axes, inside: impl FnOnce(&mut Plot<'_>)) {
    let view_box = format!("0 0 {WIDTH} {HEIGHT}");
    page.element("svg", &[("viewBox", &view_box), ("role", &"img"), ("aria-label", &axes.title)], |svg| {
        grid(svg, axes);
        inside(&mut Plot(svg));
    });
}

fn grid(svg: &mut Markup, axes: &Axes) {
    for at in quarters() {
        let y = vertical(at);
        segment(svg, "grid", (LEFT, y), (WIDTH - RIGHT, y));
        label(svg, "end", (LEFT - 6.0, y + 4.0), &at.to_string());
    }
    for (at, text) in &axes.ticks {
        let x = horizontal(*at);
        segment(svg, "grid", (x, TOP), (x, HEIGHT - BOTTOM));
        label(svg, "middle", (x, HEIGHT - BOTTOM + 15.0), text);
    }
    label(svg, "middle", (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 8.0), axes.x);
    let middle = f64::midpoint(TOP, HEIGHT - BOTTOM);
    let turned = format!("rotate(-90 11 {middle})");
    svg.leaf("text", &[("x", &11), ("y", &middle), ("text-anchor", &"middle"), ("transform", &turned)], axes.y);
}

impl Plot<'_> {
    /// A line through points.
    pub fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let place = |(x, y)| format!("{:.1},{:.1}", horizontal(x), vertical(y));
        let points = points.into_iter().map(place).collect::<Vec<_>>().join(" ");
        self.0.element("polyline", &[("class", &class), ("points", &points)], |_| {});
    }

    /// A dot with a text that a pointer shows.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, text: &str) {
        let place = [("cx", horizontal(x)), ("cy", vertical(y))].map(|(name, at)| (name, format!("{at:.1}")));
        let [(cx, x), (cy, y)] = &place;
        self.0.element("circle", &[("class", &class), (cx, x), (cy, y), ("r", &format!("{radius:.1}"))], |circle| {
            circle.leaf("title", &[], text);
        });
    }

    /// A column from the horizontal axis up.
    pub fn column(&mut self, class: &str, from: f64, to: f64, height: f64) {
        let (left, right, top) = (horizontal(from) + 1.0, horizontal(to) - 1.0, vertical(height));
        let sizes = [left, top, right - left, vertical(0.0) - top].map(|size| format!("{size:.1}"));
        let [x, y, width, height] = &sizes;
        self.0.element("rect", &[("class", &class), ("x", x), ("y", y), ("width", width), ("height", height)], |_| {});
    }
}

fn segment(svg: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(|at| format!("{at:.1}"));
    svg.element("line", &[("class", &class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)], |_| {});
}

fn label(svg: &mut Markup, anchor: &str, (x, y): (f64, f64), text: &str) {
    let [x, y] = [x, y].map(|at| format!("{at:.1}"));
    svg.leaf("text", &[("x", &x), ("y", &y), ("text-anchor", &anchor)], text);
}

fn horizontal(x: f64) -> f64 {
    LEFT + x.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn vertical(y: f64) -> f64 {
    HEIGHT - BOTTOM - y.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_are_where_they_belong() {
        let mut page = Markup::default();
        let axes = Axes::unit("a < b".to_owned(), "x", "y");
        plot(&mut page, &axes, |plot| {
            plot.line("c", [(0.0, 0.0), (1.0, 1.0), (2.0, -1.0)]);
            plot.column("bar", 0.0, 0.5, 0.5);
            plot.dot("c", (0.5, 0.5), 3.0, "1 & 2");
        });
        let svg = page.into_string();
        for part in [
            "aria-label=\"a &lt; b\"",
            "<polyline class=\"c\" points=\"44.0,218.0 328.0,10.0 328.0,218.0\">",
            "<rect class=\"bar\" x=\"45.0\" y=\"114.0\" width=\"140.0\" height=\"104.0\">",
            "<circle class=\"c\" cx=\"186.0\" cy=\"114.0\" r=\"3.0\"><title>1 &amp; 2</title>",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
