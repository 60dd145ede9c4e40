//! What each class could reach at other thresholds: its precision-recall curve and average precision.
//!
//! A flow's score is the probability that the model gives the class; at a threshold every flow of that score and more counts
//! as the class, whatever else it might be. Flows weigh as [`super::weights`] says. Average precision is the sum of the
//! precisions at each score, each times what the recall gains there: Σ (Rₙ − Rₙ₋₁) Pₙ, without interpolation, as in
//! scikit-learn's `average_precision_score`. Flows of equal score are taken together.

use serde::Serialize;

use super::weights::Weighted;

/// Recall gained from one point of a curve to the next: curves are pictures, and twenty thousand points show no more.
const RECALL_STEP: f64 = 0.005;

/// A class's curve.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PrecisionRecall {
    /// The class.
    pub class: String,
    /// Average precision over all scores, 0 to 1.
    pub average_precision: f64,
    /// From the highest threshold down, thinned to steps of half a percent of recall.
    pub points: Vec<Point>,
}

/// Precision and recall at a threshold.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Point {
    /// Least probability that counts as the class.
    pub threshold: f64,
    /// Share of the class's weight at the threshold and above.
    pub recall: f64,
    /// Share of the weight there that is of the class.
    pub precision: f64,
}

impl PrecisionRecall {
    /// The curves of those classes that have flows.
    pub fn of(classes: &[String], flows: &[Weighted<'_>]) -> Vec<Self> {
        let has_flows = |class: usize| flows.iter().any(|weighted| weighted.class == class);
        let named = classes.iter().enumerate().filter(|(class, _)| has_flows(*class));
        named.map(|(class, name)| Self::of_class(class, name, flows)).collect()
    }

    fn of_class(class: usize, name: &str, flows: &[Weighted<'_>]) -> Self {
        let points = points(class, flows);
        let mut average_precision = 0.0;
        let mut reached = 0.0;
        for point in &points {
            average_precision += (point.recall - reached) * point.precision;
            reached = point.recall;
        }
        Self { class: name.to_owned(), average_precision, points: thinned(&points) }
    }
}

/// One for each score.
fn points(class: usize, flows: &[Weighted<'_>]) -> Vec<Point> {
    let score = |weighted: &Weighted<'_>| weighted.flow.probabilities.get(class).copied().unwrap_or_default();
    let mut by_score: Vec<&Weighted<'_>> = flows.iter().collect();
    by_score.sort_by(|left, right| score(right).total_cmp(&score(left)));
    let whole: f64 = flows.iter().filter(|weighted| weighted.class == class).map(|weighted| weighted.weight).sum();
    let (mut right, mut all) = (0.0, 0.0);
    let same_score = by_score.chunk_by(|left, right| score(left).total_cmp(&score(right)).is_eq());
    same_score
        .filter_map(|together| {
            for weighted in together {
                all += weighted.weight;
                right += if weighted.class == class { weighted.weight } else { 0.0 };
            }
            let threshold = f64::from(score(together.first()?));
            Some(Point { threshold, recall: right / whole, precision: right / all })
        })
        .collect()
}

fn thinned(points: &[Point]) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let gained = kept.last().is_none_or(|last| point.recall - last.recall >= RECALL_STEP);
        let completes = point.recall >= 1.0 && kept.last().is_some_and(|last| last.recall < 1.0);
        if gained || completes || index + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, capture, classes, judged};
    use super::super::weights::weighted;
    use super::*;

    #[test]
    fn average_precision_is_the_one_computed_by_hand() {
        let captures = [capture("one", "DDoS"), capture("two", "DDoS"), capture("three", "Normal")];
        let judged = [
            judged(&captures[0], &[("DDoS", 0.9), ("DDoS", 0.8)]),
            judged(&captures[1], &[("DDoS", 0.6)]),
            judged(&captures[2], &[("Normal", 0.8), ("Normal", 0.1)]),
        ];
        let found = PrecisionRecall::of(&classes(), &weighted(&classes(), &judged));
        let ddos = &found[1];
        assert_eq!((found.len(), ddos.class.as_str(), ddos.points.len()), (2, "DDoS", 4));
        let expected = [(0.9, 0.25, 1.0), (0.8, 0.5, 2.0 / 3.0), (0.6, 1.0, 0.8), (0.1, 1.0, 2.0 / 3.0)];
        for (point, (threshold, recall, precision)) in ddos.points.iter().zip(expected) {
            about("threshold", point.threshold, threshold);
            about("recall", point.recall, recall);
            about("precision", point.precision, precision);
        }
        about("average precision", ddos.average_precision, 0.25 + 0.25 * 2.0 / 3.0 + 0.5 * 0.8);
    }

    #[test]
    fn a_class_without_flows_has_no_curve_and_a_long_one_is_thinned() {
        let one = capture("one", "DDoS");
        let flows: Vec<(&str, f32)> = (0..5_000u16).map(|n| ("DDoS", f32::from(n) / 5_000.0)).collect();
        let judged = [judged(&one, &flows)];
        let found = PrecisionRecall::of(&classes(), &weighted(&classes(), &judged));
        let [curve] = &found[..] else { panic!("{found:?}") };
        assert!((150..=202).contains(&curve.points.len()), "{}", curve.points.len());
        about("average precision", curve.average_precision, 1.0);
        about("recall at the end", curve.points.last().unwrap().recall, 1.0);
    }
}
