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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::batch::Rejected;
    use crate::flow::key::{FlowKey, Protocol};
    use crate::flow::packet::TcpFlags;
    use crate::flow::position::{Delta, IdRange};
    use crate::flow::time::EventTime;
    use std::net::IpAddr;

    #[test]
    fn what_was_consumed_and_not_settled_is_folded_again_as_it_was_judged() {
        let range = |first, last| IdRange { first, last };
        let mut position = Position::up_to(5);
        let missing = vec![range(7, 8)];
        position.apply(&Delta { from: 5, to: 12, missing, resolved: vec![] }).unwrap();
        let replay = Replay::new(Position::up_to(4), [10]);
        let check = |id: i64, usable: bool, folded: bool| {
            let address = IpAddr::from([10, 0, 0, 1]);
            let packet = Packet {
                time: EventTime::EPOCH,
                key: FlowKey { source: address, destination: address, protocol: Protocol::Tcp },
                length: 60,
                source_port: 0,
                destination_port: 0,
                tcp_flags: TcpFlags::NONE,
                arp: None,
                dns: None,
            };
            let unusable = Rejected { id, reason: Reason::Port, column: "src_port", value: None };
            let row = Row { id, packet: if usable { Ok(packet) } else { Err(unusable) } };
            assert_eq!(replay.packet(&position, row).is_some(), folded, "{id}");
        };
        check(4, true, false); // in a stored row
        check(5, true, true);
        check(7, true, false); // not consumed: it comes as a gap
        check(9, true, true);
        check(10, true, false); // in the future when it was read
        check(11, false, false);
        check(12, true, true);
        check(13, true, false); // not consumed yet
    }
}
