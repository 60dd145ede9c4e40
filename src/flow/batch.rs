//! What the reader hands to the aggregation: packets, and how they move the position.

use std::time::Duration;

use crate::flow::packet::Packet;
use crate::flow::position::Delta;
use crate::flow::time::EventTime;

/// Rows that were read together. The position travels with its packets, so it never overtakes them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Usable packets, in no particular order.
    pub packets: Vec<Packet>,
    /// Rows that cannot be used.
    pub rejected: Vec<Rejected>,
    /// How far these rows move the position.
    pub progress: Progress,
    /// When this was read.
    pub observed: Observation,
}

/// How a batch moves the position.
#[derive(Clone, Debug)]
pub enum Progress {
    /// New rows.
    New {
        /// The ids.
        delta: Delta,
        /// Fingerprint of the row with the id `delta.to`, where that row is in this batch.
        last_row: Option<u64>,
    },
    /// Rows that the checkpoint has consumed already, read again to fill the windows that were open.
    Replayed,
    /// No rows: the table was emptied and its ids began anew, so what is open is complete.
    Ended,
}

impl Batch {
    /// The last batch of a generation of ids.
    pub fn end() -> Self {
        Self { progress: Progress::Ended, ..Self::default() }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::New { delta: Delta::default(), last_row: None }
    }
}

/// The clocks at the time of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observation {
    /// A clock that never steps, since the process started: measures spans.
    pub uptime: Duration,
    /// The database's wall clock.
    pub database_clock: EventTime,
    /// Nothing more was there to read.
    pub caught_up: bool,
}

/// A row that cannot be used: kept with the reason, never folded, never a reason to stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its id.
    pub id: i64,
    /// What is wrong.
    pub reason: Reason,
    /// Our name of the column.
    pub column: &'static str,
    /// The value as text, at most [`Rejected::VALUE_BYTES`] bytes of it; `None` for NULL.
    pub value: Option<String>,
}

impl Rejected {
    /// Longest value kept, in bytes.
    pub const VALUE_BYTES: usize = 256;
}

/// Why a row cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// No time, or not a time between 1970 and 9999.
    Time,
    /// Too far ahead of the database's clock. The one reason that depends on when the row was read.
    Future,
    /// Not an address.
    Address,
    /// Not a protocol name of at most 11 bytes, or not a protocol number.
    Protocol,
    /// Negative, or longer than any frame.
    Length,
    /// Not between 0 and 65535.
    Port,
    /// Not the names or letters of TCP flags.
    TcpFlags,
    /// The bytes do not have the shape of their column's type.
    Malformed,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Time,
        Self::Future,
        Self::Address,
        Self::Protocol,
        Self::Length,
        Self::Port,
        Self::TcpFlags,
        Self::Malformed,
    ];

    /// As stored and as a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Future => "future",
            Self::Address => "address",
            Self::Protocol => "protocol",
            Self::Length => "length",
            Self::Port => "port",
            Self::TcpFlags => "tcp_flags",
            Self::Malformed => "malformed",
        }
    }
}
