//! Reading as `postgres::reader` does it, one statement a step: between any two of them the rest of the world moves.

use std::collections::VecDeque;
use std::time::Duration;

use flowsentry::flow::batch::{Batch, Observation, Progress};
use flowsentry::flow::position::{BrokenChain, IdRange, Position};
use flowsentry::postgres::decode::Row;
use flowsentry::postgres::frontier::Frontier;
use flowsentry::postgres::gaps::Holders;
use flowsentry::postgres::generation::{Identity, Sighting};
use flowsentry::postgres::ranges::{Chunk, chunks};
use flowsentry::postgres::replay::Replay;

use super::database::{Database, Rows};
use super::random::Random;
use super::setting::{Broken, Setting};
use super::tally::{Seen, Tally};
use super::traffic;

pub struct Reader {
    frontier: Frontier,
    replay: Replay,
    seen: Option<Sighting>,
    next: Statement,
    batches: Vec<Batch>,
    /// Whether a read was completed.
    is_proved: bool,
    /// Whether the new rows that were there fitted into the read.
    caught_up: bool,
    /// The rows of a snapshot that is kept too long, where that rule is broken.
    snapshot: Rows,
}

/// The statement that comes next.
enum Statement {
    Replay(VecDeque<(Chunk, i64)>),
    Clock,
    NewRows(Observation, Sighting),
    Locks(Observation),
    Gaps(Observation, VecDeque<(Chunk, i64)>),
    /// Whether all this was read from one generation of ids.
    ClockAgain(Observation),
}

/// What a step gave.
pub enum Said {
    /// More statements follow.
    Nothing,
    /// A read is complete.
    Batches(Vec<Batch>),
    /// The ids began anew. Whether a read before has found them as the checkpoint knew them.
    Reset { is_proved: bool },
}

impl Reader {
    pub fn start(position: Position, replay: Replay, identity: &Identity, setting: &Setting) -> Self {
        let judged = Sighting { last_value: None, filenode: identity.sequence_filenode };
        let ranges = chunks(&position.since(&replay.settled), setting.rows_per_read);
        Self {
            frontier: Frontier::at(position, setting.future_bound),
            replay,
            seen: (setting.broken != Some(Broken::TrustFirstLook)).then_some(judged),
            next: Statement::Replay(with_start(ranges)),
            batches: Vec::new(),
            is_proved: false,
            caught_up: false,
            snapshot: Rows::new(),
        }
    }

    /// Does the next statement.
    pub fn step(
        &mut self,
        database: &Database,
        setting: &Setting,
        uptime: Duration,
        random: &mut Random,
        tally: &mut Tally,
    ) -> Result<Said, BrokenChain> {
        match std::mem::replace(&mut self.next, Statement::Clock) {
            Statement::Replay(chunks) => Ok(self.replay(chunks, database, setting)),
            Statement::Clock => Ok(self.look_at_clock(database, uptime, random)),
            Statement::NewRows(observed, sequence) => self.read_new(observed, sequence, database, setting),
            Statement::Locks(observed) => {
                let holders = match setting.broken {
                    Some(Broken::IdAboveLast) => Holders::new(),
                    broken => database.holders(broken),
                };
                let ready = self.frontier.gaps.observe(&holders, uptime);
                tally.add_many(Seen::GapWaited, usize::from(!self.frontier.gaps.is_empty()));
                self.next = Statement::Gaps(observed, with_start(chunks(&ready, setting.rows_per_read)));
                Ok(self.step_if_done())
            }
            Statement::Gaps(observed, chunks) => self.read_gap(observed, chunks, database, setting, tally),
            Statement::ClockAgain(observed) => Ok(self.hand_over(observed, database, setting)),
        }
    }

    fn replay(&mut self, mut chunks: VecDeque<(Chunk, i64)>, database: &Database, setting: &Setting) -> Said {
        let Some((chunk, from)) = chunks.pop_front() else { return Said::Nothing };
        let rows = select(&chunk, from, &database.rows, setting.rows_per_read);
        let mut batch = Batch { progress: Progress::Replayed, ..Batch::default() };
        if let Some(last) = rows.last().map(|row| row.id)
            && chunk.has_more(rows.len(), setting.rows_per_read)
        {
            chunks.push_front((chunk, last + 1));
        }
        let position = &self.frontier.position;
        batch.packets.extend(rows.into_iter().filter_map(|row| self.replay.packet(position, row)));
        self.next = Statement::Replay(chunks);
        Said::Batches(vec![batch])
    }

