//! Reads every packet exactly once: new rows above the position, then the gaps that no longer wait for anybody.
//!
//! One read is up to five statements, each with a snapshot of its own and in this order: the clock and the sequence, the new
//! rows, the look at the locks (only while something is missing), the rows of the gaps that are ready, and the sequence
//! again (only if rows or gaps were read). See `gaps` for the locks. The sequence is looked at on both sides so that all
//! rows between are of one generation of ids: TRUNCATE … RESTART IDENTITY may come at any moment. The look after the rows
//! also sees whether the table is still as it was found: an ALTER TABLE under way makes them what they are not
//! (see [`Source::definition_sql`]), and nothing of such a read is handed on.

use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt;
use tokio_postgres::Client;

use crate::flow::batch::{Batch, Observation, Progress};
use crate::flow::position::{IdRange, Position};
use crate::flow::time::EventTime;
use crate::postgres::database::Database;
use crate::postgres::decode::{Row, RowDecoder};
use crate::postgres::error::PostgresError;
use crate::postgres::frontier::Frontier;
use crate::postgres::generation::{Identity, Sighting};
use crate::postgres::idle_holders::IdleHolders;
use crate::postgres::ranges::{Chunk, chunks};
use crate::postgres::replay::Replay;
use crate::postgres::session::{BY_INDEX, Session};
use crate::postgres::source::Source;
use crate::postgres::texts::{guarded_list, nothing_toasted, plain_list};
use crate::postgres::witness;
use crate::telemetry::clock;

/// Bounds of reading.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of one statement.
    pub rows_per_read: usize,
    /// Rows of one batch.
    pub rows_per_batch: usize,
    /// Missing ranges at which reading ahead waits.
    pub pending_ranges_max: usize,
    /// How far ahead of the database's clock a packet's time may be.
    pub future_bound: Duration,
}

/// A session that reads the source, and what it remembers.
#[derive(Debug)]
pub struct Reader {
    session: Session,
    source: Source,
    limits: Limits,
    frontier: Frontier,
    /// Whether ids above the sequence's last value wait until the sequence reaches them: they were made by hand, and one
    /// of them far above would otherwise make a gap of all honest ids to come.
    bounded: bool,
    /// Whether the last read came back full and without long texts: the next one may be plain (see `texts`).
    catching_up: bool,
    /// The sequence as the last look saw it.
    seen: Sighting,
    idle_holders: IdleHolders,
}

/// What one read found.
#[derive(Debug, Default)]
pub struct Read {
    /// The rows, in the order in which the position takes them; one without rows if nothing came.
    pub batches: Vec<Batch>,
    /// Number of rows read.
    pub rows: usize,
    /// As many new rows as one statement may give: there are probably more.
    pub full: bool,
    /// How far the table is ahead of the position.
    pub lag: Lag,
}

/// How far the reader is behind, and what it waits for.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Lag {
    /// Ids that the sequence has handed out above the position; `None` where its last value may not be read.
    pub ids: Option<u64>,
    /// Missing ranges.
    pub pending_ranges: usize,
    /// Missing ids.
    pub pending_ids: u64,
    /// Age of the oldest gap.
    pub pending_oldest: Duration,
    /// How long whoever gaps wait for has done nothing.
    pub holder_idle: Duration,
}

/// The clock, the sequence, and the table's definition.
#[derive(Clone, Debug)]
struct Tide {
    observed: Observation,
    sequence: Sighting,
    definition: String,
}

impl Reader {
    /// A session to read with.
    pub async fn connect(database: &Database) -> Result<Session, PostgresError> {
        let session = database.session("ingest").await?;
        session.client.batch_execute(BY_INDEX).await.map_err(PostgresError::doing("prepare to read packets"))?;
        Ok(session)
    }

    /// Reads on from `position`, which speaks of the ids of the table that was found as `identity`. Gaps of the position
    /// count as first seen now.
    pub fn start(session: Session, source: Source, position: Position, identity: &Identity, limits: Limits) -> Self {
        let frontier = Frontier::at(position, limits.future_bound);
        let seen = Sighting { last_value: None, filenode: identity.sequence_filenode };
        Self {
            session,
            source,
            limits,
            frontier,
            bounded: false,
            catching_up: false,
            seen,
            idle_holders: IdleHolders::default(),
        }
    }

    /// The ranges that a replay reads, one after the other.
    pub fn replayed_ranges(&self, replay: &Replay) -> Vec<Chunk> {
        chunks(&self.frontier.position.since(&replay.settled), self.limits.rows_per_read)
    }

