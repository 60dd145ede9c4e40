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
    /// When the server started, in µs since 1970: a crash empties an UNLOGGED table and begins its ids anew.
    pub server_started: i64,
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
///
/// A sequence with the same file has not begun anew, unless its value went back. After any other change the last row that
/// was read is the proof: if it is still there, so are the others. Where there is no such proof, because that row was
/// deleted or could never be used, a sequence with another file counts as begun anew: reading packets a second time is
/// loud, but ids that were handed out a second time and taken as read would be packets lost in silence.
pub fn is_same(checkpoint: &Checkpoint, known: &Identity, found: &Found) -> bool {
    let high = checkpoint.position.high();
    if high == 0 {
        return true;
    }
    let reaches = found.last_value.is_none_or(|last| last >= high);
    if *known == found.identity && reaches {
        return true;
    }
    let proof = |fingerprint: &u64| *fingerprint != 0;
    match (checkpoint.last_row.filter(proof), found.row.filter(proof)) {
        (Some(read), Some(found)) => read == found,
        _ => known.sequence_filenode == found.identity.sequence_filenode && reaches,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::position::Position;
    use std::sync::Arc;

    /// What differs from the table that the checkpoint was made of.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Change {
        Nothing,
        /// TRUNCATE … RESTART IDENTITY, or ALTER SEQUENCE.
        Sequence,
        /// A failover.
        Timeline,
        /// A restore into another server.
        Server,
    }

    use Change::{Nothing, Sequence, Server, Timeline};

    fn identity(change: Change) -> Identity {
        Identity {
            system_identifier: if change == Server { 8 } else { 7 },
            timeline: if change == Timeline { 2 } else { 1 },
            server_started: 9,
            table_oid: 3,
            sequence_oid: 4,
            sequence_filenode: Some(if matches!(change, Sequence | Server) { 6 } else { 5 }),
        }
    }

    #[test]
    fn a_changed_table_is_known_by_its_last_row() {
        let judge = |high, last_row: Option<u64>, change, last_value: Option<i64>, row: Option<u64>| {
            let checkpoint =
                Checkpoint { position: Arc::new(Position::up_to(high)), last_row, ..Checkpoint::default() };
            is_same(&checkpoint, &identity(Nothing), &Found { identity: identity(change), last_value, row })
        };
        let check = |change, last_value, row, expected: bool| {
            let found = judge(100, Some(42), change, last_value, row);
            assert_eq!(found, expected, "{change:?}, last value {last_value:?}, row {row:?}");
        };
        check(Nothing, Some(100), Some(42), true);
        check(Nothing, Some(500), None, true); // old packets were deleted
        check(Nothing, None, None, true);
        check(Nothing, Some(3), None, false); // setval, or an unlogged table after a crash
        check(Sequence, Some(100), Some(42), true); // ALTER SEQUENCE
        check(Sequence, Some(3), None, false);
        check(Sequence, Some(500), Some(43), false);
        check(Sequence, Some(500), None, false); // emptied, and 100 belongs to a transaction that was rolled back
        check(Sequence, Some(500), Some(0), false);
        check(Timeline, Some(100), Some(42), true);
        check(Timeline, Some(100), Some(43), false);
        check(Timeline, Some(100), None, true);
        check(Timeline, Some(99), None, false);
        check(Server, Some(100), Some(42), true);
        check(Server, Some(100), None, false);
        assert!(!judge(100, Some(0), Sequence, Some(500), Some(0)), "rows that cannot be used look alike");
        assert!(judge(0, None, Sequence, Some(0), None), "nothing was read");
    }

    #[test]
    fn a_sequence_with_another_file_or_a_lower_value_began_anew() {
        let check = |earlier: (Option<i64>, u32), now: (Option<i64>, u32), expected: bool| {
            let sighting = |(last_value, filenode)| Sighting { last_value, filenode: Some(filenode) };
            assert_eq!(sighting(now).began_anew_since(sighting(earlier)), expected, "{earlier:?} {now:?}");
        };
        check((Some(5), 1), (Some(5), 1), false);
        check((None, 1), (Some(5), 1), false);
        check((None, 1), (None, 1), false);
        check((Some(5), 1), (Some(4), 1), true);
        check((Some(5), 1), (None, 1), true);
        check((Some(5), 1), (Some(9), 2), true);
    }
}
