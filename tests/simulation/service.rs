//! One attempt of the service: claim the lease, load the checkpoint, then read, aggregate and store, each a step of its own.

use std::collections::VecDeque;
use std::time::Duration;

use flowsentry::flow::aggregator::Aggregator;
use flowsentry::flow::batch::{Batch, Reason};
use flowsentry::flow::checkpoint::{Checkpoint, Increment};
use flowsentry::flow::packet::Packet;
use flowsentry::flow::position::{BrokenChain, Position};
use flowsentry::flow::time::EventTime;
use flowsentry::postgres::generation::{self, Found, Identity};
use flowsentry::postgres::replay::Replay;

use super::database::{Database, Undo};
use super::random::Random;
use super::reader::{Reader, Said};
use super::results::{Moved, Store};
use super::setting::{Broken, Setting};
use super::tally::{Seen, Tally};
use super::traffic;

/// Everything that a step may touch beside the attempt itself.
pub struct World<'a> {
    pub database: &'a mut Database,
    pub random: &'a mut Random,
    pub setting: &'a Setting,
    pub tally: &'a mut Tally,
    /// Uptime of the process.
    pub uptime: Duration,
}

/// What follows from a step.
pub enum After {
    GoesOn,
    Ended,
}

pub struct Attempt {
    id: usize,
    boot: u32,
    epoch: i64,
    state: State,
}

enum State {
    Claimed,
    /// The checkpoint and what the table was when it was loaded.
    Loaded(Box<Loaded>),
    Running(Box<Running>),
}

#[derive(Clone)]
struct Loaded {
    checkpoint: Checkpoint,
    known: Option<Identity>,
    generation: i32,
    identity: Identity,
}

struct Running {
    loaded: Loaded,
    incarnation: usize,
    reader: Reader,
    aggregator: Aggregator,
    batches: VecDeque<Batch>,
    increments: VecDeque<Increment>,
    /// The checkpoint that the next stored increment follows.
    last: Checkpoint,
    storing: bool,
    reading: Reading,
    finished: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    GoesOn,
    Stopped,
    /// Stopped, for the ids began anew; all that was read is to be stored.
    Reset,
}

impl Attempt {
    /// Tries to become the owner.
    pub fn claim(id: usize, database: &mut Database) -> Option<Self> {
        let epoch = database.results.take_lease(id)?;
        database.write_log(Undo::Epoch(epoch - 1));
        Some(Self { id, boot: database.boot, epoch, state: State::Claimed })
    }

    /// The next step of one of its stages.
    pub fn step(&mut self, world: &mut World) -> Result<After, BrokenChain> {
        if self.boot != world.database.boot {
            if world.setting.broken != Some(Broken::RememberAcrossCrash) {
                return Ok(After::Ended);
            }
            self.reconnect(world.database);
        }
        match &mut self.state {
            State::Claimed => self.state = State::Loaded(Box::new(load(world.database))),
            State::Loaded(loaded) => self.state = State::Running(Box::new(start(loaded, world))),
            State::Running(running) => return running.step(self.id, self.epoch, world),
        }
        Ok(After::GoesOn)
    }

    /// The process dies or gives up: its memory is gone. What it has sent to the server may still be carried out.
    pub fn die(self, world: &mut World) {
        let results = &mut world.database.results;
        results.release_lease(self.id);
        let sent = results.stores.iter_mut().find(|store| store.attempt == self.id && store.moved);
        match sent {
            Some(store) if world.random.percent(50) => store.orphaned = true,
            _ => results.roll_back(self.id),
        }
    }

    /// The session that holds the lease ends; the others do not know yet.
    pub fn lose_lease(&self, database: &mut Database) {
        database.results.release_lease(self.id);
    }

    /// Stops reading; what has been read is still folded and stored.
    pub fn stop_reading(&mut self) {
        if let State::Running(running) = &mut self.state {
            running.reading = Reading::Stopped;
        }
    }

