//! The promises as functions: what must hold between the rows of the source, the checkpoint and the stored flows. One
//! place for simulation, tests, `verify` and metrics, so that all of them mean the same by "exactly once".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use crate::flow::key::FlowKey;
use crate::flow::packet::Packet;
use crate::flow::position::IdRange;
use crate::flow::statistics::Statistics;
use crate::flow::window::{Tumbling, Window};

/// A promise that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Violation {
    /// Packets were lost or counted twice.
    #[error(
        "{} rows were consumed, but {} packets are stored, {} are in open windows, {} were rejected and {} were gone too early",
        .0.rows, .0.stored, .0.open, .0.rejected, .0.gone
    )]
    Sums(Sums),
    /// Packets came past every lock and are in no flow.
    #[error("among the ids {} to {} are {packets} packets that were never read", ids.first, ids.last)]
    NeverRead {
        /// The block of ids.
        ids: IdRange,
        /// At least so many.
        packets: u64,
    },
    /// A start would not find the packets of open windows again, or others with them.
    #[error("{counted} packets were in open windows, but a start would find {found} of them")]
    Open {
        /// By the checkpoint.
        counted: u64,
        /// By the rows that are not settled.
        found: u64,
    },
    /// A row of the results that is no flow's.
    #[error("a row of the window from {} names no flow: ({row})", window.start)]
    NoFlow {
        /// The window.
        window: Window,
        /// What stands in place of addresses and protocol.
        row: String,
    },
    /// Rows of the results were added, deleted or changed.
    #[error("{counted} packets were stored, but the packet counts of the flows add up to {found}")]
    Stored {
        /// By the checkpoint.
        counted: u64,
        /// Σ `packet_count`.
        found: u64,
    },
    /// The rows of a flow, added up, are not its packets.
    #[error("{} is stored with {}", shown(*window, *key), off(*packets, *octets))]
    Differs {
        /// The window.
        window: Window,
        /// The flow.
        key: FlowKey,
        /// Packets stored less packets of the source.
        packets: i64,
        /// Octets stored less octets of the source.
        octets: i64,
    },
    /// A row of the results is there more than once.
    #[error("{} is stored more than once with revision {revision}", shown(*window, *key))]
    StoredTwice {
        /// The window.
        window: Window,
        /// The flow.
        key: FlowKey,
        /// Its revision.
        revision: i64,
    },
    /// The rows of a flow, merged, are not its packets, grouped.
    #[error("{} has {expected} packets, but {stored} are stored", shown(*window, *key))]
    Packets {
        /// The window.
        window: Window,
        /// The flow.
        key: FlowKey,
        /// `packet_count` over all its revisions; 0 if the flow is not stored.
        stored: u64,
        /// Packets of the source; 0 if there is no such flow.
        expected: u64,
    },
    /// As many packets as there should be, but other ones.
    #[error("{} is stored with as many packets as it has, {packets}, but not these", shown(*window, *key))]
    Statistics {
        /// The window.
        window: Window,
        /// The flow.
        key: FlowKey,
        /// How many.
        packets: u64,
    },
}

impl Violation {
    /// One word a kind, for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sums(_) => "sums",
            Self::NeverRead { .. } => "never_read",
            Self::Open { .. } => "open",
            Self::NoFlow { .. } => "no_flow",
            Self::Stored { .. } => "stored",
            Self::Differs { .. } => "differs",
            Self::StoredTwice { .. } => "stored_twice",
            Self::Packets { .. } => "packets",
            Self::Statistics { .. } => "statistics",
        }
    }

    /// Window and key, where it is of one flow.
    pub fn flow(&self) -> Option<(Window, FlowKey)> {
        match *self {
            Self::Differs { window, key, .. }
            | Self::StoredTwice { window, key, .. }
            | Self::Packets { window, key, .. }
            | Self::Statistics { window, key, .. } => Some((window, key)),
            Self::Sums(_) | Self::NeverRead { .. } | Self::Open { .. } | Self::NoFlow { .. } | Self::Stored { .. } => {
                None
            }
        }
    }
}

