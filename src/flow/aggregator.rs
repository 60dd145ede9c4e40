//! Batches become increments: the pure heart of the program. Folds packets into open windows, closes windows behind the
//! watermark, and knows at any moment what a checkpoint may say.
//!
//! Promise: for every packet id of a checkpoint's position, the packet is in a stored row, or a replay of
//! `position − settled` folds it again into a window that the checkpoint's watermark has not closed; never both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::flow::batch::{Batch, Observation, Progress, Rejected};
use crate::flow::checkpoint::{Checkpoint, Counts, Increment, Pane, Timing};
use crate::flow::look::{Budget, Look};
use crate::flow::packet::Packet;
use crate::flow::position::{BrokenChain, Delta, IdRange, Position};
use crate::flow::table::{FlowTable, WindowFlows};
use crate::flow::time::EventTime;
use crate::flow::watermark::Watermark;
use crate::flow::window::Window;

/// Limits and bounds of the aggregation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Length of a window.
    pub window_length: Duration,
    /// How far the watermark trails the greatest packet time.
    pub out_of_orderness: Duration,
    /// How long nothing must have come before open windows close by the clock.
    pub idle_timeout: Duration,
    /// Octets of open flows at which they are stored early.
    pub memory_max: usize,
    /// Longest time between two increments while anything changes.
    pub checkpoint_interval: Duration,
    /// Looks at open windows.
    pub early: Early,
}

/// How often open windows are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Early {
    /// Time between two looks; zero: never.
    pub interval: Duration,
    /// Flows of one look at most: what does not fit waits for the next.
    pub flows_max: usize,
}

impl Early {
    /// What flows of one look may hold outside of themselves, each on average: a set of a thousand ports does, and few
    /// flows have one.
    const HEAP_BYTES_A_FLOW: usize = 1024;

    fn is_on(self) -> bool {
        !self.interval.is_zero()
    }

    fn budget(self) -> Budget {
        Budget { flows: self.flows_max, heap_bytes: self.flows_max.saturating_mul(Self::HEAP_BYTES_A_FLOW) }
    }
}

/// Rejected rows that wait for an increment at most: a sniffer that goes wrong must not cost memory.
const REJECTED_MAX: usize = 16_384;

/// The state of the aggregation.
#[derive(Debug)]
pub struct Aggregator {
    limits: Limits,
    table: FlowTable,
    watermark: Watermark,
    /// Packets whose window had closed, since the last increment.
    late: FlowTable,
    /// The position before the first packet of each open window.
    opened_at: BTreeMap<Window, Arc<Position>>,
    position: Position,
    /// What the next increment follows.
    last: Checkpoint,
    last_row: Option<u64>,
    rejected: Vec<Rejected>,
    counts: Counts,
    /// Whether rows may still be replayed: none new have come.
    replaying: bool,
    last_increment: Duration,
    last_packet: Duration,
    last_look: Duration,
    /// Greatest packet time folded since the start, replays left out.
    greatest: EventTime,
}

/// The open flows, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Open {
    /// Open windows.
    pub windows: usize,
    /// Flows in them.
    pub flows: usize,
    /// Octets that these take.
    pub bytes: usize,
    /// Where the watermark stands.
    pub watermark: EventTime,
}

impl Aggregator {
    /// Goes on from a checkpoint. The rows of `position − settled` come first, as [`Progress::Replayed`].
    pub fn resume(limits: Limits, checkpoint: Checkpoint, uptime: Duration) -> Self {
        let table = if limits.early.is_on() { FlowTable::watched } else { FlowTable::new };
        Self {
            limits,
            table: table(limits.window_length),
            watermark: Watermark::resume(checkpoint.watermark, limits.out_of_orderness),
            late: FlowTable::new(limits.window_length),
            opened_at: BTreeMap::new(),
            position: Position::clone(&checkpoint.position),
            last_row: checkpoint.last_row,
            replaying: true,
            last: checkpoint,
            rejected: Vec::new(),
            counts: Counts::default(),
            last_increment: uptime,
            last_packet: uptime,
            last_look: uptime,
            greatest: EventTime::EPOCH,
        }
    }

