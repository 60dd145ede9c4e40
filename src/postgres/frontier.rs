//! Rows become batches and move the position: the part of reading that needs no database.

use std::time::Duration;

use crate::flow::batch::{Batch, Observation, Progress, Reason, Rejected};
use crate::flow::packet::Packet;
use crate::flow::position::{BrokenChain, Delta, IdRange, Position};
use crate::flow::time::EventTime;
use crate::flow::watermark::plausible_until;
use crate::postgres::decode::Row;
use crate::postgres::gaps::Gaps;

/// What has been read and what is missing below it.
#[derive(Debug)]
pub struct Frontier {
    /// Ids consumed.
    pub position: Position,
    /// Ids missing, and whom they wait for.
    pub gaps: Gaps,
    future_bound: Duration,
}

impl Frontier {
    /// At a position whose gaps count as first seen now.
    pub fn at(position: Position, future_bound: Duration) -> Self {
        let mut gaps = Gaps::default();
        position.missing().for_each(|range| gaps.add(range));
        Self { position, gaps, future_bound }
    }

    /// A batch without rows, at this time.
    pub fn quiet(&self, observed: Observation) -> Batch {
        let high = self.position.high();
        let delta = Delta { from: high, to: high, ..Delta::default() };
        Batch { observed, progress: Progress::New { delta, last_row: None }, ..Batch::default() }
    }

    /// Takes in rows above the position, ascending by id.
    pub fn advance(&mut self, observed: Observation, rows_per_batch: usize) -> Advance<'_> {
        let from = self.position.high();
        let plausible_until = plausible_until(observed.database_clock, self.future_bound);
        Advance {
            frontier: self,
            observed,
            plausible_until,
            rows_per_batch,
            batch: Batch::default(),
            rows: 0,
            from,
            next: from + 1,
            missing: Vec::new(),
            last_rejected: None,
            done: Vec::new(),
        }
    }

    /// Takes in the rows of missing ranges that no longer wait: what is not among the rows is dead.
    pub fn resolve(
        &mut self,
        observed: Observation,
        ranges: Vec<IdRange>,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Batch, BrokenChain> {
        let plausible_until = plausible_until(observed.database_clock, self.future_bound);
        let mut batch = self.quiet(observed);
        for row in rows {
            batch.consumed.add(row.id);
            sort_in(row, plausible_until, &mut batch);
        }
        if let Progress::New { delta, .. } = &mut batch.progress {
            delta.resolved = ranges;
            self.position.apply(delta)?;
        }
        Ok(batch)
    }
}

/// New rows on their way into batches.
#[derive(Debug)]
pub struct Advance<'a> {
    frontier: &'a mut Frontier,
    observed: Observation,
    plausible_until: EventTime,
    rows_per_batch: usize,
    batch: Batch,
    rows: usize,
    from: i64,
    next: i64,
    missing: Vec<IdRange>,
    /// Fingerprint of the last row, if that one was rejected; 0 if it is no packet. Of others it is made a batch, not a row.
    last_rejected: Option<u64>,
    done: Vec<Batch>,
}

impl Advance<'_> {
    /// Takes in the next row; ids that it leaves out are missing.
    pub fn push(&mut self, row: Row) -> Result<(), BrokenChain> {
        if self.rows == 0 {
            self.batch.packets.reserve_exact(self.rows_per_batch);
        }
        if self.next < row.id {
            self.missing.push(IdRange { first: self.next, last: row.id - 1 });
        }
        self.next = row.id + 1;
        self.batch.consumed.add(row.id);
        self.last_rejected = sort_in(row, self.plausible_until, &mut self.batch);
        self.rows += 1;
        if self.rows == self.rows_per_batch { self.complete() } else { Ok(()) }
    }

    /// The batches, in the order in which the position takes them.
    pub fn finish(mut self) -> Result<Vec<Batch>, BrokenChain> {
        if self.rows > 0 {
            self.complete()?;
        }
        Ok(self.done)
    }

    fn complete(&mut self) -> Result<(), BrokenChain> {
        let missing = std::mem::take(&mut self.missing);
        for &range in &missing {
            self.frontier.gaps.add(range);
        }
        let delta = Delta { from: self.from, to: self.next - 1, missing, resolved: Vec::new() };
        self.frontier.position.apply(&delta)?;
        let mut batch = std::mem::take(&mut self.batch);
        batch.observed = self.observed;
        let last_row = self.last_rejected.or_else(|| batch.packets.last().map(Packet::fingerprint));
        batch.progress = Progress::New { delta, last_row };
        self.done.push(batch);
        self.rows = 0;
        self.from = self.next - 1;
        Ok(())
    }
}

/// Puts a row where it belongs. Gives the fingerprint of one that is rejected.
fn sort_in(row: Row, plausible_until: EventTime, batch: &mut Batch) -> Option<u64> {
    match row.packet {
        Ok(packet) if packet.time <= plausible_until => {
            batch.packets.push(packet);
            None
        }
        Ok(packet) => {
            let value = Some(packet.time.to_string());
            batch.rejected.push(Rejected { id: row.id, reason: Reason::Future, column: "timestamp", value });
            Some(packet.fingerprint())
        }
        Err(rejected) => {
            batch.rejected.push(rejected);
            Some(0)
        }
    }
}

#[cfg(test)]
mod tests;