    fn look_at_clock(&mut self, database: &Database, uptime: Duration, random: &mut Random) -> Said {
        let sequence = database.sequence();
        if sequence.began_anew_since(self.seen.replace(sequence).unwrap_or(sequence)) {
            return Said::Reset { is_proved: self.is_proved };
        }
        let observed = Observation { uptime, database_clock: database.clock, caught_up: false };
        if random.percent(10) {
            // Asleep, nobody has rung: only the clock is looked at.
            return Said::Batches(vec![self.frontier.quiet(Observation { caught_up: true, ..observed })]);
        }
        self.next = Statement::NewRows(observed, sequence);
        Said::Nothing
    }

    fn read_new(
        &mut self,
        observed: Observation,
        sequence: Sighting,
        database: &Database,
        setting: &Setting,
    ) -> Result<Said, BrokenChain> {
        self.caught_up = false;
        if self.frontier.position.missing_ranges() < setting.pending_ranges_max {
            let above = self.frontier.position.high() + 1;
            let upto = if sequence.last_value.is_some() { database.last_value() } else { i64::MAX };
            let mut rows = 0;
            let mut advance = self.frontier.advance(observed, setting.rows_per_batch);
            if above <= upto {
                for (&id, content) in database.rows.range(above..=upto).take(setting.rows_per_read) {
                    advance.push(traffic::row(id, content))?;
                    rows += 1;
                }
            }
            self.batches = advance.finish()?;
            self.caught_up = rows < setting.rows_per_read;
        }
        if setting.broken == Some(Broken::OneSnapshot) {
            self.snapshot = database.rows.clone();
        }
        self.next = if self.frontier.gaps.is_empty() {
            Statement::Gaps(observed, VecDeque::new())
        } else {
            Statement::Locks(observed)
        };
        Ok(self.step_if_done())
    }

    fn read_gap(
        &mut self,
        observed: Observation,
        mut chunks: VecDeque<(Chunk, i64)>,
        database: &Database,
        setting: &Setting,
        tally: &mut Tally,
    ) -> Result<Said, BrokenChain> {
        if let Some((chunk, from)) = chunks.pop_front() {
            let rows = match setting.broken {
                Some(Broken::IdAboveLast) => Vec::new(),
                Some(Broken::OneSnapshot) => select(&chunk, from, &self.snapshot, setting.rows_per_read),
                _ => select(&chunk, from, &database.rows, setting.rows_per_read),
            };
            tally.add(if rows.is_empty() { Seen::GapDead } else { Seen::GapFilled });
            let more = chunk.has_more(rows.len(), setting.rows_per_read);
            let upto = rows.last().map(|row| row.id).filter(|_| more);
            let ranges: Vec<IdRange> = chunk.ranges(from, upto);
            self.batches.push(self.frontier.resolve(observed, ranges, rows)?);
            if let Some(first) = upto.map(|last| last + 1).filter(|&first| first <= chunk.last()) {
                chunks.push_front((chunk, first));
            }
        }
        self.next = Statement::Gaps(observed, chunks);
        Ok(self.step_if_done())
    }

    fn step_if_done(&mut self) -> Said {
        if let Statement::Gaps(observed, chunks) = &self.next
            && chunks.is_empty()
        {
            self.next = Statement::ClockAgain(*observed);
        }
        Said::Nothing
    }

    /// Gives the batches, unless some of their rows may be of another generation than the rest.
    fn hand_over(&mut self, observed: Observation, database: &Database, setting: &Setting) -> Said {
        let sequence = database.sequence();
        let looks = setting.broken != Some(Broken::OneLook);
        if looks && sequence.began_anew_since(self.seen.replace(sequence).unwrap_or(sequence)) {
            return Said::Reset { is_proved: self.is_proved };
        }
        self.is_proved = true;
        let mut batches = std::mem::take(&mut self.batches);
        if batches.is_empty() {
            batches.push(self.frontier.quiet(observed));
        }
        if let Some(last) = batches.last_mut() {
            last.observed.caught_up = self.caught_up;
        }
        Said::Batches(batches)
    }
}

fn with_start(chunks: Vec<Chunk>) -> VecDeque<(Chunk, i64)> {
    chunks.into_iter().map(|chunk| (chunk.first(), chunk)).map(|(first, chunk)| (chunk, first)).collect()
}

/// The rows of a chunk from id `from` on, as its statement gives them.
fn select(chunk: &Chunk, from: i64, rows: &Rows, most: usize) -> Vec<Row> {
    let within = |first: i64, last: i64| rows.range(first..=last.max(first - 1)).map(|(&id, content)| (id, content));
    match chunk {
        Chunk::Span(range) if from <= range.last => {
            within(from, range.last).take(most).map(|(id, content)| traffic::row(id, content)).collect()
        }
        Chunk::Span(_) => Vec::new(),
        Chunk::Narrow(ranges) => {
            let found = ranges.iter().flat_map(|range| within(range.first, range.last));
            found.map(|(id, content)| traffic::row(id, content)).collect()
        }
    }
}
