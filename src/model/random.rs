//! Numbers for training that look random and are the same for the same seed, on every machine and in every version.

/// `SplitMix64`: small, and good enough to shuffle examples with.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, 1 excluded.
    #[allow(clippy::cast_possible_truncation)] // 24 bits: what a float holds exactly
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// From `low` to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// From 0 to `count`, `count` excluded; 0 if that is 0.
    #[allow(clippy::cast_possible_truncation)] // below `count`
    pub fn below(&mut self, count: usize) -> usize {
        // Of the upper bits: a bias below 2⁻³² for counts of examples.
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Normally distributed around 0 with deviation 1, nearly: a sum of twelve, cut at 6 by its nature.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        // First output of `SplitMix64` for seed 0, from its reference implementation.
        assert_eq!(Random::new(0).next(), 0xe220_a839_7b1d_cdaf);
        let take = |seed| {
            let mut random = Random::new(seed);
            (0..5).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn numbers_spread_over_their_range() {
        let mut random = Random::new(1);
        let numbers: Vec<f32> = (0..10_000).map(|_| random.between(-1.0, 3.0)).collect();
        assert!(numbers.iter().all(|number| (-1.0..3.0).contains(number)));
        assert!((numbers.iter().sum::<f32>() / 10_000.0 - 1.0).abs() < 0.05);
        let mut seen = [0; 5];
        (0..10_000).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        let squares: f32 = (0..10_000).map(|_| random.normal().powi(2)).sum();
        assert!((squares / 10_000.0 - 1.0).abs() < 0.05);
    }
}