fn shown(window: Window, key: FlowKey) -> String {
    let FlowKey { source, destination, protocol } = key;
    format!("the flow {source} → {destination} {protocol} of the window from {}", window.start)
}

/// "1 packet too few and 60 octets too few".
fn off(packets: i64, octets: i64) -> String {
    let one = |count: i64, what: &str| {
        let plural = if count.unsigned_abs() == 1 { "" } else { "s" };
        format!("{} {what}{plural} too {}", count.unsigned_abs(), if count > 0 { "many" } else { "few" })
    };
    match (packets, octets) {
        (packets, 0) => one(packets, "packet"),
        (0, octets) => format!("as many packets as it has, but {}", one(octets, "octet")),
        (packets, octets) => format!("{} and {}", one(packets, "packet"), one(octets, "octet")),
    }
}

/// Numbers that must agree, of one source and the ids that a checkpoint's position holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Rows of the source.
    pub rows: u64,
    /// Of these, rejected.
    pub rejected: u64,
    /// Σ `packet_count` of the stored flows, all revisions.
    pub stored: u64,
    /// Packets of windows that are still open: consumed, and stored later. 0 once everything is settled.
    pub open: u64,
    /// Packets of open windows whose rows were not there any more when a start had to read them again: they are in no flow.
    pub gone: u64,
}

impl Sums {
    /// Whether every row is in exactly one place.
    pub fn check(self) -> Result<(), Violation> {
        if self.unaccounted() == 0 { Ok(()) } else { Err(Violation::Sums(self)) }
    }

    /// Rows that are in no place, or below 0 those that are in several.
    pub fn unaccounted(self) -> i64 {
        let Self { rows, rejected, stored, open, gone } = self;
        rows.wrapping_sub(rejected + stored + open + gone).cast_signed()
    }
}

/// One row of the results.
#[derive(Clone, Copy, Debug)]
pub struct StoredFlow<'a> {
    /// The window.
    pub window: Window,
    /// The flow.
    pub key: FlowKey,
    /// 0, or the number of the checkpoint that stored it.
    pub revision: i64,
    /// Its packets.
    pub statistics: &'a Statistics,
}

/// Whether each (window, key, revision) is there once.
pub fn each_stored_once<'a>(rows: impl IntoIterator<Item = StoredFlow<'a>>) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    for StoredFlow { window, key, revision, .. } in rows {
        if !seen.insert((window, key, revision)) {
            return Err(Violation::StoredTwice { window, key, revision });
        }
    }
    Ok(())
}

/// Whether the stored rows, all revisions of a flow merged, are what a plain grouping of the packets gives.
pub fn equal_to_grouping<'a>(
    rows: impl IntoIterator<Item = StoredFlow<'a>>,
    packets: impl IntoIterator<Item = &'a Packet>,
    window_length: Duration,
) -> Result<(), Violation> {
    let windows = Tumbling::new(window_length);
    let mut expected: BTreeMap<(Window, FlowKey), Statistics> = BTreeMap::new();
    for packet in packets {
        expected.entry((windows.window_of(packet.time), packet.key)).or_default().fold(packet);
    }
    let mut stored: BTreeMap<(Window, FlowKey), Statistics> = BTreeMap::new();
    for row in rows {
        stored.entry((row.window, row.key)).or_default().merge(row.statistics);
    }
    for (&(window, key), stored) in &stored {
        let expected = expected.remove(&(window, key)).unwrap_or_default();
        let (packets, wanted) = (stored.volume.packets, expected.volume.packets);
        if packets != wanted {
            return Err(Violation::Packets { window, key, stored: packets, expected: wanted });
        }
        if *stored != expected {
            return Err(Violation::Statistics { window, key, packets });
        }
    }
    match expected.into_iter().next() {
        Some(((window, key), flow)) => {
            Err(Violation::Packets { window, key, stored: 0, expected: flow.volume.packets })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
