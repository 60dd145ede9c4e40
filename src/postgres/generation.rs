//! Whether the ids of a table are still the ones that a checkpoint speaks of: the judgement, without the database.
//!
//! A table that was rewritten, restored or failed over keeps its packets and its ids. A table that was emptied with its
//! identity restarted hands out those ids anew, as other packets: that is a new generation, read from the start.

use crate::flow::checkpoint::Checkpoint;

/// What tells a table from another of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Of the cluster, from its creation on.
    pub system_identifier: i64,
    /// Changes with a failover and a restore to a point in time.
    pub timeline: i32,
    /// Object id of the table.
    pub table_oid: u32,
    /// Object id of the sequence.
    pub sequence_oid: u32,
    /// File of the sequence: changes when it is restarted or rewritten.
    pub sequence_filenode: Option<u32>,
}

/// What a start finds of the table that a checkpoint was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The table and its server.
    pub identity: Identity,
    /// The last id that the sequence handed out: 0 if none, `None` if it may not be read.
    pub last_value: Option<i64>,
    /// Fingerprint of the row with the highest consumed id, if it is there; 0 if it is one that cannot be used.
    pub row: Option<u64>,
}

/// Whether the checkpoint, made when the table was `known`, speaks of the ids that are `found`.
pub fn is_same(checkpoint: &Checkpoint, known: &Identity, found: &Found) -> bool {
    let high = checkpoint.position.high();
    if *known == found.identity && found.last_value.is_none_or(|last| last >= high) {
        return true;
    }
    // Whatever was changed: if the last row that we read is still there, so are the others.
    match found.row {
        Some(row) => Some(row) == checkpoint.last_row,
        // Deleted; whether it was old, or everything was, the sequence tells.
        None => found.last_value.is_some_and(|last| last >= high),
    }
}

/// The sequence as a statement saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// The last id handed out; `None` if not readable or never used.
    pub last_value: Option<i64>,
    /// Its file.
    pub filenode: Option<u32>,
}

impl Sighting {
    /// Whether ids began anew since `earlier`.
    pub fn began_anew_since(self, earlier: Self) -> bool {
        self.filenode != earlier.filenode || self.last_value < earlier.last_value
    }
}
