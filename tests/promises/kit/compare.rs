//! The invariant: what is stored equals a plain GROUP BY over the packets, and nothing is stored twice.

use super::Database;

/// Packets in and packets out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sums {
    /// Rows of `raw_packets`.
    pub packets: i64,
    /// Rows of `flowsentry.rejected_packets`.
    pub rejected: i64,
    /// Σ `packet_count`.
    pub stored: i64,
}

impl Sums {
    /// Whether every packet has come out.
    pub fn agree(&self) -> bool {
        self.packets == self.rejected + self.stored
    }
}

/// Counts both ends.
pub fn sums(database: &Database) -> Sums {
    Sums {
        packets: database.number("SELECT count(*) FROM raw_packets"),
        rejected: database.number("SELECT count(*) FROM flowsentry.rejected_packets"),
        stored: database.number("SELECT sum(packet_count) FROM traffic_data"),
    }
}

/// Fails with the flows that differ from a plain GROUP BY over the packets that were not rejected, in any figure that adds
/// up over rows, and with rows that are there twice.
#[track_caller]
pub fn assert_flows_equal_group_by(database: &Database) {
    let differing = database.differences();
    assert!(differing.is_empty(), "flows differ from GROUP BY:\n{}", differing.join("\n"));
}
