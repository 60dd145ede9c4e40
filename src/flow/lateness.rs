//! How late packets come: how far each is behind the greatest time that came before it, counted in buckets.
//!
//! What a site needs to choose its out-of-orderness bound. Counted for every packet, so a packet that is not behind costs
//! one comparison, and one that is behind a look through a dozen bounds; nothing is kept but the counts.

use crate::flow::time::EventTime;

/// Upper bounds of the buckets but the last, which has none, in microseconds. The first holds what is not behind at all.
pub const BOUNDS_MICROS: [i64; 14] = [
    0,
    1_000,
    10_000,
    100_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    3_600_000_000,
];

/// Packets by how late they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lateness {
    /// Packets a bucket, those of lower buckets not included.
    pub packets: [u64; BOUNDS_MICROS.len() + 1],
    /// Sum over all packets, in microseconds.
    pub sum_micros: u64,
}

impl Lateness {
    /// Counts a packet that is `micros` behind; more than 0.
    #[inline]
    pub fn add_behind(&mut self, micros: i64) {
        // Without a branch: counting the bounds that are passed is cheaper than finding the last one.
        let passed: usize = BOUNDS_MICROS.iter().map(|bound| usize::from(micros > *bound)).sum();
        self.packets[passed] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros.unsigned_abs());
    }

    /// Counts packets that are not behind.
    pub fn add_in_order(&mut self, packets: u64) {
        self.packets[0] += packets;
    }
}

/// How far each time is behind the greatest before it, in microseconds; 0 where it is not. `times` in the order of ids.
pub fn behind(times: impl IntoIterator<Item = EventTime>) -> Vec<i64> {
    let mut greatest = EventTime::EPOCH;
    let late = times.into_iter().map(|time| {
        let late = (greatest - time).max(0);
        greatest = greatest.max(time);
        late
    });
    late.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        let check = |micros: i64, bucket: usize| {
            let mut lateness = Lateness::default();
            lateness.add_behind(micros);
            assert_eq!(lateness.packets.iter().position(|count| *count == 1), Some(bucket), "{micros}");
            assert_eq!(lateness.sum_micros, micros.unsigned_abs());
        };
        check(1, 1);
        check(1_000, 1);
        check(1_001, 2);
        check(5_000_000, 7);
        check(5_000_001, 8);
        check(3_600_000_000, 13);
        check(i64::MAX, 14);
    }

    #[test]
    fn a_time_is_behind_the_greatest_before_it() {
        let at = |seconds: i64| EventTime::from_micros(seconds * 1_000_000).unwrap();
        assert_eq!(behind([5, 7, 6, 7, 3, 9].map(at)), [0, 0, 1_000_000, 0, 4_000_000, 0]);
        assert!(behind([]).is_empty());
    }
}
