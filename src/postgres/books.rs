//! What a source's checkpoint says, for whoever compares it with the tables: one snapshot, so that its parts agree.

use tokio_postgres::{GenericClient, Row};

use crate::flow::invariants::Sums;
use crate::flow::position::Position;
use crate::flow::time::EventTime;
use crate::postgres::error::PostgresError;
use crate::postgres::source::Source;

/// The checkpoint of a source.
#[derive(Clone, Debug)]
pub struct Books {
    /// The fence.
    pub epoch: i64,
    /// The generation of ids that it speaks of.
    pub generation: i32,
    /// Counts the store transactions.
    pub number: i64,
    /// Packets consumed.
    pub position: Position,
    /// Of these, those in stored rows whatever happens next.
    pub settled: Position,
    /// Windows up to here are closed.
    pub watermark: EventTime,
    /// Packets of lower ids were not counted.
    pub audit_from: i64,
    /// Number of the checkpoint from which on packets are counted; 0: from the first packet on.
    pub counted_since: i64,
    /// What was counted; `rows` are those consumed.
    pub sums: Sums,
    sequence_filenode: Option<u32>,
}

impl Books {
    /// Of a source; `None` before the first checkpoint that counts.
    pub async fn load(client: &impl GenericClient, source_id: i32) -> Result<Option<Self>, PostgresError> {
        let sql = "SELECT epoch, generation, number, position, settled, watermark, audit_from, counted_since,
                          consumed, rejected, stored, open, gone, sequence_filenode
                   FROM flowsentry.checkpoint WHERE source_id = $1 AND audit_from IS NOT NULL";
        let doing = PostgresError::doing("see what was consumed");
        client.query_opt(sql, &[&source_id]).await.map_err(doing)?.as_ref().map(Self::of).transpose()
    }

    fn of(row: &Row) -> Result<Self, PostgresError> {
        // What is below 0 is wrong, and shows in the sum.
        let count = |column| u64::try_from(row.get::<_, Option<i64>>(column).unwrap_or(0)).unwrap_or(0);
        Ok(Self {
            epoch: row.get(0),
            generation: row.get(1),
            number: row.get(2),
            position: Position::decode(row.get(3))?,
            settled: Position::decode(row.get(4))?,
            watermark: EventTime::from_micros(row.get(5)).unwrap_or_default(),
            audit_from: row.get(6),
            counted_since: row.get(7),
            sums: Sums { rows: count(8), rejected: count(9), stored: count(10), open: count(11), gone: count(12) },
            sequence_filenode: row.get(13),
        })
    }

    /// Whether the ids of the table are still those that were consumed. After TRUNCATE … RESTART IDENTITY they are not,
    /// which the service notices a moment later.
    pub async fn speak_of(&self, client: &impl GenericClient, source: &Source) -> Result<bool, PostgresError> {
        let sequence = &source.sequence;
        let last_value = if sequence.readable {
            format!("(SELECT s.last_value FROM {} s)", sequence.name)
        } else {
            "NULL::bigint".to_owned()
        };
        let sql = format!("SELECT pg_catalog.pg_relation_filenode($1::oid::regclass), {last_value}");
        let doing = PostgresError::doing("see whether the ids began anew");
        let row = client.query_one(&sql, &[&sequence.oid]).await.map_err(doing)?;
        let last_value: Option<i64> = row.get(1);
        Ok(row.get::<_, Option<u32>>(0) == self.sequence_filenode
            && last_value.is_none_or(|last| last >= self.position.high()))
    }
}