    /// A step of a replay: rows of the chunk from id `from` on. Gives the batch, which moves nothing, and where to go on.
    pub async fn replay(
        &self,
        replay: &Replay,
        chunk: &Chunk,
        from: i64,
    ) -> Result<(Batch, Option<i64>), PostgresError> {
        let position = &self.frontier.position;
        let mut batch = Batch { progress: Progress::Replayed, ..Batch::default() };
        let mut last = from;
        let sql = chunk.sql(&self.source, from, self.limits.rows_per_read);
        let rows = self
            .copy(&sql, |row| {
                last = row.id;
                batch.packets.extend(replay.packet(position, row));
                Ok(())
            })
            .await?;
        let tide = self.tide().await?;
        self.refuse_altered(&tide)?;
        Ok((batch, chunk.has_more(rows, self.limits.rows_per_read).then_some(last + 1)))
    }

    /// Reads what is new, and the gaps that are ready. There may be many of these: `step` is called before each statement
    /// that reads some.
    pub async fn read(&mut self, step: impl Fn()) -> Result<Read, PostgresError> {
        let tide = self.tide().await?;
        self.refuse_reset(&tide)?;
        let mut read = Read::default();
        // While too much is missing, what is new waits in the table.
        let reads_ahead = self.frontier.position.missing_ranges() < self.limits.pending_ranges_max;
        if reads_ahead {
            self.read_new(tide.observed, &mut read).await?;
        }
        if !self.frontier.gaps.is_empty() {
            self.read_gaps(tide.observed, &mut read, step).await?;
        }
        if read.batches.is_empty() {
            read.batches.push(self.frontier.quiet(tide.observed));
        } else {
            // The ids may have begun anew while this was read: then some rows are of other packets than we take them for.
            let tide = self.tide().await?;
            self.refuse_reset(&tide)?;
            self.refuse_altered(&tide)?;
        }
        if let Some(last) = read.batches.last_mut() {
            last.observed.caught_up = reads_ahead && !read.full;
        }
        let gaps = &self.frontier.gaps;
        self.idle_holders.look(&self.session.client, &self.source, gaps, clock::uptime()).await?;
        read.lag = self.lag(&tide);
        Ok(read)
    }

    /// Looks at the clock only.
    pub async fn observe(&self) -> Result<Batch, PostgresError> {
        let tide = self.tide().await?;
        Ok(self.frontier.quiet(Observation { caught_up: true, ..tide.observed }))
    }

    fn lag(&self, tide: &Tide) -> Lag {
        let position = &self.frontier.position;
        Lag {
            ids: tide.sequence.last_value.map(|last| u64::try_from(last - position.high()).unwrap_or(0)),
            pending_ranges: position.missing_ranges(),
            pending_ids: position.missing_ids(),
            pending_oldest: self.frontier.gaps.oldest(clock::uptime()),
            holder_idle: self.idle_holders.longest(),
        }
    }

    /// A sequence that begins anew hands out ids that were consumed as other packets: the next attempt sorts that out.
    fn refuse_reset(&mut self, tide: &Tide) -> Result<(), PostgresError> {
        if tide.sequence.began_anew_since(std::mem::replace(&mut self.seen, tide.sequence)) {
            return Err(PostgresError::SourceReset { table: self.source.table.clone() });
        }
        self.bounded = tide.sequence.last_value.is_some();
        Ok(())
    }

    /// What was read while the table was altered is not to be believed: the next attempt looks at it anew.
    fn refuse_altered(&self, tide: &Tide) -> Result<(), PostgresError> {
        if tide.definition == self.source.definition {
            return Ok(());
        }
        Err(PostgresError::SourceAltered { table: self.source.table.clone() })
    }

    async fn tide(&self) -> Result<Tide, PostgresError> {
        let sequence = &self.source.sequence;
        let last_value = if sequence.readable {
            format!("(SELECT CASE WHEN s.is_called THEN s.last_value END FROM {} s)", sequence.name)
        } else {
            "NULL::bigint".to_owned()
        };
        let sql = format!(
            "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, {last_value}, \
             pg_catalog.pg_relation_filenode({}::oid::regclass), ({})",
            sequence.oid,
            Source::definition_sql(self.source.table_oid),
        );
        let row = self
            .session
            .client
            .query_one(&sql, &[])
            .await
            .map_err(PostgresError::doing("ask for the database's clock and the table's last id"))?;
        let observed = Observation {
            uptime: clock::uptime(),
            database_clock: EventTime::from_micros(row.get(0)).unwrap_or_default(),
            caught_up: false,
        };
        let sequence = Sighting { last_value: row.get(1), filenode: row.get(2) };
        Ok(Tide { observed, sequence, definition: row.get(3) })
    }

