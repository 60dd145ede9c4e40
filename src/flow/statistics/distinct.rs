//! How many distinct things there are, by the smallest of their hashes: the same few octets for ten names and for a million.

/// Distinct 32-bit hashes: exact below [`Distinct::MOST`], above that estimated from the largest of the smallest ones (the
/// k-minimum-values estimator), with a standard error of 9 %.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Distinct {
    /// Ascending: the smallest, so that order does not matter.
    smallest: Vec<u32>,
}

impl Distinct {
    /// Hashes remembered.
    pub const MOST: usize = 128;

    /// Adds one.
    pub fn insert(&mut self, hash: u32) {
        let Err(at) = self.smallest.binary_search(&hash) else { return };
        if self.smallest.len() < Self::MOST {
            self.smallest.insert(at, hash);
        } else if at < Self::MOST {
            self.smallest.pop();
            self.smallest.insert(at, hash);
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        other.smallest.iter().for_each(|&hash| self.insert(hash));
    }

    /// How many distinct ones were added.
    pub fn count(&self) -> u64 {
        match self.smallest.last() {
            Some(&largest) if self.smallest.len() == Self::MOST => {
                ((Self::MOST as u64 - 1) << 32) / (u64::from(largest) + 1)
            }
            _ => self.smallest.len() as u64,
        }
    }

    /// Octets held outside the value itself, as `Vec` grows: by doubling, from 4 places.
    pub fn heap_bytes(&self) -> usize {
        match self.smallest.len() {
            0 => 0,
            places => places.next_power_of_two().max(4) * size_of::<u32>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::packet::Dns;

    #[test]
    fn few_are_counted_and_many_estimated() {
        for many in [0u32, 1, 127, 128, 200, 1_000, 20_000] {
            let mut names = Distinct::default();
            for number in (0..many).chain(0..many / 2) {
                let name = format!("{number}.example.org");
                names.insert(Dns::of_name(name.as_bytes(), false).unwrap().name);
            }
            let (found, expected) = (names.count() as f64, f64::from(many));
            let error = if many < 128 { 0.0 } else { 0.25 * expected };
            assert!((found - expected).abs() <= error, "{found} of {expected}");
            assert_eq!(names.heap_bytes(), names.smallest.capacity() * 4);
            assert!(names.heap_bytes() <= 512);
        }
    }
}
