//! The pictures of a report. Every class has the same colour in all of them.

use super::markup::Markup;
use super::plot::{Axes, plot};
use crate::training::evaluate::{PREFIX_SECONDS, PrecisionRecall, PrefixCurve, Reliability};

/// Colours of the style sheet; classes past them share.
const COLOURS: [&str; 8] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];

fn colour(class: &str, classes: &[String]) -> &'static str {
    let index = classes.iter().position(|known| known == class).unwrap_or_default();
    COLOURS[index % COLOURS.len()]
}

/// How often verdicts are right, by how sure the model is.
pub fn reliability(figure: &mut Markup, reliability: &Reliability) {
    let axes = Axes::unit("Reliability diagram".to_owned(), "confidence", "right verdicts");
    plot(figure, &axes, |plot| {
        for bin in &reliability.bins {
            plot.column("bar-of-bin", bin.above, bin.up_to, bin.accuracy);
        }
        plot.line("ideal", [(0.0, 0.0), (1.0, 1.0)]);
        for bin in &reliability.bins {
            let text = format!("confidence {:.3}, right {:.3}, {} flows", bin.confidence, bin.accuracy, bin.flows);
            plot.dot("c1", (bin.confidence, bin.accuracy), 2.0 + 8.0 * bin.share.sqrt(), &text);
        }
    });
}

/// A class's precision by its recall.
pub fn precision_recall(figure: &mut Markup, curve: &PrecisionRecall, classes: &[String]) {
    let axes = Axes::unit(format!("Precision by recall of {}", curve.class), "recall", "precision");
    plot(figure, &axes, |plot| {
        // Precision at no recall is that of the first point.
        let first = curve.points.first().map(|point| (0.0, point.precision));
        let points = curve.points.iter().map(|point| (point.recall, point.precision));
        plot.line(colour(&curve.class, classes), first.into_iter().chain(points));
    });
}

/// Recall by length of the prefix, a line a class.
pub fn prefixes(figure: &mut Markup, curves: &[PrefixCurve], classes: &[String]) {
    let last = (PREFIX_SECONDS.len() - 1) as f64;
    let place = |index: usize| index as f64 / last;
    let ticks = PREFIX_SECONDS.iter().enumerate().map(|(index, seconds)| (place(index), seconds.to_string())).collect();
    let title = "Recall by seconds of an attack".to_owned();
    plot(figure, &Axes { title, x: "seconds of an attack", y: "recall", ticks }, |plot| {
        for curve in curves {
            let colour = colour(&curve.class, classes);
            let points = || curve.points.iter().enumerate().map(|(index, point)| (place(index), point.recall));
            plot.line(colour, points());
            for (place, point) in points().zip(&curve.points) {
                let text = format!("{}: {:.3} at {} s", curve.class, point.recall, point.seconds);
                plot.dot(colour, place, 3.5, &text);
            }
        }
    });
    figure.element("ul", &[("class", &"key")], |key| {
        for curve in curves {
            key.element("li", &[], |entry| {
                entry.leaf("i", &[("class", &colour(&curve.class, classes))], "");
                entry.text(&curve.class);
            });
        }
    });
}
