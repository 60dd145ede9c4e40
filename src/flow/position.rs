//! The position: which packet ids have been consumed. A set, kept as the highest id and the ranges below it still missing.
//!
//! Ids are handed out in order but become visible out of order, so a plain "last id" loses packets. Positions of one run
//! are nested: each holds all ids of the one before.

use std::collections::BTreeMap;

use thiserror::Error;

/// Ids from `first` to `last`, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdRange {
    /// Lowest id.
    pub first: i64,
    /// Highest id.
    pub last: i64,
}

impl IdRange {
    /// Number of ids.
    pub fn len(&self) -> u64 {
        (self.last - self.first + 1).max(0).unsigned_abs()
    }

    /// Whether no id is in it.
    pub fn is_empty(&self) -> bool {
        self.last < self.first
    }
}

/// The set of packet ids that have been consumed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Position {
    high: i64,
    /// First → last id of each missing range; disjoint, not adjacent, all below `high`.
    missing: BTreeMap<i64, i64>,
}

/// How a batch moves the position: from `from` to `to`, with what was missing on the way and what is no longer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delta {
    /// Highest id before.
    pub from: i64,
    /// Highest id after.
    pub to: i64,
    /// Ids in `(from, to]` that were not seen; ascending.
    pub missing: Vec<IdRange>,
    /// Ids that were missing and are now consumed or dead for ever; ascending.
    pub resolved: Vec<IdRange>,
}

/// A delta that does not follow from the position it is applied to: a bug, or another writer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the delta ({from}, {to}] does not follow position {high}")]
pub struct BrokenChain {
    /// Where the delta starts.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
    /// Where the position stands.
    pub high: i64,
}

/// A stored position that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a stored position of {0} bytes is damaged")]
pub struct DamagedPosition(usize);

impl Position {
    /// Everything up to `high`, nothing missing.
    pub fn up_to(high: i64) -> Self {
        Self { high, missing: BTreeMap::new() }
    }

    /// The highest id consumed.
    pub fn high(&self) -> i64 {
        self.high
    }

    /// Whether the id has been consumed or is known to be dead.
    pub fn contains(&self, id: i64) -> bool {
        id <= self.high && self.missing.range(..=id).next_back().is_none_or(|(_, &last)| last < id)
    }

