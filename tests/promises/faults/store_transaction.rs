//! Each step of the store transaction, and at each: the service is killed, the server ends the session or cancels what it
//! does, or everything stands still for longer than a statement may take. A commit whose answer is lost is among them.

use std::thread;
use std::time::Duration;

use super::super::kit::{Database, Direction, Held, Passing, Proxy, Service, Tables, until};
use super::{checkpoint, insert, start_behind, until_all_is_stored};

/// Where the transaction is when the fault comes. The message that leads on is held, so that nothing further happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    BeforeBegin,
    AfterBegin,
    MidCopy,
    AtTheEndOfCopy,
    BeforeTheCheckpoint,
    BeforeCommit,
    /// The server has committed, and its answer does not arrive.
    CommitUnanswered,
    CommitAnswered,
}

impl Step {
    fn is_at(self, passing: &Passing<'_>) -> bool {
        let Passing { direction, message, copied, .. } = *passing;
        if passing.role != "store" || direction != self.direction() {
            return false;
        }
        match self {
            Self::BeforeBegin => message.text().starts_with("START TRANSACTION"),
            Self::AfterBegin => message.text().starts_with("SET LOCAL"),
            Self::MidCopy => message.tag == b'd' && copied == 3,
            Self::AtTheEndOfCopy => message.tag == b'c',
            // Only where flows were copied before.
            Self::BeforeTheCheckpoint => copied > 0 && message.text().starts_with("UPDATE flowsentry.checkpoint"),
            Self::BeforeCommit | Self::CommitUnanswered => copied > 0 && message.text() == "COMMIT",
            // ReadyForQuery, with no transaction open, after the one that copied.
            Self::CommitAnswered => copied > 0 && message.tag == b'Z' && message.bytes[5] == b'I',
        }
    }

    fn direction(self) -> Direction {
        match self {
            Self::CommitUnanswered | Self::CommitAnswered => Direction::Down,
            _ => Direction::Up,
        }
    }

    fn has_committed(self) -> bool {
        self.direction() == Direction::Down
    }
}

/// The server's two ways to be unkind to a session.
const TERMINATE: &str = "pg_terminate_backend";
const CANCEL: &str = "pg_cancel_backend";

/// Longer than a statement may take.
const DELAY: Duration = Duration::from_millis(1300);
const STATEMENT_TIMEOUT: &str = "database.statement_timeout=1s";
/// Some hundred kilobytes of flows: several messages.
const PACKETS: u32 = 1500;

struct Trial {
    database: Database,
    proxy: Proxy,
    step: Step,
    bursts: u32,
}

impl Trial {
    fn new(step: Step) -> Self {
        let database = Database::new(Tables::Adopted);
        let proxy = Proxy::to(&database.url);
        Self { database, proxy, step, bursts: 0 }
    }

    fn start(&self) -> Service {
        start_behind(&self.proxy, &self.database, &[STATEMENT_TIMEOUT])
    }

    fn insert(&mut self) {
        self.bursts += 1;
        insert(&self.database, self.bursts, PACKETS);
    }

    /// Brings a transaction to the step. Gives the number of the checkpoint as it is then.
    fn reach(&mut self) -> (Held, i64) {
        let step = self.step;
        let watched = move |passing: &Passing<'_>| step.is_at(passing);
        let trap = if step == Step::CommitAnswered { self.proxy.hold_after(watched) } else { self.proxy.hold(watched) };
        let before = checkpoint(&self.database);
        self.insert();
        let held = trap.held();
        let reached = checkpoint(&self.database);
        if step.has_committed() {
            assert!(reached > before, "committed, and the checkpoint is still {before}");
        }
        (held, reached)
    }

    fn kill(&mut self, service: Service) -> Service {
        let (held, reached) = self.reach();
        service.kill();
        held.cut();
        assert_eq!(checkpoint(&self.database), reached, "what was not committed was stored");
        let service = self.start();
        until_all_is_stored(&self.database);
        service
    }

    fn fail(&mut self, by: &str) {
        let (held, _) = self.reach();
        let epoch = epoch_of(&self.database);
        let told = self.database.query(&format!("SELECT {by}({})", held.backend));
        assert!(told[0].get::<_, bool>(0), "there is no backend {}", held.backend);
        // A lost answer stays lost: the service hears of the end of its session only.
        if self.step == Step::CommitUnanswered {
            held.withhold();
        } else {
            held.forward();
        }
        if self.step == Step::CommitAnswered {
            // Nothing is left to be stored: it finds its session closed with the next packets.
            self.insert();
        }
        until("another attempt", || epoch_of(&self.database), |now| *now > epoch);
        until_all_is_stored(&self.database);
    }

    fn delay(&mut self) {
        let (held, _) = self.reach();
        thread::sleep(DELAY);
        held.forward();
        until_all_is_stored(&self.database);
    }
}

/// Each attempt that owns the source raises it.
fn epoch_of(database: &Database) -> i64 {
    database.number("SELECT epoch FROM flowsentry.checkpoint")
}

fn at(step: Step) {
    let mut trial = Trial::new(step);
    let service = trial.start();
    trial.insert();
    until_all_is_stored(&trial.database);
    trial.delay();
    trial.fail(TERMINATE);
    if step == Step::MidCopy {
        trial.fail(CANCEL);
    }
    let service = trial.kill(service);
    trial.insert();
    until_all_is_stored(&trial.database);
    assert!(service.stop().success());
}

#[test]
fn before_it_begins() {
    at(Step::BeforeBegin);
}

#[test]
fn just_begun() {
    at(Step::AfterBegin);
}

#[test]
fn in_the_middle_of_copy() {
    at(Step::MidCopy);
}

#[test]
fn at_the_end_of_copy() {
    at(Step::AtTheEndOfCopy);
}

#[test]
fn before_the_checkpoint_moves() {
    at(Step::BeforeTheCheckpoint);
}

#[test]
fn before_commit_is_sent() {
    at(Step::BeforeCommit);
}

#[test]
fn committed_and_the_answer_lost() {
    at(Step::CommitUnanswered);
}

#[test]
fn committed_and_answered() {
    at(Step::CommitAnswered);
}
