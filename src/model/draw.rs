//! Which rows are learnt from how often: captures are drawn, not rows.
//!
//! A class, then one of its captures, then one of its rows. So a capture with fifty thousand flows of one spoofed flood
//! teaches as much as one with forty of an evening's password guessing. A collection counts as the square root of its
//! captures: thirty recordings of one laboratory say less than thirty of thirty. Groups of collections share a class by
//! their shares, however many collections each has.

use std::collections::BTreeMap;

use super::random::Random;
use super::train::{Rows, TrainError};

/// Where a capture is from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    /// Number of its collection.
    pub collection: u32,
    /// Number of its collection's group.
    pub group: u8,
    /// Share of the group in each class that it has rows of, beside those of the other groups.
    pub share: f32,
}

/// Draws rows.
pub struct Draw {
    classes: Vec<Class>,
    first_class_share: f32,
}

/// The captures that hold a class.
struct Class {
    /// Rows of each capture.
    captures: Vec<Vec<usize>>,
    /// Where each capture's share ends; the last ends at 1.
    ends: Vec<f32>,
}

impl Draw {
    /// Class 0 gets `first_class_share` of the draws; the others share the rest evenly.
    ///
    /// # Errors
    /// [`TrainError::NoRows`] if a class has no rows.
    pub fn new(classes: &[String], rows: &Rows<'_>, first_class_share: f32) -> Result<Self, TrainError> {
        // Class → capture → rows.
        let mut by_class = vec![BTreeMap::<u32, Vec<usize>>::new(); classes.len()];
        for (row, (class, capture)) in rows.classes.iter().zip(rows.captures).enumerate() {
            by_class[usize::from(*class)].entry(*capture).or_default().push(row);
        }
        if let Some(empty) = by_class.iter().position(BTreeMap::is_empty) {
            return Err(TrainError::NoRows { class: classes[empty].clone() });
        }
        let classes = by_class.into_iter().map(|captures| Class::new(captures, rows.places)).collect();
        Ok(Self { classes, first_class_share })
    }

    /// A row's number.
    pub fn row(&self, random: &mut Random) -> usize {
        let others = self.classes.len() - 1;
        let class = if random.unit() < self.first_class_share { 0 } else { 1 + random.below(others) };
        let class = &self.classes[class];
        let at = random.unit();
        let capture = class.ends.partition_point(|end| *end <= at).min(class.captures.len() - 1);
        let rows = &class.captures[capture];
        rows[random.below(rows.len())]
    }

    /// How often each row is drawn, as a share of all draws.
    #[cfg(test)]
    fn weights(&self) -> Vec<f64> {
        let count: usize = self.classes.iter().flat_map(|class| &class.captures).map(Vec::len).sum();
        let mut weights = vec![0.0; count];
        let first = f64::from(self.first_class_share);
        for (number, class) in self.classes.iter().enumerate() {
            let share = if number == 0 { first } else { (1.0 - first) / (self.classes.len() - 1) as f64 };
            let mut begin = 0.0;
            for (rows, &end) in class.captures.iter().zip(&class.ends) {
                let weight = share * f64::from(end - begin) / rows.len() as f64;
                for &row in rows {
                    weights[row] = weight;
                }
                begin = end;
            }
        }
        weights
    }
}

impl Class {
    fn new(captures: BTreeMap<u32, Vec<usize>>, places: &[Place]) -> Self {
        let place = |capture: &u32| places[*capture as usize];
        let mut sizes = BTreeMap::<u32, f32>::new();
        for capture in captures.keys() {
            *sizes.entry(place(capture).collection).or_default() += 1.0;
        }
        // √n of a collection's n captures, shared evenly: 1 ÷ √n each.
        let weight = |capture: &u32| 1.0 / sizes[&place(capture).collection].sqrt();
        let mut groups = BTreeMap::<u8, f32>::new();
        for capture in captures.keys() {
            *groups.entry(place(capture).group).or_default() += weight(capture);
        }
        let shares: BTreeMap<u8, f32> =
            captures.keys().map(|capture| (place(capture).group, place(capture).share)).collect();
        let whole: f32 = shares.values().sum();
        let mut end = 0.0;
        let ends = captures.keys().map(|capture| {
            let Place { group, share, .. } = place(capture);
            end += weight(capture) / groups[&group] * share / whole;
            end
        });
        let ends = ends.collect();
        Self { captures: captures.into_values().collect(), ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(collection: u32, group: u8, share: f32) -> Place {
        Place { collection, group, share }
    }

    #[track_caller]
    fn check(rows: &Rows<'_>, expected: &[f64]) {
        let draw = Draw::new(&["Normal".to_owned(), "DDoS".to_owned()], rows, 0.4).unwrap();
        for (weight, expected) in draw.weights().iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-6, "{weight} {expected}");
        }
        let mut random = Random::new(1);
        let mut drawn = vec![0.0; expected.len()];
        (0..100_000).for_each(|_| drawn[draw.row(&mut random)] += 1e-5);
        for (share, expected) in drawn.iter().zip(expected) {
            assert!((share - expected).abs() < 0.01, "{drawn:?}");
        }
    }

    #[test]
    fn a_collection_counts_as_the_square_root_of_its_captures() {
        // Class 1: four captures of collection 7, one of collection 8 that has three rows.
        let places = [7, 7, 7, 7, 8, 9].map(|collection| place(collection, 0, 1.0));
        let rows = Rows {
            values: &[],
            classes: &[0, 1, 1, 1, 1, 1, 1, 1],
            captures: &[5, 0, 1, 2, 3, 4, 4, 4],
            places: &places,
        };
        check(&rows, &[0.4, 0.1, 0.1, 0.1, 0.1, 0.2 / 3.0, 0.2 / 3.0, 0.2 / 3.0]);
    }

    #[test]
    fn groups_share_a_class_however_many_collections_they_have() {
        let places = [place(1, 0, 1.0), place(2, 0, 1.0), place(3, 1, 0.5)];
        let rows = Rows { values: &[], classes: &[0, 1, 1, 1], captures: &[0, 0, 1, 2], places: &places };
        check(&rows, &[0.4, 0.2, 0.2, 0.2]);
    }
}