    fn reconnect(&mut self, database: &mut Database) {
        self.boot = database.boot;
        database.results.lease = Some(self.id);
        database.results.epoch = self.epoch;
        if let State::Running(running) = &mut self.state {
            running.storing = false;
        }
    }
}

fn load(database: &Database) -> Loaded {
    let results = &database.results;
    Loaded {
        checkpoint: results.checkpoint.clone(),
        known: results.identity.clone(),
        generation: results.generation,
        identity: database.identity(),
    }
}

/// Judges whether the ids are still the same, and starts the stages.
fn start(loaded: &Loaded, world: &mut World) -> Running {
    let World { database, setting, tally, .. } = world;
    let mut loaded = loaded.clone();
    let row = database.rows.get(&loaded.checkpoint.position.high()).map(|content| {
        let row = traffic::row(0, content);
        row.packet.as_ref().map_or(0, Packet::fingerprint)
    });
    let found = Found { identity: loaded.identity.clone(), last_value: Some(database.last_value()), row };
    let reaches = found.last_value.is_some_and(|last| last >= loaded.checkpoint.position.high());
    let excused = setting.broken == Some(Broken::MissingRowIsProof) && found.row.is_none() && reaches;
    if let Some(known) = &loaded.known
        && !excused
        && !generation::is_same(&loaded.checkpoint, known, &found)
    {
        tally.add(Seen::ResetNoticedAtStart);
        loaded.generation += 1;
        loaded.checkpoint = loaded.checkpoint.at(Position::default());
    }
    let mut checkpoint = loaded.checkpoint.clone();
    let (position, last) = (Position::clone(&checkpoint.position), checkpoint.clone());
    if setting.broken == Some(Broken::ReplayKeepsClosedWindows) {
        checkpoint.watermark = EventTime::EPOCH;
    }
    let rejected = database.results.rejected.iter().filter(|row| {
        row.generation == loaded.generation
            && row.reason == Reason::Future
            && row.id > checkpoint.settled.low()
            && setting.broken != Some(Broken::ReplayForgetsRejected)
    });
    let replay = Replay::new(Position::clone(&checkpoint.settled), rejected.map(|row| row.id));
    Running {
        incarnation: database.incarnation(),
        reader: Reader::start(position, replay, &loaded.identity, setting),
        aggregator: Aggregator::resume(setting.limits, checkpoint, world.uptime),
        batches: VecDeque::new(),
        increments: VecDeque::new(),
        last,
        storing: false,
        reading: Reading::GoesOn,
        finished: false,
        loaded,
    }
}

#[derive(Clone, Copy)]
enum Stage {
    Ingest,
    Aggregate,
    Store,
}

impl Running {
    fn step(&mut self, attempt: usize, epoch: i64, world: &mut World) -> Result<After, BrokenChain> {
        let capacity = world.setting.channel_capacity;
        let mut able = Vec::with_capacity(3);
        if self.reading == Reading::GoesOn && self.batches.len() < capacity {
            able.push(Stage::Ingest);
        }
        let something = !self.batches.is_empty() || (self.reading != Reading::GoesOn && !self.finished);
        if something && self.increments.len() < capacity {
            able.push(Stage::Aggregate);
        }
        if self.storing || !self.increments.is_empty() {
            able.push(Stage::Store);
        }
        if able.is_empty() {
            if self.finished && self.reading == Reading::Reset && world.database.results.epoch == epoch {
                world.tally.add(Seen::ResetStored);
                world.database.results.end_generation(self.loaded.generation);
            }
            return Ok(if self.finished { After::Ended } else { After::GoesOn });
        }
        match world.random.pick(&able) {
            Stage::Ingest => self.ingest(world),
            Stage::Aggregate => self.aggregate(world),
            Stage::Store => Ok(self.store(attempt, epoch, world)),
        }
    }