    /// Takes a batch in. Gives an increment when windows closed, when memory is short, or when something changed and the
    /// last increment is long enough ago.
    pub fn absorb(&mut self, batch: Batch) -> Result<Option<Increment>, BrokenChain> {
        match batch.progress {
            Progress::Replayed => {
                self.fold_again(&batch.packets);
                Ok(None)
            }
            Progress::New { delta, last_row } => {
                if !batch.packets.is_empty() {
                    self.last_packet = batch.observed.uptime;
                }
                if std::mem::take(&mut self.replaying) {
                    self.compare_replay();
                }
                self.fold_new(&batch.packets, batch.rejected, &delta)?;
                for run in batch.consumed.runs() {
                    *self.counts.consumed.entry(run.block).or_default() += run.rows;
                }
                self.last_row = last_row.or(self.last_row);
                Ok(self.increment(batch.observed))
            }
            Progress::Ended => Ok(self.end()),
        }
    }

    /// Gives all open flows as partial rows: their packets are gone from the source, and can never be read again.
    fn end(&mut self) -> Option<Increment> {
        let panes = panes(Timing::Partial, self.table.take_all());
        self.opened_at.clear();
        (!panes.is_empty() || self.has_changed()).then(|| self.build(panes, false))
    }

    /// Whether it is time for a look. What a replay folds is looked at once it is over.
    pub fn is_look_due(&self, uptime: Duration) -> bool {
        let early = self.limits.early;
        early.is_on() && !self.replaying && uptime.saturating_sub(self.last_look) >= early.interval
    }

    /// A look at the open windows, if one is due and there is anything to look at. What it gives counts as looked at: ask
    /// only if somebody can take it.
    pub fn look(&mut self, uptime: Duration) -> Option<Look> {
        if !self.is_look_due(uptime) {
            return None;
        }
        self.last_look = uptime;
        let windows = self.table.look(self.limits.early.budget());
        let (greatest, watermark) = (self.greatest, self.watermark.time());
        (!windows.is_empty()).then_some(Look { windows, greatest, watermark })
    }

    /// Closes nothing, but gives everything that may be stored now: what a clean stop asks for.
    pub fn finish(&mut self) -> Option<Increment> {
        self.has_changed().then(|| self.build(Vec::new(), false))
    }

    /// The open flows, in numbers.
    pub fn open(&self) -> Open {
        Open {
            windows: self.table.window_count(),
            flows: self.table.flow_count(),
            bytes: self.bytes(),
            watermark: self.watermark.time(),
        }
    }

    fn bytes(&self) -> usize {
        self.table.bytes() + self.late.bytes()
    }

    fn fold_again(&mut self, packets: &[Packet]) {
        // Windows closed before the checkpoint are stored, their late panes too.
        let (windows, closed) = (self.table.windows(), self.last.watermark);
        let is_over = |packet: &Packet| windows.window_of(packet.time).is_over(closed);
        for packets in packets.chunk_by(|left, right| is_over(left) == is_over(right)) {
            if !is_over(&packets[0]) {
                self.table.fold(packets, |window| {
                    self.opened_at.insert(window, Arc::clone(&self.last.settled));
                });
            }
        }
        self.counts.replayed += packets.len() as u64;
    }

    /// The replay is over: it should have found as many packets of open windows as the checkpoint counted.
    fn compare_replay(&mut self) {
        let found = self.table.packet_count();
        match self.last.open {
            Some(counted) => self.counts.gone = counted.cast_signed() - found.cast_signed(),
            None => self.counts.uncounted = found,
        }
    }

    fn fold_new(&mut self, packets: &[Packet], rejected: Vec<Rejected>, delta: &Delta) -> Result<(), BrokenChain> {
        let (windows, closed) = (self.table.windows(), self.watermark.time());
        let mut opened = Vec::new();
        let greatest = self.observe_lateness(packets);
        // Before this much is closed, no need to look for the window.
        let is_late = |packet: &Packet| packet.time < closed && windows.window_of(packet.time).is_over(closed);
        for packets in packets.chunk_by(|left, right| is_late(left) == is_late(right)) {
            if is_late(&packets[0]) {
                self.late.fold(packets, |_| {});
                self.counts.late += packets.len() as u64;
            } else {
                self.table.fold(packets, |window| opened.push(window));
            }
        }
        if !opened.is_empty() {
            let before = Arc::new(self.position.clone());
            self.opened_at.extend(opened.into_iter().map(|window| (window, Arc::clone(&before))));
        }
        self.position.apply(delta)?;
        self.watermark.observe(greatest);
        // A batch that resolves missing ids holds the rows of these and no others.
        let resolved: u64 = delta.resolved.iter().map(IdRange::len).sum();
        self.counts.dead += resolved.saturating_sub((packets.len() + rejected.len()) as u64);
        self.count(packets.len(), rejected);
        Ok(())
    }

