//! Transactions of those who insert packets, in all the shapes that make ids visible out of order.

use std::collections::VecDeque;

use super::database::Database;
use super::random::Random;
use super::setting::Setting;
use super::tally::{Seen, Tally};
use super::traffic::{self, Content};

/// A transaction that is running, prepared, or over but with its locks still held.
#[derive(Clone)]
pub struct Transaction {
    /// Its `virtualtransaction`.
    pub holder: String,
    pub on_sequence: bool,
    pub on_table: bool,
    plan: VecDeque<Step>,
    /// Ids drawn by `nextval`, for rows to come.
    drawn: VecDeque<i64>,
    inserted: Vec<(i64, Content)>,
    savepoint: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Running,
    Prepared,
    /// Visible or dead; the locks go next.
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// `SELECT nextval(…)`, the row comes later in the same transaction, or never.
    Draw,
    Insert,
    Savepoint,
    RollBackToSavepoint,
    Prepare,
    End(Fate),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Commit,
    Abort,
}

impl Fate {
    pub fn random(random: &mut Random) -> Self {
        if random.percent(75) { Self::Commit } else { Self::Abort }
    }
}

impl Transaction {
    pub fn begin(database: &mut Database, random: &mut Random) -> Self {
        Self {
            holder: database.next_holder(),
            on_sequence: false,
            on_table: false,
            plan: plan(random),
            drawn: VecDeque::new(),
            inserted: Vec::new(),
            savepoint: 0,
            state: State::Running,
        }
    }

    pub fn is_prepared(&self) -> bool {
        self.state == State::Prepared
    }

    /// After a crash of the server; a prepared transaction then goes by its transaction id.
    pub fn survives_crash(&mut self) -> bool {
        if self.is_prepared() {
            self.holder = format!("-1/{}", self.holder);
        }
        self.is_prepared()
    }

    /// Commits or aborts at once, locks and all.
    pub fn end(self, database: &mut Database, fate: Fate, flushed: bool) {
        if self.state != State::Over && fate == Fate::Commit {
            database.commit(self.inserted, flushed);
        }
    }
}

/// A random transaction does its next step.
pub fn step(database: &mut Database, random: &mut Random, setting: &Setting, tally: &mut Tally) {
    let running = database.sniffers.len();
    if running == 0 || (running < setting.writers_max && random.percent(25)) {
        let transaction = Transaction::begin(database, random);
        database.sniffers.push(transaction);
    }
    let index = random.below(database.sniffers.len());
    let mut transaction = database.sniffers.swap_remove(index);
    if transaction.state == State::Over {
        return;
    }
    go_on(&mut transaction, database, random, setting, tally);
    database.sniffers.push(transaction);
}

fn go_on(
    transaction: &mut Transaction,
    database: &mut Database,
    random: &mut Random,
    setting: &Setting,
    tally: &mut Tally,
) {
    match transaction.plan.pop_front().unwrap_or(Step::End(Fate::Abort)) {
        Step::Draw => {
            transaction.on_sequence = true;
            transaction.drawn.push_back(database.next_value(setting));
        }
        Step::Insert => {
            transaction.on_table = true;
            transaction.on_sequence = true;
            let id = transaction.drawn.pop_front().unwrap_or_else(|| database.next_value(setting));
            transaction.inserted.push((id, traffic::content(random, setting, database.clock)));
        }
        Step::Savepoint => transaction.savepoint = transaction.inserted.len(),
        Step::RollBackToSavepoint => transaction.inserted.truncate(transaction.savepoint),
        Step::Prepare => {
            tally.add(Seen::Prepared);
            transaction.state = State::Prepared;
            database.flush();
        }
        Step::End(fate) => {
            let flushed = transaction.is_prepared() || !random.percent(setting.faults.asynchronous_commits);
            if fate == Fate::Commit {
                database.commit(std::mem::take(&mut transaction.inserted), flushed);
            }
            transaction.state = State::Over;
        }
    }
}

fn plan(random: &mut Random) -> VecDeque<Step> {
    let mut plan = VecDeque::new();
    if random.percent(25) {
        plan.extend(vec![Step::Draw; random.between(1, 2)]);
    }
    plan.extend(vec![Step::Insert; random.between(usize::from(plan.is_empty()), 4)]);
    if random.percent(15) {
        plan.push_back(Step::Savepoint);
        plan.extend(vec![Step::Insert; random.between(1, 2)]);
        plan.push_back(Step::RollBackToSavepoint);
        plan.extend(vec![Step::Insert; random.below(2)]);
    }
    if random.percent(12) {
        plan.push_back(Step::Prepare);
    }
    plan.push_back(Step::End(Fate::random(random)));
    plan
}
