//! One transaction an increment: flows, rejected rows, checkpoint; all or nothing.
//!
//! The checkpoint moves only if it is where this writer left it and the epoch is still ours; otherwise nothing is stored. A
//! commit whose answer is lost is decided by the next attempt, which reads the checkpoint, never by sending again.

use std::collections::BTreeMap;
use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{CopyInSink, Transaction};

use crate::alert::Changes;
use crate::flow::batch::Rejected;
use crate::flow::checkpoint::{Checkpoint, Increment};
use crate::flow::time::EventTime;
use crate::postgres::alerts::{self, StoredAlerts};
use crate::postgres::encode::{self, COPY_HEADER, COPY_TRAILER, FlowRow};
use crate::postgres::error::PostgresError;
use crate::postgres::generation::Identity;
use crate::postgres::lease::Lease;
use crate::postgres::outbox::Receiver;
use crate::postgres::resume::{Counted, Resume};
use crate::postgres::session::Session;
use crate::postgres::sink_table::SinkTable;
use crate::telemetry::clock;
use crate::verdict::judged::{JudgedIncrement, JudgedPane};
use crate::verdict::label::UNKNOWN;

/// Bytes that are sent to the server at a time.
const SEND_BYTES: usize = 64 * 1024;
/// With room for the row that fills them.
const SEND_CAPACITY: usize = SEND_BYTES + 4 * 1024;

/// The log is flushed in order: a durable checkpoint makes durable all that it had read.
///
/// And the role's own `search_path` holds, where all other sessions have none: an adopted table may have triggers of its
/// owner's, whose functions name tables as they are found on that path, and they run inside our transaction. For our own
/// statements that is safe: each names schemas for all its tables and functions, and its operators and types are those of
/// `pg_catalog`, which is searched first and has an exact match for each.
const TRANSACTION: &str = "SET LOCAL synchronous_commit = on; SET LOCAL search_path TO DEFAULT";

/// A session that stores increments, one after the other.
pub struct Writer {
    session: Session,
    table: SinkTable,
    owner: Owner,
    /// The checkpoint that the next increment must follow.
    last: Checkpoint,
    rejected_rows_max: i64,
    buffer: Vec<u8>,
}

/// On whose behalf a writer stores.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The source's name, for errors.
    pub source_name: String,
    /// The source in `flowsentry.checkpoint`.
    pub source_id: i32,
    /// The fence.
    pub epoch: i64,
    /// The generation of ids.
    pub generation: i32,
    /// What the server and the table are.
    pub identity: Identity,
    /// From where on packets are counted.
    pub counted: Counted,
    /// Who is told of alerts.
    pub receivers: Vec<Receiver>,
}

impl Owner {
    /// The holder of a lease, who tells these receivers of alerts.
    pub fn new(lease: &Lease, resume: &Resume, receivers: Vec<Receiver>) -> Self {
        Self {
            source_name: lease.source_name().to_owned(),
            source_id: lease.source_id(),
            epoch: lease.epoch(),
            generation: resume.generation,
            identity: resume.identity.clone(),
            counted: resume.counted,
            receivers,
        }
    }
}

/// What a transaction stored.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stored {
    /// Rows of `traffic_data`.
    pub flows: u64,
    /// Packets of these.
    pub packets: u64,
    /// Values that did not fit their column.
    pub clamped: u64,
    /// What of the alerts that changed.
    pub alerts: StoredAlerts,
}

impl Writer {
    /// Stores what follows `resume`; keeps at most about `rejected_rows_max` rejected rows.
    pub fn new(session: Session, table: SinkTable, owner: Owner, resume: &Resume, rejected_rows_max: u32) -> Self {
        Self {
            session,
            table,
            owner,
            last: resume.checkpoint.clone(),
            rejected_rows_max: i64::from(rejected_rows_max),
            buffer: Vec::with_capacity(SEND_CAPACITY),
        }
    }

    /// Stores an increment. On error nothing is stored, or the answer to the commit was lost: either way this writer is
    /// of no more use, and the next attempt starts from the stored checkpoint.
    pub async fn store(&mut self, judged: &JudgedIncrement, changes: &Changes) -> Result<Stored, PostgresError> {
        let increment = &judged.increment;
        if increment.from != self.last.position.high() || increment.checkpoint.number != self.last.number + 1 {
            return Err(PostgresError::OutOfOrder { number: increment.checkpoint.number, last: self.last.number });
        }
        let Self { session, table, owner, last, rejected_rows_max, buffer } = self;
        let doing = PostgresError::doing("store flows");
        let transaction = session.client.transaction().await.map_err(&doing)?;
        transaction.batch_execute(TRANSACTION).await.map_err(&doing)?;
        let mut stored = copy_flows(&transaction, table, owner, judged, buffer).await?;
        if !increment.rejected.is_empty() {
            reject(&transaction, owner, &increment.rejected, *rejected_rows_max, last.settled.low()).await?;
        }
        move_checkpoint(&transaction, owner, last, increment, &stored).await?;
        count_blocks(&transaction, owner, &increment.counts.consumed).await?;
        let alerts = alerts::store(&transaction, owner, changes).await?;
        transaction.commit().await.map_err(PostgresError::doing("commit flows"))?;
        stored.alerts = alerts.committed();
        self.last = increment.checkpoint.clone();
        Ok(stored)
    }

