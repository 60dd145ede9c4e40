//! What must hold between the model's tables: at every start of the service, and strictly at the end.

use std::collections::BTreeSet;

use flowsentry::flow::checkpoint::Checkpoint;
use flowsentry::flow::invariants::{self, Sums, Violation};
use flowsentry::flow::packet::Packet;
use flowsentry::flow::position::BrokenChain;
use flowsentry::flow::window::Tumbling;

use super::database::Database;
use super::results::Account;
use super::setting::Setting;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("generation {generation}: {violation}")]
    Broken { generation: i32, violation: Violation },
    #[error("{0}")]
    StoredTwice(Violation),
    #[error("packet {id} of generation {generation} was rejected twice")]
    RejectedTwice { generation: i32, id: i64 },
    #[error("generation {generation}: {folded} folded and {rejected} rejected by count, {packets} and {rows} by table")]
    Counts { generation: i32, folded: u64, rejected: u64, packets: u64, rows: u64 },
    #[error("generation {generation}: the table was emptied, and {open} packets that had been read are in no row")]
    LostAtReset { generation: i32, open: u64 },
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    #[error("the service does not get to the end: {0}")]
    Stuck(String),
    #[error("panic: {0}")]
    Panic(String),
}

/// What the checkpoint promises at any time: what is settled, or of a closed window, is in stored rows; the rest is not.
pub fn check(database: &Database, setting: &Setting) -> Result<(), Failure> {
    let results = &database.results;
    invariants::each_stored_once(results.flows.iter().map(super::results::Flow::stored))
        .map_err(Failure::StoredTwice)?;
    for (&generation, account) in &results.accounts {
        check_generation(generation, account, database, setting)?;
    }
    Ok(())
}

fn check_generation(generation: i32, account: &Account, database: &Database, setting: &Setting) -> Result<(), Failure> {
    let results = &database.results;
    let mut rejected = BTreeSet::new();
    for row in results.rejections.iter().filter(|row| row.generation == generation) {
        if !rejected.insert(row.id) {
            return Err(Failure::RejectedTwice { generation, id: row.id });
        }
    }
    let Checkpoint { position, settled, watermark, .. } = &account.checkpoint;
    let windows = Tumbling::new(setting.limits.window_length);
    let rows = database.rows_of(account.incarnation).iter().filter(|(id, _)| position.contains(**id));
    let mut sums = Sums { rejected: rejected.len() as u64, ..Sums::default() };
    let mut stored: Vec<&Packet> = Vec::new();
    for (id, content) in rows {
        sums.rows += 1;
        let Ok(packet) = content else { continue };
        if rejected.contains(id) {
            continue;
        }
        if settled.contains(*id) || windows.window_of(packet.time).is_over(*watermark) {
            stored.push(packet);
        } else {
            sums.open += 1;
        }
    }
    let flows = || results.flows.iter().filter(|flow| flow.generation == generation).map(super::results::Flow::stored);
    sums.stored = flows().map(|flow| flow.statistics.volume.packets).sum();
    if account.is_over && sums.open > 0 {
        return Err(Failure::LostAtReset { generation, open: sums.open });
    }
    let broken = |violation| Failure::Broken { generation, violation };
    sums.check().map_err(broken)?;
    invariants::equal_to_grouping(flows(), stored, setting.limits.window_length).map_err(broken)?;
    if (account.folded, account.rejected) != (sums.stored + sums.open, sums.rejected) {
        return Err(Failure::Counts {
            generation,
            folded: account.folded,
            rejected: account.rejected,
            packets: sums.stored + sums.open,
            rows: sums.rejected,
        });
    }
    Ok(())
}

/// Whether all there is has been read, closed and stored.
pub fn is_complete(database: &Database) -> bool {
    let Checkpoint { position, settled, .. } = &database.results.checkpoint;
    let account = database.results.accounts.get(&database.results.generation);
    let same = account.is_some_and(|account| account.incarnation == database.incarnation());
    database.rows.is_empty()
        || (same
            && position == settled
            && position.missing_ranges() == 0
            && database.rows.keys().all(|&id| position.contains(id)))
}
