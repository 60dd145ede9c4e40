//! What to read again after a start: the rows of `position − settled`, as they were judged the first time.

use std::collections::HashSet;

use tokio_postgres::Client;

use crate::flow::batch::Reason;
use crate::flow::packet::Packet;
use crate::flow::position::Position;
use crate::postgres::decode::Row;
use crate::postgres::error::PostgresError;

/// Which rows a replay keeps.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Rows that are in stored flows already.
    pub settled: Position,
    /// Rows rejected for a time in the future: the one judgement that would fall out differently now.
    rejected: HashSet<i64>,
}

impl Replay {
    /// Of a checkpoint's settled position.
    pub async fn load(
        client: &Client,
        source_id: i32,
        generation: i32,
        settled: &Position,
    ) -> Result<Self, PostgresError> {
        let sql = "SELECT packet_id FROM flowsentry.rejected_packets
                   WHERE source_id = $1 AND generation = $2 AND reason = $3 AND packet_id > $4";
        let rows = client
            .query(sql, &[&source_id, &generation, &Reason::Future.name(), &settled.low()])
            .await
            .map_err(PostgresError::doing("read which packets were rejected"))?;
        Ok(Self::new(settled.clone(), rows.iter().map(|row| row.get(0))))
    }

    /// From the settled position, and the ids above it that were rejected for a time in the future.
    pub fn new(settled: Position, rejected: impl IntoIterator<Item = i64>) -> Self {
        Self { settled, rejected: rejected.into_iter().collect() }
    }

    /// The row's packet, if it has to be folded again.
    pub fn packet(&self, position: &Position, row: Row) -> Option<Packet> {
        let wanted = position.contains(row.id) && !self.settled.contains(row.id) && !self.rejected.contains(&row.id);
        if wanted { row.packet.ok() } else { None }
    }
}