    /// The ranges still missing, ascending.
    pub fn missing(&self) -> impl Iterator<Item = IdRange> + '_ {
        self.missing.iter().map(|(&first, &last)| IdRange { first, last })
    }

    /// The ranges still missing that touch `ids`, ascending.
    pub fn missing_within(&self, ids: IdRange) -> impl Iterator<Item = IdRange> + '_ {
        let before = self.missing.range(..ids.first).next_back().filter(move |&(_, &last)| ids.first <= last);
        let within = (!ids.is_empty()).then(|| self.missing.range(ids.first..=ids.last));
        before.into_iter().chain(within.into_iter().flatten()).map(|(&first, &last)| IdRange { first, last })
    }

    /// Number of ranges still missing.
    pub fn missing_ranges(&self) -> usize {
        self.missing.len()
    }

    /// Number of ids still missing.
    pub fn missing_ids(&self) -> u64 {
        self.missing().map(|range| range.len()).sum()
    }

    /// The highest id up to which nothing is missing.
    pub fn low(&self) -> i64 {
        self.missing.first_key_value().map_or(self.high, |(&first, _)| first - 1)
    }

    /// Moves on by a batch's delta. On error the position is what it was.
    ///
    /// ```
    /// use flowsentry::flow::position::{Delta, IdRange, Position};
    ///
    /// // Ids 1, 2 and 5 were read; 3 and 4 may still come.
    /// let mut position = Position::default();
    /// let missing = vec![IdRange { first: 3, last: 4 }];
    /// position.apply(&Delta { from: 0, to: 5, missing, resolved: vec![] })?;
    /// assert!(position.contains(5) && !position.contains(4));
    /// # Ok::<(), flowsentry::flow::position::BrokenChain>(())
    /// ```
    pub fn apply(&mut self, delta: &Delta) -> Result<(), BrokenChain> {
        let broken = BrokenChain { from: delta.from, to: delta.to, high: self.high };
        let fits = |range: &IdRange| !range.is_empty() && delta.from < range.first && range.last < delta.to;
        let was_missing = |range: &IdRange| {
            !range.is_empty()
                && self.missing.range(..=range.first).next_back().is_some_and(|(_, &last)| range.last <= last)
        };
        let ascend = |ranges: &[IdRange]| ranges.is_sorted_by(|range, next| range.last < next.first);
        if delta.from != self.high
            || delta.to < delta.from
            || !ascend(&delta.missing)
            || !ascend(&delta.resolved)
            || !delta.missing.iter().all(fits)
            || !delta.resolved.iter().all(was_missing)
        {
            return Err(broken);
        }
        self.high = delta.to;
        self.missing.extend(delta.missing.iter().map(|range| (range.first, range.last)));
        for range in &delta.resolved {
            self.resolve(*range);
        }
        Ok(())
    }

    fn resolve(&mut self, range: IdRange) {
        let Some((&first, &last)) = self.missing.range(..=range.first).next_back() else { return };
        self.missing.remove(&first);
        if first < range.first {
            self.missing.insert(first, range.first - 1);
        }
        if range.last < last {
            self.missing.insert(range.last + 1, last);
        }
    }

    /// Ranges that together hold every id of `self` that is not in `earlier`; they may hold ids that `self` misses, so
    /// ask [`Position::contains`] of each. `earlier` is a position of the same run.
    pub fn since(&self, earlier: &Self) -> Vec<IdRange> {
        let filled = earlier.missing().filter(|range| {
            // Still missing as a whole: nothing came.
            self.missing.range(..=range.first).next_back().is_none_or(|(_, &last)| last < range.last)
        });
        let tail = IdRange { first: earlier.high + 1, last: self.high };
        filled.chain((!tail.is_empty()).then_some(tail)).collect()
    }

    /// As bytes: LEB128 numbers; the highest id, then for each missing range the distance from the end of the one before
    /// and its length.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + self.missing.len() * 4);
        push_number(&mut bytes, self.high.unsigned_abs());
        let mut end = 0;
        for range in self.missing() {
            push_number(&mut bytes, (range.first - end).unsigned_abs());
            push_number(&mut bytes, range.len());
            end = range.last;
        }
        bytes
    }

    /// From what [`Position::encode`] wrote; no bytes are the position before the first id.
    pub fn decode(bytes: &[u8]) -> Result<Self, DamagedPosition> {
        let damaged = || DamagedPosition(bytes.len());
        let mut left = bytes;
        if left.is_empty() {
            return Ok(Self::default());
        }
        let mut position = Self::up_to(take_number(&mut left).ok_or_else(damaged)?);
        let mut end = 0i64;
        while !left.is_empty() {
            let distance = take_number(&mut left).filter(|&distance| distance > 0).ok_or_else(damaged)?;
            let length = take_number(&mut left).filter(|&length| length > 0).ok_or_else(damaged)?;
            let first = end.checked_add(distance).ok_or_else(damaged)?;
            end = first.checked_add(length - 1).filter(|&last| last < position.high).ok_or_else(damaged)?;
            position.missing.insert(first, end);
        }
        Ok(position)
    }
}

#[allow(clippy::cast_possible_truncation)] // seven bits at a time
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8 & 0x7f);
}

