//! When a missing id is dead: the witness protocol.
//!
//! Whoever took id X inside its inserting transaction holds `RowExclusiveLock` on the **sequence** from before X was taken
//! until X is visible or dead (`nextval` locks before it reads, for the top transaction), and usually on the table too. So:
//!
//! 1. Read rows: Y is seen, X below it is missing.
//! 2. Look at `pg_locks`: remember who holds a witness lock (sequence, table, partitions).
//! 3. When none of those remembered is left, read X again. Still missing: it never comes.
//!
//! Each is a statement of its own with a snapshot of its own, in this order. Merged into one it loses rows: the snapshot
//! would be older than the look at the locks. A holder is a `virtualtransaction`, never a pid (NULL after PREPARE). Holders
//! can only be waited for too long, never too short. Memory of holders ends with the connection; a gap from a checkpoint is
//! taken as first seen now.

use std::collections::HashSet;
use std::time::Duration;

use crate::flow::position::IdRange;

/// Transactions that hold a witness lock, by `virtualtransaction`.
pub type Holders = HashSet<String>;

/// Missing ranges and whom they wait for.
#[derive(Debug, Default)]
pub struct Gaps {
    /// Seen since the last look.
    fresh: Vec<IdRange>,
    /// Ranges first seen missing at the same look.
    waiting: Vec<Cohort>,
}

#[derive(Debug)]
struct Cohort {
    ranges: Vec<IdRange>,
    holders: Holders,
    since: Duration,
}

impl Gaps {
    /// A range that a read has just missed.
    pub fn add(&mut self, range: IdRange) {
        self.fresh.push(range);
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.waiting.is_empty()
    }

    /// How long the oldest gap has been waiting at `now`, a process uptime.
    pub fn oldest(&self, now: Duration) -> Duration {
        self.waiting.first().map_or(Duration::ZERO, |cohort| now.saturating_sub(cohort.since))
    }

    /// Whether a missing range waits for this transaction.
    pub fn wait_for(&self, holder: &str) -> bool {
        self.waiting.iter().any(|cohort| cohort.holders.contains(holder))
    }

    /// After a look at the locks, made after the reads that missed the ranges: the ranges to read again now, ascending.
    /// What a later statement does not find in them is dead.
    pub fn observe(&mut self, present: &Holders, now: Duration) -> Vec<IdRange> {
        let mut ready = Vec::new();
        self.waiting.retain_mut(|cohort| {
            cohort.holders.retain(|holder| present.contains(holder));
            if cohort.holders.is_empty() {
                ready.append(&mut cohort.ranges);
            }
            !cohort.holders.is_empty()
        });
        let fresh = std::mem::take(&mut self.fresh);
        if present.is_empty() {
            ready.extend(fresh);
        } else if !fresh.is_empty() {
            self.waiting.push(Cohort { ranges: fresh, holders: present.clone(), since: now });
        }
        ready.sort_unstable();
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> IdRange {
        IdRange { first, last }
    }

    #[test]
    fn a_gap_waits_for_those_who_held_a_lock_when_it_was_first_seen() {
        let mut gaps = Gaps::default();
        let mut look = |added: Option<IdRange>, holders: &[&str]| {
            if let Some(range) = added {
                gaps.add(range);
            }
            gaps.observe(&holders.iter().map(ToString::to_string).collect(), Duration::from_secs(1))
        };
        assert_eq!(look(Some(range(1, 2)), &[]), [range(1, 2)], "nobody holds a lock");
        assert_eq!(look(Some(range(5, 5)), &["3/1", "4/1"]), [], "two could still bring it");
        assert_eq!(look(Some(range(9, 9)), &["4/1", "5/1"]), [], "4/1 is left, 5/1 came later");
        assert_eq!(look(None, &["5/1"]), [range(5, 5)], "whoever came later does not matter to the first gap");
        assert_eq!(look(None, &["5/2"]), [range(9, 9)], "the same session in another transaction is another holder");
        assert!(gaps.is_empty());
    }
    fn look(gaps: &mut Gaps, holders: &[&str], seconds: u64) -> Vec<IdRange> {
        gaps.observe(&holders.iter().map(ToString::to_string).collect(), Duration::from_secs(seconds))
    }

    #[test]
    fn ranges_that_are_ready_together_ascend() {
        let mut gaps = Gaps::default();
        gaps.add(range(20, 21));
        gaps.add(range(7, 9));
        assert_eq!(look(&mut gaps, &["3/1", "4/1"], 0), []);
        gaps.add(range(3, 3));
        assert_eq!(look(&mut gaps, &["4/1"], 0), [], "all of them wait for 4/1");
        gaps.add(range(30, 30));
        assert_eq!(look(&mut gaps, &[], 0), [range(3, 3), range(7, 9), range(20, 21), range(30, 30)]);
        assert_eq!(look(&mut gaps, &[], 0), [], "each is given once");
    }

    #[test]
    fn gaps_wait_for_whom_they_remember_and_for_nobody_who_came_later() {
        let mut gaps = Gaps::default();
        gaps.add(range(1, 1));
        assert_eq!(look(&mut gaps, &["3/1"], 0), []);
        assert_eq!(look(&mut gaps, &["3/1", "4/1"], 0), []);
        assert!(gaps.wait_for("3/1"));
        assert!(!gaps.wait_for("4/1"));
        assert_eq!(look(&mut gaps, &["4/1"], 0), [range(1, 1)]);
        assert!(!gaps.wait_for("3/1"));
    }

    #[test]
    fn a_holder_that_comes_back_holds_nothing_up() {
        let mut gaps = Gaps::default();
        gaps.add(range(1, 1));
        assert_eq!(look(&mut gaps, &["3/1", "4/1"], 0), []);
        assert_eq!(look(&mut gaps, &["4/1"], 0), []);
        assert_eq!(look(&mut gaps, &["3/1"], 0), [range(1, 1)], "3/1 was gone in between");
    }

    #[test]
    fn the_age_is_that_of_the_gap_that_waits_longest() {
        let mut gaps = Gaps::default();
        let mut check = |added: Option<IdRange>, holders: &[&str], now: u64, oldest: u64| {
            if let Some(range) = added {
                gaps.add(range);
            }
            look(&mut gaps, holders, now);
            assert_eq!(gaps.oldest(Duration::from_secs(now)), Duration::from_secs(oldest), "at {now}");
        };
        check(None, &[], 5, 0);
        check(Some(range(1, 1)), &["3/1"], 10, 0);
        check(Some(range(3, 3)), &["3/1", "4/1"], 15, 5);
        check(None, &["4/1"], 18, 3);
        check(None, &[], 20, 0);
    }
}
