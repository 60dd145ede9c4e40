//! Where a source goes on: the stored checkpoint, if the table is still the one that it was made of.
//!
//! A table that was rewritten, restored or failed over keeps its packets and its ids: the row with the highest consumed id
//! is still the same. A table that was emptied with its identity restarted hands out those ids anew, as other packets: that
//! is a new generation, read from the start. Stored flows stay in either case.

use std::sync::Arc;

use tokio_postgres::{Client, Row};

use crate::config::Start;
use crate::flow::checkpoint::Checkpoint;
use crate::flow::consumed::{block_of, ids_of};
use crate::flow::packet::Packet;
use crate::flow::position::Position;
use crate::flow::time::EventTime;
use crate::postgres::error::PostgresError;
use crate::postgres::generation::{self, Found, Identity};
use crate::postgres::lease::Lease;
use crate::postgres::reader;
use crate::postgres::source::Source;

/// A checkpoint and the generation of ids that it speaks of.
#[derive(Clone, Debug)]
pub struct Resume {
    /// Where to go on.
    pub checkpoint: Checkpoint,
    /// Counts how often the ids of this source began anew, from 1.
    pub generation: i32,
    /// What the server and the table are now.
    pub identity: Identity,
    /// Whether the ids began anew since the last checkpoint.
    pub began_anew: bool,
    /// Where the audit begins.
    pub counted: Counted,
}

/// From where on packets are counted: a source may have been read before anybody counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Packets of lower ids are not audited.
    pub audit_from: i64,
    /// Number of the checkpoint from which on packets are counted.
    pub since: i64,
}

/// Loads the checkpoint of the leased source and compares the table with the one that it was made of.
pub async fn load(lease: &Lease, source: &Source, start: Start) -> Result<Resume, PostgresError> {
    let client = lease.client();
    let sql =
        "SELECT number, generation, position, settled, watermark, last_row_fingerprint, system_identifier, timeline,
                      table_oid, sequence_oid, sequence_filenode, (extract(epoch FROM server_started) * 1000000)::bigint,
                      open, audit_from, counted_since
               FROM flowsentry.checkpoint WHERE source_id = $1";
    let doing = PostgresError::doing("load the checkpoint");
    let row = client.query_one(sql, &[&lease.source_id()]).await.map_err(doing)?;
    let checkpoint = checkpoint(&row)?;
    let generation: i32 = row.get(1);
    let identity = identity(client, source).await?;
    let Some(known) = known_identity(&row) else {
        let position = first_position(client, source, start).await?;
        let counted = Counted { audit_from: position.high() + 1, since: 0 };
        let checkpoint = checkpoint.at(position);
        return Ok(Resume { checkpoint, generation, identity, began_anew: false, counted });
    };
    let found = found(client, source, &checkpoint, identity).await?;
    let since = row.get::<_, Option<i64>>(14).unwrap_or(checkpoint.number);
    if generation::is_same(&checkpoint, &known, &found) {
        // Of the block that a version without counts was in the middle of, nothing can be said.
        let whole = ids_of(block_of(checkpoint.position.high())).last + 1;
        let counted = Counted { audit_from: row.get::<_, Option<i64>>(13).unwrap_or(whole), since };
        return Ok(Resume { checkpoint, generation, identity: found.identity, began_anew: false, counted });
    }
    let checkpoint = checkpoint.at(Position::default());
    let counted = Counted { audit_from: 1, since };
    Ok(Resume { checkpoint, generation: generation + 1, identity: found.identity, began_anew: true, counted })
}

fn checkpoint(row: &Row) -> Result<Checkpoint, PostgresError> {
    let fingerprint: Option<&[u8]> = row.get(5);
    Ok(Checkpoint {
        number: row.get(0),
        position: Arc::new(Position::decode(row.get(2))?),
        settled: Arc::new(Position::decode(row.get(3))?),
        watermark: EventTime::from_micros(row.get(4)).unwrap_or_default(),
        last_row: fingerprint.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes),
        open: row.get::<_, Option<i64>>(12).map(i64::cast_unsigned),
    })
}

/// `None` before the first checkpoint.
fn known_identity(row: &Row) -> Option<Identity> {
    Some(Identity {
        system_identifier: row.get::<_, Option<i64>>(6)?,
        timeline: row.get::<_, Option<i32>>(7)?,
        table_oid: row.get::<_, Option<u32>>(8)?,
        sequence_oid: row.get::<_, Option<u32>>(9)?,
        sequence_filenode: row.get(10),
        server_started: row.get::<_, Option<i64>>(11)?,
    })
}

async fn identity(client: &Client, source: &Source) -> Result<Identity, PostgresError> {
    let sql = "SELECT s.system_identifier, c.timeline_id, pg_catalog.pg_relation_filenode($1::oid::regclass),
                      (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint
               FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c";
    let doing = PostgresError::doing("ask which server this is");
    let row = client.query_one(sql, &[&source.sequence.oid]).await.map_err(doing)?;
    Ok(Identity {
        system_identifier: row.get(0),
        timeline: row.get(1),
        table_oid: source.table_oid,
        sequence_oid: source.sequence.oid,
        sequence_filenode: row.get(2),
        server_started: row.get(3),
    })
}

async fn found(
    client: &Client,
    source: &Source,
    checkpoint: &Checkpoint,
    identity: Identity,
) -> Result<Found, PostgresError> {
    let row = reader::row_at(client, source, checkpoint.position.high()).await?;
    let row = row.map(|row| row.packet.as_ref().map_or(0, Packet::fingerprint));
    Ok(Found { identity, last_value: last_value(client, source).await?, row })
}

/// The last value that the sequence handed out: 0 if none, `None` if it may not be read.
async fn last_value(client: &Client, source: &Source) -> Result<Option<i64>, PostgresError> {
    if !source.sequence.readable {
        return Ok(None);
    }
    let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}", source.sequence.name);
    let doing = PostgresError::doing("read the sequence's last value");
    Ok(Some(client.query_one(&sql, &[]).await.map_err(doing)?.get(0)))
}

async fn first_position(client: &Client, source: &Source, start: Start) -> Result<Position, PostgresError> {
    if start == Start::Earliest {
        return Ok(Position::default());
    }
    let sql = format!("SELECT coalesce(max({})::bigint, 0) FROM {}", source.id(), source.table);
    let doing = PostgresError::doing("find the latest packet");
    Ok(Position::up_to(client.query_one(&sql, &[]).await.map_err(doing)?.get(0)))
}