fn take_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return i64::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A reader over the ids of `seen`, in steps of `steps` ids: what it misses it may find later.
    fn read(position: &mut Position, model: &mut BTreeSet<i64>, step: i64, seen: &BTreeSet<i64>) {
        let (from, to) = (position.high(), position.high() + step);
        let ids: Vec<i64> = seen.range(from + 1..=to).copied().collect();
        let Some(&to) = ids.last() else { return };
        let mut missing = Vec::new();
        let mut next = from + 1;
        for &id in &ids {
            if next < id {
                missing.push(IdRange { first: next, last: id - 1 });
            }
            next = id + 1;
        }
        position.apply(&Delta { from, to, missing, resolved: vec![] }).unwrap();
        model.extend(ids);
    }

    proptest! {
        #[test]
        fn it_is_a_set(
            seen in prop::collection::btree_set(1i64..400, 0..200),
            steps in prop::collection::vec(1i64..60, 1..12),
            found in prop::collection::vec((1i64..400, 0i64..9), 0..20),
        ) {
            let (mut position, mut model) = (Position::default(), BTreeSet::new());
            let mut earlier = (position.clone(), model.clone());
            for (index, &step) in steps.iter().enumerate() {
                read(&mut position, &mut model, step, &seen);
                if index == steps.len() / 2 {
                    earlier = (position.clone(), model.clone());
                }
            }
            for (first, more) in found {
                let range = IdRange { first, last: first + more };
                let delta = Delta { from: position.high(), to: position.high(), missing: vec![], resolved: vec![range] };
                let all_missing = (range.first..=range.last).all(|id| id < position.high() && !model.contains(&id));
                prop_assert_eq!(position.apply(&delta).is_ok(), all_missing);
                if all_missing {
                    model.extend(range.first..=range.last);
                }
            }
            for id in 1..470 {
                prop_assert_eq!(position.contains(id), model.contains(&id), "{}", id);
            }
            let missing = (1..=position.high()).filter(|id| !model.contains(id)).count();
            prop_assert_eq!(usize::try_from(position.missing_ids()).unwrap(), missing);
            prop_assert_eq!(Position::decode(&position.encode()).unwrap(), position.clone());

            let (earlier, earlier_model) = earlier;
            let since: BTreeSet<i64> = position.since(&earlier).iter().flat_map(|range| range.first..=range.last)
                .filter(|&id| position.contains(id) && !earlier.contains(id)).collect();
            prop_assert_eq!(since, model.difference(&earlier_model).copied().collect::<BTreeSet<_>>());
        }

        #[test]
        fn damaged_bytes_are_refused_or_a_position(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(position) = Position::decode(&bytes) {
                prop_assert!(position.missing().all(|range| range.first <= range.last && range.last < position.high()));
                prop_assert!(position.missing_ranges() <= bytes.len());
                prop_assert!(position.low() <= position.high());
                prop_assert_eq!(Position::decode(&position.encode()), Ok(position));
            }
        }
    }

    #[test]
    fn a_delta_that_does_not_follow_is_refused() {
        let mut position = Position::up_to(10);
        let check = |position: &mut Position, from, to, missing: &[(i64, i64)], resolved: &[(i64, i64)], fits: bool| {
            let ranges = |list: &[(i64, i64)]| list.iter().map(|&(first, last)| IdRange { first, last }).collect();
            let before = position.clone();
            let delta = Delta { from, to, missing: ranges(missing), resolved: ranges(resolved) };
            assert_eq!(position.apply(&delta).is_ok(), fits, "{delta:?}");
            assert!(fits || *position == before);
        };
        check(&mut position, 9, 12, &[], &[], false);
        check(&mut position, 10, 9, &[], &[], false);
        check(&mut position, 10, 20, &[(10, 12)], &[], false);
        check(&mut position, 10, 20, &[(15, 20)], &[], false);
        check(&mut position, 10, 20, &[(12, 14)], &[], true);
        check(&mut position, 20, 20, &[], &[(11, 12)], false);
        check(&mut position, 20, 20, &[], &[(13, 14), (13, 14)], false);
        check(&mut position, 20, 20, &[], &[(14, 14), (12, 13)], false);
        check(&mut position, 20, 30, &[(22, 25), (24, 27)], &[], false);
        check(&mut position, 20, 20, &[], &[(13, 13)], true);
        check(&mut position, 20, 20, &[], &[(13, 13)], false);
        assert_eq!(position.low(), 11);
    }
}
