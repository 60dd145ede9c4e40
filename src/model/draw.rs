//! Which rows are learnt from how often: captures are drawn, not rows.
//!
//! A class, then one of its captures, then one of its rows. So a capture with fifty thousand flows of one spoofed flood
//! teaches as much as one with forty of an evening's password guessing. A collection counts as the square root of its
//! captures: thirty recordings of one laboratory say less than thirty of thirty.

use std::collections::BTreeMap;

use super::random::Random;
use super::train::{Rows, TrainError};

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
    pub fn new(
        classes: &[String],
        rows: &Rows<'_>,
        what: &'static str,
        first_class_share: f32,
    ) -> Result<Self, TrainError> {
        // Class → (collection, capture) → rows.
        let mut by_class = vec![BTreeMap::<(u32, u32), Vec<usize>>::new(); classes.len()];
        for (row, class) in rows.classes.iter().enumerate() {
            let place = (rows.collections[row], rows.captures[row]);
            by_class[usize::from(*class)].entry(place).or_default().push(row);
        }
        if let Some(empty) = by_class.iter().position(BTreeMap::is_empty) {
            return Err(TrainError::NoRows { class: classes[empty].clone(), what });
        }
        Ok(Self { classes: by_class.into_iter().map(Class::new).collect(), first_class_share })
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
    pub fn weights(&self) -> Vec<f64> {
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
    fn new(captures: BTreeMap<(u32, u32), Vec<usize>>) -> Self {
        let mut sizes = BTreeMap::<u32, f32>::new();
        for (collection, _) in captures.keys() {
            *sizes.entry(*collection).or_default() += 1.0;
        }
        let whole: f32 = sizes.values().map(|size| size.sqrt()).sum();
        let mut end = 0.0;
        let ends = captures.keys().map(|(collection, _)| {
            // √n of a collection's n captures, shared evenly: 1 ÷ √n each.
            end += 1.0 / sizes[collection].sqrt() / whole;
            end
        });
        let ends = ends.collect();
        Self { captures: captures.into_values().collect(), ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_counts_as_the_square_root_of_its_captures() {
        // Class 1: four captures of collection 7, one of collection 8 that has three rows.
        let rows = Rows {
            values: &[],
            classes: &[0, 1, 1, 1, 1, 1, 1, 1],
            captures: &[9, 0, 1, 2, 3, 4, 4, 4],
            collections: &[9, 7, 7, 7, 7, 8, 8, 8],
        };
        let draw = Draw::new(&["Normal".to_owned(), "DDoS".to_owned()], &rows, "training", 0.4).unwrap();
        let expected = [0.4, 0.1, 0.1, 0.1, 0.1, 0.2 / 3.0, 0.2 / 3.0, 0.2 / 3.0];
        for (weight, expected) in draw.weights().iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-6, "{weight} {expected}");
        }
        let mut random = Random::new(1);
        let mut drawn = [0.0; 8];
        (0..100_000).for_each(|_| drawn[draw.row(&mut random)] += 1e-5);
        for (share, expected) in drawn.iter().zip(expected) {
            assert!((share - expected).abs() < 0.01, "{drawn:?}");
        }
    }
}
