//! How many rows were consumed, by block of ids: what the audit compares the table of packets with.
//!
//! The promise to read each packet once rests on locks that whoever inserts must take. A count that moves with the
//! checkpoint shows the packets that came past every lock, such as those with an id made by hand: they are there, within the
//! position, and nobody has consumed them.

use crate::flow::position::{IdRange, Position};

/// A block holds 2 to this power of ids.
const BLOCK_BITS: u32 = 16;
/// Ids of a block.
pub const BLOCK_IDS: i64 = 1 << BLOCK_BITS;

/// Number of the block that holds an id.
pub fn block_of(id: i64) -> i64 {
    id >> BLOCK_BITS
}

/// The ids of a block.
pub fn ids_of(block: i64) -> IdRange {
    let first = block << BLOCK_BITS;
    IdRange { first, last: first | (BLOCK_IDS - 1) }
}

/// Rows consumed, as runs of one block. Rows come ascending by id, or nearly so: a batch has one run, or two.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Consumed(Vec<Run>);

/// Rows of one block that followed each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The block.
    pub block: i64,
    /// How many.
    pub rows: u64,
}

impl Consumed {
    /// Counts a row.
    #[inline]
    pub fn add(&mut self, id: i64) {
        let block = block_of(id);
        match self.0.last_mut() {
            Some(run) if run.block == block => run.rows += 1,
            _ => self.0.push(Run { block, rows: 1 }),
        }
    }

    /// The runs; a block may have several.
    pub fn runs(&self) -> &[Run] {
        &self.0
    }
}

/// What an audit found of some ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// The ids: a block, or the part of it that is audited.
    pub ids: IdRange,
    /// Rows consumed.
    pub consumed: u64,
    /// Rows that are in the table, among the ids that the position holds.
    pub found: u64,
}

impl Count {
    /// Rows that are there and were never consumed, at least.
    pub fn never_read(self) -> u64 {
        self.found.saturating_sub(self.consumed)
    }

    /// Rows that were consumed and have been deleted since, at least.
    pub fn deleted(self) -> u64 {
        self.consumed.saturating_sub(self.found)
    }
}

/// The part of a block that can be audited: ids from `from` on that the position holds, as ascending ranges. Missing ids are
/// left out, for their rows may come any moment, and so is what lies above the position.
pub fn audited(block: i64, from: i64, position: &Position) -> Vec<IdRange> {
    let IdRange { first, last } = ids_of(block);
    // No row of an id below 1 is ever read, so where everything is audited, these are too.
    let first = if from <= 1 { first } else { first.max(from) };
    let last = last.min(position.high());
    let mut next = first;
    let mut ranges = Vec::new();
    for missing in position.missing_within(IdRange { first, last }) {
        ranges.push(IdRange { first: next, last: missing.first - 1 });
        next = missing.last.saturating_add(1);
    }
    ranges.push(IdRange { first: next, last });
    ranges.retain(|range| !range.is_empty());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::position::Delta;
    use proptest::prelude::*;

    #[test]
    fn blocks_tile_the_ids() {
        let check = |id: i64, block: i64| {
            assert_eq!(block_of(id), block, "{id}");
            assert!(ids_of(block).first <= id && id <= ids_of(block).last && ids_of(block).len() == 65_536);
        };
        check(1, 0);
        check(65_535, 0);
        check(65_536, 1);
        check(-1, -1);
        check(i64::MIN, -(1 << 47));
        check(i64::MAX, (1 << 47) - 1);
    }

    #[test]
    fn rows_of_a_block_are_one_run() {
        let mut consumed = Consumed::default();
        for id in [65_534, 65_535, 65_536, 65_540, 1] {
            consumed.add(id);
        }
        let run = |block, rows| Run { block, rows };
        assert_eq!(consumed.runs(), [run(0, 2), run(1, 2), run(0, 1)]);
    }

    proptest! {
        #[test]
        fn what_is_audited_is_what_the_position_holds(
            steps in prop::collection::vec((1i64..3, 1i64..4), 0..20),
            start in 65_500i64..65_600,
            from in prop_oneof![Just(1), 65_490i64..65_600],
        ) {
            let mut position = Position::up_to(start);
            let (mut missing, mut next) = (Vec::new(), start + 1);
            for (seen, length) in steps {
                missing.push(IdRange { first: next + seen, last: next + seen + length - 1 });
                next += seen + length;
            }
            position.apply(&Delta { from: start, to: next + 1, missing, resolved: Vec::new() }).unwrap();
            for block in 0..2 {
                let ranges = audited(block, from, &position);
                prop_assert!(ranges.is_sorted_by(|range, next| range.last < next.first));
                for id in 65_400..65_800 {
                    let held = ranges.iter().any(|range| range.first <= id && id <= range.last);
                    prop_assert_eq!(held, block_of(id) == block && position.contains(id) && id >= from, "{}", id);
                }
            }
        }
    }
}