    fn ingest(&mut self, world: &mut World) -> Result<After, BrokenChain> {
        let World { database, random, setting, tally, uptime } = world;
        match self.reader.step(database, setting, *uptime, random, tally)? {
            Said::Nothing => {}
            Said::Batches(batches) => self.batches.extend(batches),
            Said::Reset { is_proved } => {
                tally.add(Seen::ResetNoticedRunning);
                self.reading = Reading::Stopped;
                if is_proved || setting.broken == Some(Broken::StoreUnprovedReplay) {
                    self.batches.push_back(Batch::end());
                    self.reading = Reading::Reset;
                }
            }
        }
        Ok(After::GoesOn)
    }

    fn aggregate(&mut self, world: &mut World) -> Result<After, BrokenChain> {
        let increment = if let Some(batch) = self.batches.pop_front() {
            self.aggregator.absorb(batch)?
        } else {
            self.finished = true;
            self.aggregator.finish()
        };
        self.increments.extend(increment.map(|mut increment| {
            if world.setting.broken == Some(Broken::SettledIsPosition) {
                increment.checkpoint.settled = increment.checkpoint.position.clone();
            }
            increment
        }));
        if !self.finished && self.aggregator.is_look_due(world.uptime) {
            self.look(world);
        }
        Ok(After::GoesOn)
    }

    /// What a look tells is of open windows as they are now; and it changes nothing of what is stored.
    fn look(&mut self, world: &mut World) {
        if world.random.percent(world.setting.faults.looks_kept_back) {
            return world.tally.add(Seen::LookKeptBack);
        }
        let Some(look) = self.aggregator.look(world.uptime) else { return };
        world.tally.add(Seen::Look);
        let flows: Vec<_> = look.windows.iter().flat_map(|open| &open.flows).collect();
        assert!(!flows.is_empty() && flows.len() <= world.setting.limits.early.flows_max);
        assert!(flows.iter().all(|flow| flow.packets_before < flow.statistics.volume.packets));
        assert!(look.windows.is_sorted_by_key(|open| open.window));
        assert!(look.windows.iter().all(|open| !open.window.is_over(look.watermark)));
    }

    /// Begins, moves the checkpoint, or commits.
    fn store(&mut self, attempt: usize, epoch: i64, world: &mut World) -> After {
        let results = &mut world.database.results;
        if !self.storing {
            let Some(increment) = self.increments.front().cloned() else { return After::GoesOn };
            let last = self.last.clone();
            assert_eq!((increment.from, increment.checkpoint.number), (last.position.high(), last.number + 1));
            let Loaded { generation, identity, .. } = self.loaded.clone();
            let (incarnation, moved, orphaned) = (self.incarnation, false, false);
            let store = Store { attempt, epoch, last, generation, identity, incarnation, increment, moved, orphaned };
            results.stores.push(store);
            self.storing = true;
            return After::GoesOn;
        }
        if results.stores.iter().any(|store| store.attempt == attempt && store.moved) {
            return self.commit(attempt, world);
        }
        match results.move_checkpoint(attempt, world.setting.broken) {
            Moved::Yes | Moved::Waits => After::GoesOn,
            Moved::TakenOver => {
                world.tally.add(Seen::TakenOver);
                After::Ended
            }
        }
    }

    fn commit(&mut self, attempt: usize, world: &mut World) -> After {
        let World { database, random, setting, tally, .. } = world;
        let trouble = random.percent(setting.faults.commit_trouble);
        let stored = !trouble || random.percent(50);
        if stored {
            database.results.commit(attempt, setting, tally);
            database.flush();
        } else {
            database.results.roll_back(attempt);
        }
        if trouble {
            tally.add(match (stored, random.percent(50)) {
                (true, _) => Seen::AnswerLostStored,
                (false, true) => Seen::AnswerLostNotStored,
                (false, false) => Seen::CommitFailed,
            });
            self.storing = false;
            return if setting.broken == Some(Broken::SendAgain) { After::GoesOn } else { After::Ended };
        }
        self.storing = false;
        self.last = self.increments.pop_front().map_or_else(|| self.last.clone(), |stored| stored.checkpoint);
        After::GoesOn
    }
}
