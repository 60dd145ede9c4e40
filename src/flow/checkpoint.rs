//! What is stored together with the flows, so that a restart goes on where the last transaction ended.
//!
//! Recovery is replay: read `position − settled` again, keep the packets of windows that the watermark has not closed, skip
//! the rest, for they are in stored rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::flow::batch::Rejected;
use crate::flow::lateness::Lateness;
use crate::flow::position::Position;
use crate::flow::table::WindowFlows;
use crate::flow::time::EventTime;

/// Where the stream stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checkpoint {
    /// Counts the store transactions of a source, from 1.
    pub number: i64,
    /// Packets consumed.
    pub position: Arc<Position>,
    /// The part of the position whose packets are in stored rows whatever happens next.
    pub settled: Arc<Position>,
    /// Windows up to here are closed.
    pub watermark: EventTime,
    /// Fingerprint of the row with the highest id, to know it again.
    pub last_row: Option<u64>,
    /// Packets of windows that are still open, which a replay has to find again; `None` if they were not counted.
    pub open: Option<u64>,
}

impl Checkpoint {
    /// The same stream at another position. The watermark stays: it never recedes.
    #[must_use]
    pub fn at(&self, position: Position) -> Self {
        let position = Arc::new(position);
        Self { settled: Arc::clone(&position), position, last_row: None, ..self.clone() }
    }
}

/// The content of one store transaction: flows and the checkpoint that they lead to.
#[derive(Clone, Debug)]
pub struct Increment {
    /// Highest id of the position before.
    pub from: i64,
    /// Where the stream stands after it.
    pub checkpoint: Checkpoint,
    /// Flows of closed windows and late panes.
    pub panes: Vec<Pane>,
    /// Rows that could not be used.
    pub rejected: Vec<Rejected>,
    /// What it holds, in numbers.
    pub counts: Counts,
}

/// Flows of one window that are stored together.
#[derive(Clone, Debug)]
pub struct Pane {
    /// Why they are stored now.
    pub timing: Timing,
    /// The flows.
    pub flows: Arc<WindowFlows>,
}

impl Pane {
    /// `traffic_data.revision`: 0 for the rows stored when their window closed, otherwise the number of the checkpoint that
    /// stores them: unique without a look-up, and the same after a replay.
    pub fn revision(&self, checkpoint: i64) -> i64 {
        match self.timing {
            Timing::OnTime => 0,
            Timing::Late | Timing::Partial => checkpoint,
        }
    }
}

/// When a pane is stored, relative to its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// The window closed.
    OnTime,
    /// The packets came after their window had closed.
    Late,
    /// The window is still open, but memory is short (IPFIX flowEndReason 5, lack of resources), or the table was emptied.
    Partial,
}

/// Packets and ids of an increment. `read = folded + rejected`, and `folded` is Σ `packet_count` of the panes now or later.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Rows read for the first time.
    pub read: u64,
    /// Of these, folded into a flow.
    pub folded: u64,
    /// Of the folded, those that came after their window had closed.
    pub late: u64,
    /// The folded, by how far they were behind the greatest time before them.
    pub lateness: Lateness,
    /// Of the read, those that cannot be used, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Ids that were missing and that nobody can bring any more.
    pub dead: u64,
    /// Rows read again after a start to fill the windows that were open.
    pub replayed: u64,
    /// Rows read for the first time, by block of ids.
    pub consumed: BTreeMap<i64, u64>,
    /// Packets of open windows that a replay found and no checkpoint had counted: consumed before anybody counted.
    pub uncounted: u64,
    /// Packets of open windows that a replay did not find any more; negative if it found more than there were.
    pub gone: i64,
    /// Whether memory was short.
    pub flushed_early: bool,
}
