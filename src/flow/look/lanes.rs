//! Flows that wait for a look, in three queues, so that none of them is kept waiting by a crowd of another kind: a flood opens
//! a hundred thousand flows a second to one host, and a scan as many from one, while somebody tries passwords elsewhere.
//!
//! Each queue may have a third of a look, and what one does not need goes to the others; each gives first who came first.

use std::collections::VecDeque;

/// The queues. A flow goes from one to a greater one, never back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Lane {
    /// It does not wait.
    #[default]
    None,
    /// A probe that never was looked at, from or to a host with many flows: floods and sweeps are made of these.
    Crowd,
    /// Another flow of a host with many flows.
    Grown,
    /// Both its hosts have few flows.
    Calm,
}

const QUEUES: [Lane; 3] = [Lane::Crowd, Lane::Grown, Lane::Calm];

/// What becomes of a flow that stands first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offered {
    /// It is looked at.
    Taken,
    /// It does not wait here any more.
    Gone,
    /// It goes on waiting, and so do all others.
    Refused,
}

/// Places of flows that wait. One that went to a greater queue is still in the lesser one, where it no longer counts.
#[derive(Debug, Default)]
pub struct Lanes([VecDeque<u32>; 3]);

impl Lanes {
    /// Adds a flow.
    pub fn push(&mut self, lane: Lane, place: u32) {
        if let Some(index) = QUEUES.iter().position(|&queue| queue == lane) {
            self.0[index].push_back(place);
        }
    }

    /// Flows that wait, those that count twice included.
    pub fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// Takes out at most `most` flows; `take` is asked of each, and told the queue that it stands in.
    pub fn take(&mut self, most: usize, mut take: impl FnMut(Lane, u32) -> Offered) {
        // The shortest first: what it leaves of its share goes to the longer ones.
        let mut order: Vec<usize> = (0..QUEUES.len()).collect();
        order.sort_by_key(|&index| self.0[index].len());
        let mut left = most;
        for (turn, index) in order.into_iter().enumerate() {
            let mut share = left.div_ceil(QUEUES.len() - turn);
            while share > 0
                && let Some(place) = self.0[index].pop_front()
            {
                match take(QUEUES[index], place) {
                    Offered::Taken => {
                        share -= 1;
                        left -= 1;
                    }
                    Offered::Gone => {}
                    Offered::Refused => return self.0[index].push_front(place),
                }
            }
        }
    }

    /// Octets held.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|queue| queue.capacity() * size_of::<u32>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of flows taken a queue, in the order of `QUEUES`, with so many in each.
    fn taken(waiting: [u32; 3], most: usize) -> [usize; 3] {
        let mut lanes = Lanes::default();
        for (lane, count) in QUEUES.into_iter().zip(waiting) {
            (0..count).for_each(|place| lanes.push(lane, place));
        }
        let mut taken = [0; 3];
        lanes.take(most, |lane, place| {
            let index = QUEUES.iter().position(|&queue| queue == lane).unwrap();
            assert_eq!(place as usize, taken[index], "who came first goes first");
            taken[index] += 1;
            Offered::Taken
        });
        assert_eq!(lanes.len(), waiting.iter().sum::<u32>() as usize - taken.iter().sum::<usize>());
        taken
    }

    #[test]
    fn each_has_a_third_and_what_it_does_not_need_goes_to_the_others() {
        let check = |waiting, most, expected| assert_eq!(taken(waiting, most), expected, "{waiting:?} {most}");
        check([0, 0, 0], 9, [0, 0, 0]);
        check([9, 9, 9], 9, [3, 3, 3]);
        check([100, 0, 0], 9, [9, 0, 0]);
        check([100, 1, 2], 9, [6, 1, 2]);
        check([1, 100, 100], 9, [1, 4, 4]);
        check([1, 1, 1], 9, [1, 1, 1]);
    }

    #[test]
    fn what_is_gone_costs_nothing_of_the_share_and_what_is_refused_goes_on_waiting() {
        let mut lanes = Lanes::default();
        (0..10).for_each(|place| lanes.push(Lane::Calm, place));
        let mut offered = Vec::new();
        lanes.take(2, |_, place| {
            offered.push(place);
            if place % 2 == 1 { Offered::Taken } else { Offered::Gone }
        });
        assert_eq!((&*offered, lanes.len()), (&[0, 1, 2, 3][..], 6));
        lanes.push(Lane::Crowd, 11);
        lanes.take(2, |_, _| Offered::Refused);
        assert_eq!(lanes.len(), 7);
        lanes.take(1, |_, place| {
            assert_eq!(place, 11);
            Offered::Taken
        });
    }
}