    async fn read_new(&mut self, observed: Observation, read: &mut Read) -> Result<(), PostgresError> {
        let sql = self.new_rows_sql();
        let Self { session, source, limits, frontier, catching_up, .. } = self;
        let mut advance = frontier.advance(observed, limits.rows_per_batch);
        let copied = copy(&session.client, source, &sql, |row| Ok(advance.push(row)?)).await?;
        read.batches = advance.finish()?;
        let full = copied.rows == limits.rows_per_read;
        // A plain statement that gave nothing may have refused to: the rows, if there are any, are read guarded.
        read.full = full || (*catching_up && copied.rows == 0);
        *catching_up = full && !copied.long_text;
        read.rows += copied.rows;
        Ok(())
    }

    fn new_rows_sql(&self) -> String {
        let Source { table, sequence, .. } = &self.source;
        let id = self.source.id();
        let last = if self.bounded { "s.last_value".to_owned() } else { i64::MAX.to_string() };
        let sequence = if self.bounded { format!("FROM {} s", sequence.name) } else { String::new() };
        let (columns, last) = if self.catching_up {
            (plain_list(&self.source), format!("CASE WHEN {} THEN {last} ELSE 0 END", nothing_toasted(&self.source)))
        } else {
            (guarded_list(&self.source), last)
        };
        format!(
            "COPY (SELECT {columns} FROM {table} WHERE {id} > {} AND {id} <= (SELECT {last} {sequence}) \
             ORDER BY {id} LIMIT {}) TO STDOUT (FORMAT binary)",
            self.frontier.position.high(),
            self.limits.rows_per_read,
        )
    }

    async fn read_gaps(
        &mut self,
        observed: Observation,
        read: &mut Read,
        step: impl Fn(),
    ) -> Result<(), PostgresError> {
        let holders = witness::holders(&self.session.client, &self.source).await?;
        let ready: Vec<IdRange> = self.frontier.gaps.observe(&holders, clock::uptime());
        for chunk in chunks(&ready, self.limits.rows_per_read) {
            let mut next = Some(chunk.first());
            while let Some(from) = next {
                step();
                let mut rows = Vec::new();
                let sql = chunk.sql(&self.source, from, self.limits.rows_per_read);
                self.copy(&sql, |row| {
                    rows.push(row);
                    Ok(())
                })
                .await?;
                read.rows += rows.len();
                let more = chunk.has_more(rows.len(), self.limits.rows_per_read);
                let upto = rows.last().map(|row| row.id).filter(|_| more);
                read.batches.push(self.frontier.resolve(observed, chunk.ranges(from, upto), rows)?);
                next = upto.map(|last| last + 1).filter(|&first| first <= chunk.last());
            }
        }
        Ok(())
    }

    async fn copy(
        &self,
        sql: &str,
        each: impl FnMut(Row) -> Result<(), PostgresError>,
    ) -> Result<usize, PostgresError> {
        Ok(copy(&self.session.client, &self.source, sql, each).await?.rows)
    }
}

/// What a COPY statement gave.
pub(super) struct Copied {
    /// How many.
    pub(super) rows: usize,
    /// Whether any of them had a text that is too long.
    long_text: bool,
}

/// Decodes all rows of a COPY statement and counts them. They are collected before they are handed on: a slow stage must
/// not keep the statement, and with it a snapshot, open.
pub(super) async fn copy(
    client: &Client,
    source: &Source,
    sql: &str,
    mut each: impl FnMut(Row) -> Result<(), PostgresError>,
) -> Result<Copied, PostgresError> {
    let doing = PostgresError::doing("read packets");
    let stream = client.copy_out(sql).await.map_err(&doing)?;
    let mut stream = pin!(stream);
    let mut decoder = RowDecoder::new(&source.columns);
    let mut rows = 0;
    while let Some(message) = stream.try_next().await.map_err(&doing)? {
        let mut left = message.as_ref();
        while let Some(row) = decoder.next(&mut left)? {
            each(row)?;
            rows += 1;
        }
    }
    Ok(Copied { rows, long_text: decoder.saw_long_text() })
}

/// All rows from one id to another, ascending.
pub async fn rows_from(client: &Client, source: &Source, (first, last): (i64, i64)) -> Result<Vec<Row>, PostgresError> {
    let mut rows = Vec::new();
    let range = IdRange { first, last };
    let sql = Chunk::Span(range).sql(source, first, usize::try_from(range.len()).unwrap_or(usize::MAX));
    copy(client, source, &sql, |row| {
        rows.push(row);
        Ok(())
    })
    .await?;
    Ok(rows)
}

/// The row with this id, if it is there.
pub async fn row_at(client: &Client, source: &Source, id: i64) -> Result<Option<Row>, PostgresError> {
    let mut found = None;
    let sql = Chunk::Span(IdRange { first: id, last: id }).sql(source, id, 1);
    copy(client, source, &sql, |row| {
        found = Some(row);
        Ok(())
    })
    .await?;
    Ok(found)
}
