//! One run: everybody does something, in random order, for a while; then everybody comes to an end, and it must add up.

use std::time::Duration;

use flowsentry::flow::time::EventTime;

use super::check::{Failure, check, is_complete};
use super::database::{Database, Successor};
use super::random::Random;
use super::results::Results;
use super::service::{After, Attempt, World};
use super::setting::{Broken, Setting};
use super::sniffers::{self, Fate};
use super::tally::{Seen, Tally};

/// Unix seconds at which a run begins.
const BEGINNING: i64 = 1_700_000_000;
/// Steps of the end, each half a second: long enough for any window to fall idle.
const STEPS_TO_THE_END: usize = 20_000;

pub struct Run {
    random: Random,
    setting: Setting,
    database: Database,
    /// A standby, or a dump that somebody keeps.
    copy: Option<Box<Database>>,
    instances: Vec<Instance>,
    /// Since the beginning.
    time: Duration,
    /// What the server's clock shows beyond that, in microseconds.
    clock_error: i64,
    attempts: usize,
    tally: Tally,
}

#[derive(Default)]
struct Instance {
    attempt: Option<Attempt>,
    /// When the process started.
    started: Duration,
    /// Steps until it goes on: it is frozen, or waits before its next attempt.
    pause: usize,
}

/// Runs one seed.
pub fn run(seed: u64, broken: Option<Broken>) -> (Tally, Result<(), Failure>) {
    let mut random = Random::new(seed);
    let setting = Setting::random(&mut random, broken);
    let instances = (0..setting.instances).map(|_| Instance::default()).collect();
    let mut run = Run {
        random,
        setting,
        database: Database::new(EventTime::from_micros(BEGINNING * 1_000_000).unwrap()),
        copy: None,
        instances,
        time: Duration::ZERO,
        clock_error: 0,
        attempts: 0,
        tally: Tally::default(),
    };
    let result = run.go();
    (run.tally, result)
}

impl Run {
    fn go(&mut self) -> Result<(), Failure> {
        for _ in 0..self.setting.steps {
            self.step()?;
        }
        self.come_to_an_end()?;
        check(&self.database, &self.setting)
    }

    fn step(&mut self) -> Result<(), Failure> {
        self.fault();
        match self.random.below(100) {
            0..30 => sniffers::step(&mut self.database, &mut self.random, &self.setting, &mut self.tally),
            30..38 => {
                let most = if self.random.percent(10) { 40_000 } else { 800 };
                let span = self.random.span(Duration::from_millis(most));
                self.pass(span);
            }
            38..41 => self.database.flush_some(&mut self.random),
            41..44 => self.end_orphans(),
            _ => {
                let index = self.random.below(self.instances.len());
                self.serve(index)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        self.time += span;
        let micros = BEGINNING * 1_000_000 + i64::try_from(self.time.as_micros()).unwrap() + self.clock_error;
        self.database.clock = EventTime::from_micros(micros).unwrap();
    }

    fn happens(&mut self, rate: usize) -> bool {
        self.random.below(10_000) < rate
    }

    fn fault(&mut self) {
        let faults = self.setting.faults;
        if self.happens(faults.server_crash) {
            self.tally.add(Seen::ServerCrash);
            self.database.crash(&mut self.random);
        }
        if self.happens(faults.truncate) {
            self.tally.add(Seen::Truncated);
            self.database.truncate(&mut self.random);
        }
        if faults.server_lost > 0 && self.random.percent(3) {
            self.copy = Some(Box::new(self.database.copy()));
        }
        if self.happens(faults.server_lost)
            && let Some(copy) = self.copy.take()
        {
            let successor = self.random.pick(&[Successor::Standby, Successor::Dump]);
            self.tally.add(if successor == Successor::Dump { Seen::Restored } else { Seen::FailedOver });
            self.database.replace(*copy, successor);
        }
        if self.happens(faults.clock_step) {
            self.clock_error += i64::try_from(self.random.below(8_000_000)).unwrap() - 4_000_000;
            self.pass(Duration::ZERO);
        }
        let index = self.random.below(self.instances.len());
        if self.happens(faults.service_crash) {
            self.tally.add(Seen::ServiceCrash);
            self.end(index);
            self.instances[index].started = self.time;
        }
        if self.happens(faults.session_lost) {
            self.tally.add(Seen::SessionLost);
            self.end(index);
        }
        let instance = &mut self.instances[index];
        if let Some(attempt) = &mut instance.attempt {
            if self.random.below(10_000) < faults.clean_stop {
                self.tally.add(Seen::CleanStop);
                attempt.stop_reading();
            }
            if self.random.below(10_000) < faults.lease_lost {
                self.tally.add(Seen::LeaseLost);
                attempt.lose_lease(&mut self.database);
                instance.pause = self.random.pick(&[0, 10, 60]);
            }
        }
    }

    fn world<'a>(
        database: &'a mut Database,
        random: &'a mut Random,
        setting: &'a Setting,
        tally: &'a mut Tally,
        uptime: Duration,
    ) -> World<'a> {
        World { database, random, setting, tally, uptime }
    }

