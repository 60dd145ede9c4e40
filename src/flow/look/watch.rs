//! What is remembered of an open window so that a look finds the flows that are worth one, and costs what has changed since
//! the look before: a packet costs the same however many flows are open.
//!
//! Only flows that had packets since are thought of. One is worth a look if it never had one; if it has grown by half
//! (packets, attempts to connect, ports, what answers it), so that a slow attack is looked at with its 1st, 2nd, 3rd, 4th,
//! 6th, 8th, 12th … attempt; or if what its source has done, or what its destination has met with, has doubled. Figures are
//! compared with fixed steps and not with those of the last look: that takes a few octets a flow, and whatever doubles
//! passes a step.

use super::OpenFlow;
use super::lanes::{Lane, Lanes, Offered};
use super::touched::Touched;
use crate::flow::context::{FEW_PACKETS, OpenNeighbours};
use crate::flow::key::FlowKey;
use crate::flow::map::FlowMap;
use crate::flow::statistics::Statistics;

/// Flows from which on a host has many: past them its probes no longer go before others.
const MANY_FLOWS: u64 = 64;

/// What one look may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Flows.
    pub flows: usize,
    /// Octets that these hold outside of themselves: a scanner's flow has a set of ports of 8 KiB. The flow that
    /// exceeds it is the last one.
    pub heap_bytes: usize,
}

/// What is remembered of one open window.
#[derive(Debug, Default)]
pub struct Watch {
    touched: Touched,
    neighbours: OpenNeighbours,
    /// By place.
    seen: Vec<Seen>,
    waiting: Lanes,
}

/// A flow as it was at its last look.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// 0 if there was no look.
    packets: u64,
    octets: u64,
    sizes: Sizes,
    /// Where it waits for the next one.
    lane: Lane,
}

/// Sums of the steps that figures have reached, which never fall: one that differs has grown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sizes {
    own: u16,
    source: u16,
    destination: u16,
}

impl Watch {
    /// The flow at `place` has a packet more.
    pub fn touch(&mut self, place: usize) {
        self.touched.add(place);
    }

    /// Takes account of all packets so far: which flows wait for a look. Gives how many flows it had to think of.
    pub fn examine(&mut self, flows: &FlowMap) -> usize {
        let touched = self.touched.take();
        for &place in &touched {
            self.neighbours.update(flows, place as usize);
        }
        self.seen.resize(flows.len(), Seen::default());
        for &place in &touched {
            let Some((key, flow)) = flows.at(place as usize) else { continue };
            let lane = self.lane(place as usize, key, flow.volume.packets);
            let seen = &mut self.seen[place as usize];
            if lane > seen.lane {
                seen.lane = lane;
                self.waiting.push(lane, place);
            }
        }
        touched.len()
    }

    /// Where a flow is to wait; nowhere if it is not worth a look.
    fn lane(&self, place: usize, key: &FlowKey, packets: u64) -> Lane {
        let sums = self.neighbours.sums();
        let (source, destination) =
            (sums.figures_of_source(&key.source), sums.figures_of_destination(&key.destination));
        let seen = self.seen[place];
        if seen.packets > 0 && seen.sizes == self.sizes(place, &source, &destination) {
            Lane::None
        } else if source[0].max(destination[0]) < MANY_FLOWS {
            Lane::Calm
        } else if seen.packets == 0 && packets <= FEW_PACKETS {
            Lane::Crowd
        } else {
            Lane::Grown
        }
    }

    fn sizes(&self, place: usize, source: &[u64], destination: &[u64]) -> Sizes {
        Sizes {
            own: size(&self.neighbours.figures_of_flow(place), halves),
            source: size(source, doublings),
            destination: size(destination, doublings),
        }
    }

    /// Flows that wait for a look, or a few more.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes flows that wait, as they are now, and takes them off the budget. Those that do not fit go on waiting.
    pub fn take(&mut self, flows: &FlowMap, most: usize, budget: &mut Budget) -> Vec<OpenFlow> {
        let mut taken = Vec::new();
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.take(most.min(budget.flows), |lane, place| {
            let place = place as usize;
            if budget.heap_bytes == 0 {
                return Offered::Refused;
            }
            if self.seen.get(place).is_none_or(|seen| seen.lane != lane) {
                return Offered::Gone;
            }
            let Some((key, flow)) = flows.at(place) else { return Offered::Gone };
            budget.heap_bytes = budget.heap_bytes.saturating_sub(flow.heap_bytes());
            taken.push(self.look_at(flows, place, key, flow));
            Offered::Taken
        });
        self.waiting = waiting;
        budget.flows -= taken.len();
        taken
    }

    fn look_at(&mut self, flows: &FlowMap, place: usize, key: &FlowKey, flow: &Statistics) -> OpenFlow {
        let sums = self.neighbours.sums();
        let (source, destination) =
            (sums.figures_of_source(&key.source), sums.figures_of_destination(&key.destination));
        let sizes = self.sizes(place, &source, &destination);
        let seen = Seen { packets: flow.volume.packets, octets: flow.volume.octets, sizes, lane: Lane::None };
        let before = std::mem::replace(&mut self.seen[place], seen);
        let began = flow.timing.first_seen();
        OpenFlow {
            key: *key,
            statistics: flow.clone(),
            context: self.neighbours.sums().context(flows, key, flow),
            packets_before: before.packets,
            octets_before: before.octets,
            is_answer: flows.get(&key.reversed()).is_some_and(|opposite| opposite.timing.first_seen() < began),
        }
    }

    /// Octets held; in constant time.
    pub fn bytes(&self) -> usize {
        self.touched.bytes() + self.neighbours.bytes() + self.seen.capacity() * size_of::<Seen>() + self.waiting.bytes()
    }
}

fn size(figures: &[u64], steps: fn(u64) -> u32) -> u16 {
    // A step is below 128, and there are few figures.
    figures.iter().map(|&figure| u16::try_from(steps(figure)).unwrap_or(u16::MAX)).sum()
}

/// Which of 0, 1, 2, 4, 8, … a figure has reached.
fn doublings(figure: u64) -> u32 {
    u64::BITS - figure.leading_zeros()
}

/// Which of 0, 1, 2, 3, 4, 6, 8, 12, 16, … a figure has reached.
fn halves(figure: u64) -> u32 {
    match doublings(figure) {
        0 | 1 => doublings(figure),
        bits => bits * 2 - 2 + u32::from(figure >> (bits - 2) & 1 == 1),
    }
}

#[cfg(test)]
mod tests;