    /// Counts how far each packet is behind the greatest time before it, and gives the greatest time.
    fn observe_lateness(&mut self, packets: &[Packet]) -> EventTime {
        let mut in_order = 0;
        for packet in packets {
            if packet.time >= self.greatest {
                self.greatest = packet.time;
                in_order += 1;
            } else {
                self.counts.lateness.add_behind(self.greatest - packet.time);
            }
        }
        self.counts.lateness.add_in_order(in_order);
        self.greatest
    }

    fn count(&mut self, folded: usize, rejected: Vec<Rejected>) {
        self.counts.read += (folded + rejected.len()) as u64;
        self.counts.folded += folded as u64;
        for row in &rejected {
            *self.counts.rejected.entry(row.reason.name()).or_default() += 1;
        }
        self.rejected.extend(rejected);
    }

    fn increment(&mut self, observed: Observation) -> Option<Increment> {
        self.close_if_idle(observed);
        let mut panes = panes(Timing::OnTime, self.table.close(self.watermark.time()));
        self.opened_at.retain(|window, _| !window.is_over(self.watermark.time()));

        let memory_is_short = self.bytes() > self.limits.memory_max;
        if memory_is_short {
            panes.extend(self::panes(Timing::Partial, self.table.take_all()));
            self.opened_at.clear();
        }
        let waited = observed.uptime.saturating_sub(self.last_increment) >= self.limits.checkpoint_interval;
        let due = waited || self.rejected.len() >= REJECTED_MAX;
        if panes.is_empty() && !memory_is_short && !(due && self.has_changed()) {
            return None;
        }
        self.last_increment = observed.uptime;
        Some(self.build(panes, memory_is_short))
    }

    /// Nothing has come for a while and the clock is past the newest window: then that window is complete. The watermark
    /// goes to its end and no further, so that a capture with old times or a clock that is behind does not become late.
    fn close_if_idle(&mut self, observed: Observation) {
        let quiet = observed.uptime.saturating_sub(self.last_packet);
        if let Some(end) = self.table.newest_end()
            && observed.caught_up
            && quiet >= self.limits.idle_timeout
            && end <= observed.database_clock
        {
            self.watermark.advance_to(end);
        }
    }

    fn has_changed(&self) -> bool {
        self.counts.read > 0
            || self.counts.gone != 0
            || *self.last.position != self.position
            || self.last.watermark != self.watermark.time()
    }

    fn build(&mut self, mut panes: Vec<Pane>, flushed_early: bool) -> Increment {
        panes.extend(self::panes(Timing::Late, self.late.take_all()));
        let position = Arc::new(self.position.clone());
        // Positions are nested, so the least is the one with the lowest high; of equal ones the earlier misses more.
        let settled = self
            .opened_at
            .values()
            .min_by_key(|settled| (settled.high(), std::cmp::Reverse(settled.missing_ids())))
            .unwrap_or(&position);
        let checkpoint = Checkpoint {
            number: self.last.number + 1,
            settled: Arc::clone(settled),
            position,
            watermark: self.watermark.time(),
            last_row: self.last_row,
            open: Some(self.table.packet_count()),
        };
        let from = self.last.position.high();
        self.last = checkpoint.clone();
        let counts = Counts { flushed_early, ..std::mem::take(&mut self.counts) };
        Increment { from, checkpoint, panes, rejected: std::mem::take(&mut self.rejected), counts }
    }
}

fn panes(timing: Timing, windows: Vec<WindowFlows>) -> Vec<Pane> {
    windows.into_iter().map(|flows| Pane { timing, flows: Arc::new(flows) }).collect()
}

#[cfg(test)]
mod tests;