    /// A step of an instance: of its attempt, or the beginning of one.
    fn serve(&mut self, index: usize) -> Result<(), Failure> {
        let Self { random, setting, database, instances, tally, time, attempts, .. } = self;
        let instance = &mut instances[index];
        if instance.pause > 0 {
            instance.pause -= 1;
            return Ok(());
        }
        let Some(attempt) = &mut instance.attempt else {
            *attempts += 1;
            instance.attempt = Attempt::claim(*attempts, database);
            if instance.attempt.is_some() {
                tally.add_many(Seen::TakeOver, usize::from(setting.instances > 1));
                check(database, setting)?;
            }
            return Ok(());
        };
        let uptime = time.saturating_sub(instance.started);
        let after = attempt.step(&mut Self::world(database, random, setting, tally, uptime))?;
        if matches!(after, After::Ended) {
            self.end(index);
        }
        Ok(())
    }

    fn end(&mut self, index: usize) {
        let Self { random, setting, database, instances, tally, .. } = self;
        if let Some(attempt) = instances[index].attempt.take() {
            attempt.die(&mut Self::world(database, random, setting, tally, Duration::ZERO));
            instances[index].pause = random.below(8);
        }
    }

    /// The server decides about transactions whose client is gone.
    fn end_orphans(&mut self) {
        let Self { random, setting, database, tally, .. } = self;
        let orphans: Vec<usize> =
            database.results.stores.iter().filter(|store| store.orphaned).map(|store| store.attempt).collect();
        for attempt in orphans {
            if random.percent(60) {
                tally.add(Seen::StoredAfterDeath);
                Results::commit(&mut database.results, attempt, setting, tally);
                database.flush();
            } else {
                database.results.roll_back(attempt);
            }
        }
    }

    /// Everybody commits or aborts; no more faults; the service catches up and its windows close by idling.
    fn come_to_an_end(&mut self) -> Result<(), Failure> {
        for transaction in std::mem::take(&mut self.database.sniffers) {
            let fate = Fate::random(&mut self.random);
            transaction.end(&mut self.database, fate, true);
        }
        self.end_orphans();
        self.setting.faults.commit_trouble = 0;
        for step in 0..STEPS_TO_THE_END {
            if is_complete(&self.database) {
                return Ok(());
            }
            if step % 10 == 0 {
                self.pass(Duration::from_millis(500));
            }
            let index = self.random.below(self.instances.len());
            self.serve(index)?;
            if step % 50 == 0 {
                self.end_orphans();
            }
        }
        let checkpoint = &self.database.results.checkpoint;
        Err(Failure::Stuck(format!("{checkpoint:?}, {} rows", self.database.rows.len())))
    }
}
