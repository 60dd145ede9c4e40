//! The audit: are there packets within the position that nobody has consumed?
//!
//! The count of each block of ids moves with the checkpoint. Whoever holds a snapshot of both knows how many rows a later
//! look may find at most: what the position holds was consumed or can never come. So a row too many came past every lock (an
//! id made by hand, a sequence with a cache, logical replication) and is in no flow. Rows too few were deleted, as they may
//! be. A packet never read stays hidden behind one that was deleted from the same block: what is counted, not which.
//!
//! Nobody is disturbed: plain reads of an index, a block at a time, each with a snapshot of its own and no lock that an
//! inserter or a gap would notice.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, GenericClient, IsolationLevel};

use crate::flow::consumed::{Count, audited, block_of, ids_of};
use crate::flow::position::IdRange;
use crate::postgres::books::Books;
use crate::postgres::error::PostgresError;
use crate::postgres::source::Source;

/// Blocks of a round at most; what is left over is for the next rounds.
const BLOCKS_MAX: i64 = 16;
/// How far below the position blocks are looked for that have changed; older ones have their turn all the same.
const RECENT_BLOCKS: i64 = 4096;
/// Ranges in one statement at most.
const RANGES_PER_STATEMENT: usize = 1_000;

/// Counts the rows of a block that the books hold as consumed or dead.
pub async fn count(
    client: &impl GenericClient,
    source: &Source,
    books: &Books,
    block: i64,
    consumed: u64,
) -> Result<Count, PostgresError> {
    let ranges = audited(block, books.audit_from, &books.position);
    let mut found = 0;
    for ranges in ranges.chunks(RANGES_PER_STATEMENT) {
        found += rows_within(client, source, ranges).await?;
    }
    let whole = ids_of(block);
    let (first, last) = (ranges.first().map(|range| range.first), ranges.last().map(|range| range.last));
    let ids = IdRange { first: first.unwrap_or(whole.first), last: last.unwrap_or(whole.last) };
    Ok(Count { ids, consumed, found })
}

async fn rows_within(client: &impl GenericClient, source: &Source, ranges: &[IdRange]) -> Result<u64, PostgresError> {
    let (table, id) = (&source.table, source.id());
    let doing = PostgresError::doing("count the packets of a block of ids");
    let row = if let [range] = ranges {
        let sql = format!("SELECT count(*) FROM {table} WHERE {id} >= $1::bigint AND {id} <= $2::bigint");
        client.query_one(&sql, &[&range.first, &range.last]).await
    } else {
        // OFFSET 0 keeps the plan a look-up by id for each range.
        let sql = format!(
            "SELECT count(*) FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::bigint[])) AS g(first, last) \
             CROSS JOIN LATERAL (SELECT FROM {table} WHERE {id} >= g.first AND {id} <= g.last OFFSET 0) AS p"
        );
        let (firsts, lasts): (Vec<i64>, Vec<i64>) = ranges.iter().map(|range| (range.first, range.last)).unzip();
        client.query_one(&sql, &[&firsts, &lasts]).await
    };
    Ok(row.map_err(doing)?.get::<_, i64>(0).unsigned_abs())
}

/// The lowest id from `from` to `to` that has a row.
pub async fn next_row(
    client: &impl GenericClient,
    source: &Source,
    from: i64,
    to: i64,
) -> Result<Option<i64>, PostgresError> {
    let (table, id) = (&source.table, source.id());
    let sql = format!("SELECT min({id})::bigint FROM {table} WHERE {id} >= $1::bigint AND {id} <= $2::bigint");
    let doing = PostgresError::doing("find the next block of ids with packets");
    Ok(client.query_one(&sql, &[&from, &to]).await.map_err(doing)?.get(0))
}

/// The first id of what is audited: where everything is, also ids below 1, for no row of those is ever read.
pub fn first_audited(books: &Books) -> i64 {
    if books.audit_from <= 1 { i64::MIN } else { books.audit_from }
}