    /// Stores changes of alerts alone, in a transaction of their own with the same fence: what open windows show is told at
    /// once. On error as [`Writer::store`].
    pub async fn tell(&mut self, changes: &Changes) -> Result<StoredAlerts, PostgresError> {
        let doing = PostgresError::doing("store alerts");
        let transaction = self.session.client.transaction().await.map_err(&doing)?;
        transaction.batch_execute(TRANSACTION).await.map_err(&doing)?;
        let fence = "SELECT FROM flowsentry.checkpoint WHERE source_id = $1 AND epoch = $2 FOR NO KEY UPDATE";
        let owner = &self.owner;
        if transaction.query_opt(fence, &[&owner.source_id, &owner.epoch]).await.map_err(&doing)?.is_none() {
            return Err(PostgresError::TakenOver { source_name: owner.source_name.clone() });
        }
        let stored = alerts::store(&transaction, owner, changes).await?;
        transaction.commit().await.map_err(PostgresError::doing("commit alerts"))?;
        Ok(stored.committed())
    }
}

async fn copy_flows(
    transaction: &Transaction<'_>,
    table: &SinkTable,
    owner: &Owner,
    judged: &JudgedIncrement,
    buffer: &mut Vec<u8>,
) -> Result<Stored, PostgresError> {
    let mut stored = Stored::default();
    if judged.panes.is_empty() {
        return Ok(stored);
    }
    let doing = PostgresError::doing("copy flows");
    let sink = transaction.copy_in::<_, Bytes>(&table.copy_sql()).await.map_err(&doing)?;
    let mut sink = Box::pin(sink);
    buffer.clear();
    buffer.extend_from_slice(COPY_HEADER);
    let stamp = Stamp {
        number: judged.increment.checkpoint.number,
        source_id: owner.source_id,
        created_at: EventTime::from_micros(i64::try_from(clock::since_epoch().as_micros()).unwrap_or(0))
            .unwrap_or_default(),
    };
    for pane in &judged.panes {
        copy_pane(sink.as_mut(), table, pane, &stamp, buffer, &mut stored).await?;
    }
    buffer.extend_from_slice(COPY_TRAILER);
    send(sink.as_mut(), buffer).await?;
    sink.as_mut().finish().await.map_err(&doing)?;
    Ok(stored)
}

/// What all rows of a transaction share.
struct Stamp {
    number: i64,
    source_id: i32,
    created_at: EventTime,
}

async fn copy_pane(
    mut sink: Pin<&mut CopyInSink<Bytes>>,
    table: &SinkTable,
    judged: &JudgedPane,
    stamp: &Stamp,
    buffer: &mut Vec<u8>,
    stored: &mut Stored,
) -> Result<(), PostgresError> {
    let flows = &judged.pane.flows;
    let revision = judged.pane.revision(stamp.number);
    for (index, ((key, statistics), context)) in flows.flows.iter().zip(&judged.contexts).enumerate() {
        let judgement = judged.judgement.as_ref();
        let verdict = judgement.and_then(|judgement| judgement.verdicts.get(index).copied());
        let label = match (judgement, verdict) {
            (Some(judgement), Some(verdict)) => judgement.classes.label(verdict),
            _ => UNKNOWN,
        };
        let row = FlowRow {
            key,
            statistics,
            context,
            window: flows.window,
            revision,
            label,
            confidence: verdict.map(|verdict| verdict.confidence),
            model_version: judgement.map(|judgement| judgement.model_version.as_ref()),
            source_id: stamp.source_id,
            created_at: stamp.created_at,
        };
        stored.clamped += encode::append(&row, &table.columns, buffer);
        stored.flows += 1;
        stored.packets += statistics.volume.packets;
        if buffer.len() >= SEND_BYTES {
            send(sink.as_mut(), buffer).await?;
        }
    }
    Ok(())
}

async fn send(mut sink: Pin<&mut CopyInSink<Bytes>>, buffer: &mut Vec<u8>) -> Result<(), PostgresError> {
    let full = std::mem::replace(buffer, Vec::with_capacity(SEND_CAPACITY));
    sink.send(full.into()).await.map_err(PostgresError::doing("copy flows"))
}

