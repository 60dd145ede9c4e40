//! A model of the server as far as the protocol leans on it: a sequence that does not roll back, rows that become visible
//! at commit, locks that outlive the commit by a moment, a log that is flushed in order, and crashes that lose its end.

use std::collections::BTreeMap;

use flowsentry::flow::time::EventTime;
use flowsentry::postgres::gaps::Holders;
use flowsentry::postgres::generation::{Identity, Sighting};

use super::random::Random;
use super::results::Results;
use super::setting::{Broken, Setting};
use super::sniffers::{Fate, Transaction};
use super::traffic::Content;

pub type Rows = BTreeMap<i64, Content>;

#[derive(Clone)]
pub struct Database {
    /// The wall clock.
    pub clock: EventTime,
    /// Counts starts of the server; sessions of an earlier one are dead.
    pub boot: u32,
    pub rows: Rows,
    /// The table's rows before each TRUNCATE … RESTART IDENTITY.
    pub past: Vec<Rows>,
    pub sniffers: Vec<Transaction>,
    pub results: Results,
    sequence: Sequence,
    /// What a crash may undo: the end of the log, not flushed yet.
    log: Vec<Undo>,
    begun: u32,
    system_identifier: i64,
    timeline: i32,
}

/// What takes the place of a server that is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Successor {
    /// A standby that had not yet received all: the same files, another timeline.
    Standby,
    /// Another cluster, filled from a dump: other files, and no transactions that were prepared.
    Dump,
}

#[derive(Clone, Default)]
struct Sequence {
    last_value: i64,
    /// The last value that the log knows of; a crash skips to it.
    logged: i64,
    filenode: u32,
}

/// How to take back one record of the log.
#[derive(Clone)]
pub enum Undo {
    Logged(i64),
    Rows(Vec<i64>),
    Epoch(i64),
}

impl Database {
    pub fn new(clock: EventTime) -> Self {
        Self {
            clock,
            boot: 1,
            rows: Rows::new(),
            past: Vec::new(),
            sniffers: Vec::new(),
            results: Results::default(),
            sequence: Sequence::default(),
            log: Vec::new(),
            begun: 0,
            system_identifier: 1,
            timeline: 1,
        }
    }

    /// Counts how often the ids began anew.
    pub fn incarnation(&self) -> usize {
        self.past.len()
    }

    /// The rows of an incarnation: as they are, or as they were when it ended.
    pub fn rows_of(&self, incarnation: usize) -> &Rows {
        self.past.get(incarnation).unwrap_or(&self.rows)
    }

    pub fn identity(&self) -> Identity {
        Identity {
            system_identifier: self.system_identifier,
            timeline: self.timeline,
            server_started: i64::from(self.boot),
            table_oid: 1,
            sequence_oid: 2,
            sequence_filenode: Some(self.sequence.filenode),
        }
    }

    pub fn last_value(&self) -> i64 {
        self.sequence.last_value
    }

    pub fn sequence(&self) -> Sighting {
        let Sequence { last_value, filenode, .. } = self.sequence;
        Sighting { last_value: (last_value > 0).then_some(last_value), filenode: Some(filenode) }
    }

    /// `nextval`. The caller's transaction holds the lock already.
    pub fn next_value(&mut self, setting: &Setting) -> i64 {
        let sequence = &mut self.sequence;
        if sequence.last_value == sequence.logged {
            self.log.push(Undo::Logged(sequence.logged));
            sequence.logged = sequence.last_value + 1 + setting.logged_ahead;
        }
        sequence.last_value += 1;
        sequence.last_value
    }

    /// A new `virtualtransaction`.
    pub fn next_holder(&mut self) -> String {
        self.begun += 1;
        format!("{}/{}", self.begun % 8, self.begun)
    }

    /// Who holds a witness lock now.
    pub fn holders(&self, broken: Option<Broken>) -> Holders {
        let witnesses = self.sniffers.iter().filter(|transaction| match broken {
            Some(Broken::TableLockOnly) => transaction.on_table,
            Some(Broken::HolderIsProcess) => transaction.on_sequence && !transaction.is_prepared(),
            _ => transaction.on_table || transaction.on_sequence,
        });
        witnesses.map(|transaction| transaction.holder.clone()).collect()
    }

    /// Makes rows visible, as a commit does.
    pub fn commit(&mut self, rows: Vec<(i64, Content)>, flushed: bool) {
        self.log.push(Undo::Rows(rows.iter().map(|(id, _)| *id).collect()));
        self.rows.extend(rows);
        if flushed {
            self.flush();
        }
    }

    pub fn write_log(&mut self, undo: Undo) {
        self.log.push(undo);
    }

    /// All of the log so far is durable.
    pub fn flush(&mut self) {
        self.log.clear();
    }

    /// What the log writer does now and then: some of the log is durable.
    pub fn flush_some(&mut self, random: &mut Random) {
        let flushed = random.between(0, self.log.len());
        self.log.drain(..flushed);
    }

    /// The server dies and comes back: sessions end, the end of the log is lost, prepared transactions stay.
    pub fn crash(&mut self, random: &mut Random) {
        let kept = random.between(0, self.log.len());
        while self.log.len() > kept {
            match self.log.pop() {
                Some(Undo::Logged(logged)) => self.sequence.logged = logged,
                Some(Undo::Rows(ids)) => ids.iter().for_each(|id| {
                    self.rows.remove(id);
                }),
                Some(Undo::Epoch(epoch)) => self.results.epoch = epoch,
                None => {}
            }
        }
        self.flush();
        self.sequence.last_value = self.sequence.logged;
        self.sniffers.retain_mut(Transaction::survives_crash);
        self.results.end_sessions();
        self.boot += 1;
    }

    /// What a standby has received, or a dump holds: everything that is committed now.
    pub fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.results.end_sessions();
        copy.sniffers.retain(Transaction::is_prepared);
        copy.flush();
        copy
    }

    /// The server is lost, and an older state of it goes on: rows, flows and checkpoint go back together.
    pub fn replace(&mut self, copy: Self, successor: Successor) {
        let lost = std::mem::replace(self, copy);
        self.clock = lost.clock;
        self.boot = lost.boot + 1;
        self.begun = lost.begun;
        self.sequence.last_value = self.sequence.logged;
        match successor {
            Successor::Standby => {
                self.timeline = lost.timeline + 1;
                self.sniffers.retain_mut(Transaction::survives_crash);
            }
            Successor::Dump => {
                self.system_identifier = lost.system_identifier + 1;
                self.sequence.filenode = self.sequence.filenode.max(lost.sequence.filenode) + 1;
                self.sniffers.clear();
            }
        }
    }

    /// TRUNCATE … RESTART IDENTITY: waits for everybody who holds a lock, and is durable at once.
    pub fn truncate(&mut self, random: &mut Random) {
        for transaction in std::mem::take(&mut self.sniffers) {
            transaction.end(self, Fate::random(random), false);
        }
        self.past.push(std::mem::take(&mut self.rows));
        self.sequence = Sequence { last_value: 0, logged: 0, filenode: self.sequence.filenode + 1 };
        self.flush();
    }
}