/// Audits the source on behalf of one owner, a few blocks a round.
#[derive(Debug)]
pub struct Auditor {
    source: Source,
    source_id: i32,
    epoch: i64,
    generation: i32,
    /// The block from which on the next round looks for the one whose turn it is.
    turn: Option<i64>,
}

/// What a round found.
#[derive(Debug)]
pub struct Round {
    /// The blocks looked at.
    pub counts: Vec<Count>,
    /// Of these, the ones with packets never read that no round before has told, and how many.
    pub news: Vec<(Count, u64)>,
    /// Packets consumed less those that are rejected, stored, open or gone: 0.
    pub unaccounted: i64,
}

/// A row of `flowsentry.consumed_ids`.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    rows: i64,
    never_read: i64,
    exists: bool,
}

/// What a round compares: the books and the blocks of the same snapshot.
struct Look {
    books: Books,
    entries: BTreeMap<i64, Entry>,
}

impl Auditor {
    /// For the owner of this epoch, reading this generation of ids.
    pub fn new(source: Source, source_id: i32, epoch: i64, generation: i32) -> Self {
        Self { source, source_id, epoch, generation, turn: None }
    }

    /// One round: the newest block, those that have changed since they were audited, and one older block in turn. `None`:
    /// there is nothing to audit yet, or the ids have just begun anew.
    pub async fn round(&mut self, client: &mut Client) -> Result<Option<Round>, PostgresError> {
        let Some(Look { books, entries }) = self.look(client).await? else { return Ok(None) };
        let mut round = Round { counts: Vec::new(), news: Vec::new(), unaccounted: books.sums.unaccounted() };
        for (&block, entry) in &entries {
            let count = count(client, &self.source, &books, block, entry.rows.unsigned_abs()).await?;
            let news = count.never_read().saturating_sub(entry.never_read.unsigned_abs());
            if news > 0 {
                round.news.push((count, news));
            }
            round.counts.push(count);
        }
        if !books.speak_of(client, &self.source).await? {
            return Ok(None);
        }
        self.record(client, &entries, &round.counts).await?;
        Ok(Some(round))
    }

    /// Reads books and blocks, and removes blocks that nothing is left of.
    async fn look(&mut self, client: &mut Client) -> Result<Option<Look>, PostgresError> {
        let doing = PostgresError::doing("see what was consumed");
        let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let snapshot = snapshot.start().await.map_err(&doing)?;
        let books = Books::load(&snapshot, self.source_id).await?;
        let Some(books) = books.filter(|books| books.epoch == self.epoch && books.generation == self.generation) else {
            return Ok(None);
        };
        let newest = block_of(books.position.high());
        let mut blocks: BTreeSet<i64> = self.changed(&snapshot, newest).await?.into_iter().collect();
        blocks.insert(newest);
        let from = match self.turn {
            Some(turn) => turn,
            None => self.longest_ago(&snapshot).await?,
        };
        let from = from.max(block_of(first_audited(&books)));
        let next = next_row(&snapshot, &self.source, ids_of(from).first, books.position.high()).await?.map(block_of);
        blocks.extend(next);
        let entries = self.entries(&snapshot, &blocks).await?;
        snapshot.commit().await.map_err(&doing)?;
        let emptied = (from, next.unwrap_or(newest).min(block_of(books.settled.low())));
        self.remove(client, emptied).await?;
        self.turn = Some(next.map_or(i64::MIN, |block| block + 1));
        Ok(Some(Look { books, entries }))
    }