/// Keeps rejected rows with their reasons, at most about `most`; those that a replay must know are kept in any case.
async fn reject(
    transaction: &Transaction<'_>,
    owner: &Owner,
    rows: &[Rejected],
    most: i64,
    settled: i64,
) -> Result<(), PostgresError> {
    let doing = PostgresError::doing("store rejected packets");
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let reasons: Vec<&str> = rows.iter().map(|row| row.reason.name()).collect();
    let columns: Vec<&str> = rows.iter().map(|row| row.column).collect();
    let values: Vec<Option<&str>> = rows.iter().map(|row| row.value.as_deref()).collect();
    let insert = "INSERT INTO flowsentry.rejected_packets (source_id, generation, packet_id, reason, column_name, value)
                  SELECT $1, $2, r.id, r.reason, r.name, r.value
                  FROM ROWS FROM (pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($4::text[]),
                                  pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[])) AS r(id, reason, name, value)";
    let (source, generation) = (owner.source_id, owner.generation);
    transaction.execute(insert, &[&source, &generation, &ids, &reasons, &columns, &values]).await.map_err(&doing)?;
    let prune = "DELETE FROM flowsentry.rejected_packets
                 WHERE source_id = $1 AND (generation, packet_id) <= (
                     SELECT r.generation, r.packet_id FROM flowsentry.rejected_packets r WHERE r.source_id = $1
                     ORDER BY r.generation DESC, r.packet_id DESC OFFSET $2 LIMIT 1)
                   AND (generation, packet_id) <= ($3, $4)";
    transaction.execute(prune, &[&source, &most, &generation, &settled]).await.map_err(&doing)?;
    Ok(())
}

async fn move_checkpoint(
    transaction: &Transaction<'_>,
    owner: &Owner,
    last: &Checkpoint,
    increment: &Increment,
    stored: &Stored,
) -> Result<(), PostgresError> {
    let Increment { checkpoint: next, counts, .. } = increment;
    let rejected: u64 = counts.rejected.values().sum();
    let sums = [counts.read + counts.uncounted, rejected, stored.packets].map(u64::cast_signed);
    let [consumed, rejected, stored] = &sums;
    let sql = "UPDATE flowsentry.checkpoint
               SET number = $4, generation = $5, position = $6, settled = $7, position_high = $8, watermark = $9,
                   last_row_fingerprint = $10, system_identifier = $11, timeline = $12, table_oid = $13,
                   sequence_oid = $14, sequence_filenode = $15,
                   server_started = 'epoch'::timestamptz + $16 * interval '1 microsecond', updated_at = pg_catalog.clock_timestamp(),
                   audit_from = $17, counted_since = $18, open = $19, consumed = consumed + $20, rejected = rejected + $21,
                   stored = stored + $22, gone = gone + $23
               WHERE source_id = $1 AND epoch = $2 AND number = $3";
    let identity = &owner.identity;
    let moved = transaction
        .execute(
            sql,
            &[
                &owner.source_id,
                &owner.epoch,
                &last.number,
                &next.number,
                &owner.generation,
                &next.position.encode(),
                &next.settled.encode(),
                &next.position.high(),
                &next.watermark.micros(),
                &next.last_row.map(|fingerprint| fingerprint.to_be_bytes().to_vec()),
                &identity.system_identifier,
                &identity.timeline,
                &identity.table_oid,
                &identity.sequence_oid,
                &identity.sequence_filenode,
                &(identity.server_started as f64),
                &owner.counted.audit_from,
                &owner.counted.since,
                &next.open.map(u64::cast_signed),
                consumed,
                rejected,
                stored,
                &counts.gone,
            ],
        )
        .await
        .map_err(PostgresError::doing("move the checkpoint"))?;
    if moved == 1 { Ok(()) } else { Err(PostgresError::TakenOver { source_name: owner.source_name.clone() }) }
}

/// Adds to the blocks of ids what was consumed of them: see the audit.
async fn count_blocks(
    transaction: &Transaction<'_>,
    owner: &Owner,
    consumed: &BTreeMap<i64, u64>,
) -> Result<(), PostgresError> {
    if consumed.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO flowsentry.consumed_ids AS c (source_id, generation, block, rows)
               SELECT $1, $2, b.block, b.rows
               FROM ROWS FROM (pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($4::bigint[])) AS b(block, rows)
               ON CONFLICT (source_id, generation, block) DO UPDATE SET rows = c.rows + excluded.rows";
    let blocks: Vec<i64> = consumed.keys().copied().collect();
    let rows: Vec<i64> = consumed.values().map(|rows| rows.cast_signed()).collect();
    transaction
        .execute(sql, &[&owner.source_id, &owner.generation, &blocks, &rows])
        .await
        .map_err(PostgresError::doing("count the packets consumed"))?;
    Ok(())
}
