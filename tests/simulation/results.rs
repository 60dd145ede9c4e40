//! The tables that flowsentry writes, and the transactions that write them: the checkpoint's row, flows, rejected packets,
//! the lease.

use std::collections::BTreeMap;

use flowsentry::flow::batch::Reason;
use flowsentry::flow::checkpoint::{Checkpoint, Increment, Timing};
use flowsentry::flow::invariants::StoredFlow;
use flowsentry::flow::key::FlowKey;
use flowsentry::flow::statistics::Statistics;
use flowsentry::flow::window::Window;
use flowsentry::postgres::generation::Identity;

use super::setting::{Broken, Setting};
use super::tally::{Seen, Tally};

#[derive(Clone, Default)]
pub struct Results {
    pub epoch: i64,
    pub generation: i32,
    pub checkpoint: Checkpoint,
    /// `None` before the first checkpoint.
    pub identity: Option<Identity>,
    pub flows: Vec<Flow>,
    /// Rejected rows as kept: pruned.
    pub rejected: Vec<RejectedRow>,
    /// All that ever were.
    pub rejections: Vec<RejectedRow>,
    pub accounts: BTreeMap<i32, Account>,
    pub stores: Vec<Store>,
    /// The attempt that owns the source.
    pub lease: Option<usize>,
}

/// A row of `traffic_data`.
#[derive(Clone)]
pub struct Flow {
    pub generation: i32,
    window: Window,
    key: FlowKey,
    revision: i64,
    statistics: Statistics,
}

impl Flow {
    pub fn stored(&self) -> StoredFlow<'_> {
        StoredFlow { window: self.window, key: self.key, revision: self.revision, statistics: &self.statistics }
    }
}

#[derive(Clone, Copy)]
pub struct RejectedRow {
    pub generation: i32,
    pub id: i64,
    pub reason: Reason,
}

/// What was stored of a generation.
#[derive(Clone)]
pub struct Account {
    /// The table's incarnation that the service took it for.
    pub incarnation: usize,
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// By the counts of the increments.
    pub folded: u64,
    pub rejected: u64,
    /// Whether the table was emptied, and all that had been read of it is stored.
    pub is_over: bool,
}

/// A transaction that stores an increment.
#[derive(Clone)]
pub struct Store {
    pub attempt: usize,
    pub epoch: i64,
    /// Number and settled position of the checkpoint before.
    pub last: Checkpoint,
    pub generation: i32,
    pub identity: Identity,
    pub incarnation: usize,
    pub increment: Increment,
    /// Whether it has moved the checkpoint, and so holds the lock on its row.
    pub moved: bool,
    /// Whether its client is gone, and the server alone decides.
    pub orphaned: bool,
}

/// What came of the attempt to move the checkpoint.
pub enum Moved {
    Yes,
    Waits,
    TakenOver,
}

impl Results {
    /// Sessions end with the server: leases and unfinished transactions are gone.
    pub fn end_sessions(&mut self) {
        self.stores.clear();
        self.lease = None;
    }

    /// The epoch of a new owner, if nobody owns the source and nobody holds the checkpoint's row.
    pub fn take_lease(&mut self, attempt: usize) -> Option<i64> {
        if self.lease.is_some() || self.stores.iter().any(|store| store.moved) {
            return None;
        }
        self.lease = Some(attempt);
        self.epoch += 1;
        Some(self.epoch)
    }

    pub fn release_lease(&mut self, attempt: usize) {
        self.lease = self.lease.filter(|&owner| owner != attempt);
    }

    fn store_of(&mut self, attempt: usize) -> Option<&mut Store> {
        self.stores.iter_mut().find(|store| store.attempt == attempt)
    }

    /// `UPDATE flowsentry.checkpoint … WHERE epoch = mine AND number = last`.
    pub fn move_checkpoint(&mut self, attempt: usize, broken: Option<Broken>) -> Moved {
        if self.stores.iter().any(|store| store.moved && store.attempt != attempt) {
            return Moved::Waits;
        }
        let (epoch, number) = (self.epoch, self.checkpoint.number);
        let Some(store) = self.store_of(attempt) else { return Moved::TakenOver };
        let fits = match broken {
            Some(Broken::NoFence) => true,
            Some(Broken::SendAgain) => store.epoch == epoch,
            _ => store.epoch == epoch && store.last.number == number,
        };
        store.moved = fits;
        if fits { Moved::Yes } else { Moved::TakenOver }
    }

    /// The generation's table was emptied, and the service says that it has stored all that it had read.
    pub fn end_generation(&mut self, generation: i32) {
        if let Some(account) = self.accounts.get_mut(&generation) {
            account.is_over = true;
        }
    }

    pub fn roll_back(&mut self, attempt: usize) {
        self.stores.retain(|store| store.attempt != attempt);
    }

    /// Takes the transaction out and makes what it wrote visible.
    pub fn commit(&mut self, attempt: usize, setting: &Setting, tally: &mut Tally) {
        let Some(index) = self.stores.iter().position(|store| store.attempt == attempt) else { return };
        let Store { last, generation, identity, incarnation, increment, .. } = self.stores.swap_remove(index);
        let Increment { checkpoint, panes, rejected, counts, .. } = increment;
        for pane in &panes {
            tally.add(match pane.timing {
                Timing::OnTime => Seen::WindowClosed,
                Timing::Late => Seen::LatePane,
                Timing::Partial => Seen::PartialPane,
            });
            let (window, revision) = (pane.flows.window, pane.revision(checkpoint.number));
            self.flows.extend(pane.flows.flows.iter().map(|(&key, statistics)| Flow {
                generation,
                window,
                key,
                revision,
                statistics: statistics.clone(),
            }));
        }
        tally.add_many(Seen::Rejected, rejected.len());
        tally.add_many(Seen::ReplayedPacket, usize::try_from(counts.replayed).unwrap_or(0));
        let rejected = rejected.iter().map(|row| RejectedRow { generation, id: row.id, reason: row.reason });
        self.rejections.extend(rejected.clone());
        self.rejected.extend(rejected);
        self.prune(generation, last.settled.low(), setting.rejected_rows_max);
        let account = self.accounts.entry(generation).or_insert_with(|| Account {
            incarnation,
            checkpoint: Checkpoint::default(),
            folded: 0,
            rejected: 0,
            is_over: false,
        });
        account.checkpoint = checkpoint.clone();
        account.is_over = false;
        account.folded += counts.folded;
        account.rejected += counts.rejected.values().sum::<u64>();
        self.checkpoint = checkpoint;
        self.generation = generation;
        self.identity = Some(identity);
    }

    /// Keeps at most about `most` rejected rows, but all that a replay must know.
    fn prune(&mut self, generation: i32, settled: i64, most: usize) {
        self.rejected.sort_by_key(|row| std::cmp::Reverse((row.generation, row.id)));
        let Some(limit) = self.rejected.get(most).map(|row| (row.generation, row.id)) else { return };
        self.rejected
            .retain(|row| (row.generation, row.id) > limit || (row.generation == generation && row.id > settled));
    }
}