    /// Recent blocks that were consumed of since their last audit, the newest first.
    async fn changed(&self, client: &impl GenericClient, newest: i64) -> Result<Vec<i64>, PostgresError> {
        let sql = "SELECT block FROM flowsentry.consumed_ids
                   WHERE source_id = $1 AND generation = $2 AND block > $3 AND audited_rows IS DISTINCT FROM rows
                   ORDER BY block DESC LIMIT $4";
        let doing = PostgresError::doing("see which blocks of ids have changed");
        let floor = newest - RECENT_BLOCKS;
        let rows = client.query(sql, &[&self.source_id, &self.generation, &floor, &BLOCKS_MAX]).await.map_err(doing)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Where those before us left off.
    async fn longest_ago(&self, client: &impl GenericClient) -> Result<i64, PostgresError> {
        let sql = "SELECT block FROM flowsentry.consumed_ids WHERE source_id = $1 AND generation = $2
                   ORDER BY audited_at NULLS FIRST, block LIMIT 1";
        let doing = PostgresError::doing("see which block of ids was audited longest ago");
        let row = client.query_opt(sql, &[&self.source_id, &self.generation]).await.map_err(doing)?;
        Ok(row.map_or(i64::MIN, |row| row.get(0)))
    }

    async fn entries(
        &self,
        client: &impl GenericClient,
        blocks: &BTreeSet<i64>,
    ) -> Result<BTreeMap<i64, Entry>, PostgresError> {
        let sql = "SELECT block, rows, never_read FROM flowsentry.consumed_ids
                   WHERE source_id = $1 AND generation = $2 AND block = ANY($3)";
        let doing = PostgresError::doing("see what was consumed");
        let mut entries: BTreeMap<i64, Entry> = blocks.iter().map(|&block| (block, Entry::default())).collect();
        let blocks: Vec<i64> = blocks.iter().copied().collect();
        for row in client.query(sql, &[&self.source_id, &self.generation, &blocks]).await.map_err(doing)? {
            entries.insert(row.get(0), Entry { rows: row.get(1), never_read: row.get(2), exists: true });
        }
        Ok(entries)
    }

    /// Removes the blocks of earlier generations, and those from the first to before the second: no packet is left there,
    /// and none can come.
    async fn remove(&self, client: &Client, (from, to): (i64, i64)) -> Result<(), PostgresError> {
        let sql = "DELETE FROM flowsentry.consumed_ids
                   WHERE source_id = $1 AND (generation < $2 OR generation = $2 AND block >= $3 AND block < $4)
                     AND EXISTS (SELECT FROM flowsentry.checkpoint c WHERE c.source_id = $1 AND c.epoch = $5)";
        let doing = PostgresError::doing("remove blocks of ids without packets");
        client.execute(sql, &[&self.source_id, &self.generation, &from, &to, &self.epoch]).await.map_err(doing)?;
        Ok(())
    }

    /// Remembers what was found, so that it is told once. A block that nothing was consumed of is remembered only if there
    /// is something to tell.
    async fn record(
        &self,
        client: &Client,
        entries: &BTreeMap<i64, Entry>,
        counts: &[Count],
    ) -> Result<(), PostgresError> {
        let sql = "INSERT INTO flowsentry.consumed_ids AS c
                          (source_id, generation, block, rows, audited_rows, never_read, audited_at)
                   SELECT $1, $2, b.block, 0, b.rows, b.never_read, pg_catalog.clock_timestamp()
                   FROM ROWS FROM (pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($4::bigint[]),
                                   pg_catalog.unnest($5::bigint[])) AS b(block, rows, never_read)
                   WHERE EXISTS (SELECT FROM flowsentry.checkpoint k
                                 WHERE k.source_id = $1 AND k.epoch = $6 AND k.generation = $2)
                   ON CONFLICT (source_id, generation, block) DO UPDATE
                   SET audited_rows = excluded.audited_rows, never_read = excluded.never_read, audited_at = excluded.audited_at";
        let (mut blocks, mut rows, mut never_read) = (Vec::new(), Vec::new(), Vec::new());
        for ((&block, entry), count) in entries.iter().zip(counts) {
            if entry.exists || count.never_read() > 0 {
                blocks.push(block);
                rows.push(entry.rows);
                never_read.push(count.never_read().cast_signed());
            }
        }
        client
            .execute(sql, &[&self.source_id, &self.generation, &blocks, &rows, &never_read, &self.epoch])
            .await
            .map_err(PostgresError::doing("remember what the audit found"))?;
        Ok(())
    }
}
