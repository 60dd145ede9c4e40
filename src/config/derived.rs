//! What follows from settings: how long answers may take, and how much memory all limits allow together.

use std::time::Duration;

use super::options::{Config, Database};

/// How much longer than a statement may run its answer is waited for: the server's own time-out comes first, and what it
/// says has this long to reach us.
pub const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// Answers that one piece of work waits for at most, one after the other: a transaction that stores flows and rejected rows.
pub const ANSWERS_A_PIECE: u32 = 12;
/// Octets of a packet in memory, about.
pub const PACKET_BYTES: u64 = 100;
/// Octets of a range of missing ids: its bounds, in the position and among those that wait.
const RANGE_BYTES: u64 = 64;
/// Octets of the head of a request.
pub const REQUEST_HEAD_BYTES: u64 = 16 * 1024;

impl Database {
    /// How long the server may owe an answer.
    pub fn answer_limit(&self) -> Duration {
        self.statement_timeout.saturating_add(ANSWER_MARGIN)
    }
}

/// Octets that the limits allow, when every queue is full at once: an upper bound, far above what is usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Packets that were read and are not folded.
    pub packets: u64,
    /// Flows: the open ones, those that wait to be labelled or stored, and those that late packets are judged with.
    pub flows: u64,
    /// Missing ids that are remembered.
    pub missing: u64,
    /// Requests over HTTP.
    pub requests: u64,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> u64 {
        [self.packets, self.flows, self.missing, self.requests].into_iter().fold(0, u64::saturating_add)
    }
}

impl Config {
    /// What the limits allow together.
    pub fn memory(&self) -> Memory {
        let batches = (self.channels.packets as u64 + 1).saturating_mul(self.ingest.rows_per_batch as u64);
        let packets = batches.saturating_add(u64::from(self.ingest.rows_per_read));
        let flows = self.flows.memory_max.get();
        let request = self.http.body_max.get().saturating_add(REQUEST_HEAD_BYTES);
        Memory {
            packets: packets.saturating_mul(PACKET_BYTES),
            // Open ones, and those underway to the store; half as much is remembered for late packets.
            flows: flows.saturating_mul(2).saturating_add(flows / 2),
            missing: (self.ingest.pending_ranges_max as u64).saturating_mul(RANGE_BYTES),
            requests: request.saturating_mul(self.http.connections_max as u64),
        }
    }
}
