//! A scene through the service's own code in event time: what would be alerted of, and when, if reading, judging and storing
//! took no time. Packets are read ten times a second.

use std::sync::Arc;
use std::time::Duration;

use flowsentry::alert::{self, Alert, Book, Changes, Event, Exceptions, Handle};
use flowsentry::flow::aggregator::{Aggregator, Early, Limits};
use flowsentry::flow::batch::{Batch, Observation, Progress};
use flowsentry::flow::checkpoint::{Checkpoint, Increment, Timing};
use flowsentry::flow::context::Neighbours;
use flowsentry::flow::look::Look;
use flowsentry::flow::time::EventTime;
use flowsentry::model::Model;
use flowsentry::verdict::judge::{open_rows, rows};
use flowsentry::verdict::judged::{JudgedIncrement, JudgedLook, JudgedPane, Judgement};
use flowsentry::verdict::label::Verdict;

use crate::scene::Scene;

const POLL: Duration = Duration::from_millis(100);
const WINDOW: Duration = Duration::from_secs(30);
/// After the last packet: until all windows are closed and all alerts as well.
const AFTER: Duration = Duration::from_mins(3);
/// Where the scene is put in time.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);

/// An alert, and when it was first there.
#[derive(Clone, Debug)]
pub struct Told {
    /// As it was last.
    pub alert: Alert,
    /// Since the scene's first packet.
    pub opened: Duration,
    /// How often others were told of it.
    pub times: usize,
}

/// The alerts of a scene.
pub fn rehearse(scene: &Scene, model: &Arc<Model>, interval: Duration, phase: Duration) -> Vec<Told> {
    let mut rehearsal = Rehearsal::new(model, interval);
    let begin = EventTime::EPOCH.saturating_add(BEGIN + phase);
    let shifted = |time: EventTime| begin.saturating_add(time.since(EventTime::EPOCH));
    let mut left = &scene.packets[..];
    let (mut now, end) = (Duration::ZERO, scene.span() + AFTER);
    while now < end {
        now += POLL;
        let until = EventTime::EPOCH.saturating_add(now);
        let due = left.partition_point(|one| one.packet.time < until);
        let (read, rest) = left.split_at(due);
        left = rest;
        let packets =
            read.iter().map(|one| flowsentry::flow::packet::Packet { time: shifted(one.packet.time), ..one.packet });
        rehearsal.read(packets.collect(), now, shifted(until));
    }
    rehearsal.told
}

struct Rehearsal<'a> {
    model: &'a Arc<Model>,
    aggregator: Aggregator,
    book: Book,
    watermark: (EventTime, Duration),
    told: Vec<Told>,
    handles: Vec<Handle>,
}

impl<'a> Rehearsal<'a> {
    fn new(model: &'a Arc<Model>, interval: Duration) -> Self {
        let limits = Limits {
            window_length: WINDOW,
            out_of_orderness: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
            memory_max: usize::MAX,
            checkpoint_interval: Duration::from_secs(1),
            early: Early { interval, flows_max: 16_384 },
        };
        Self {
            model,
            aggregator: Aggregator::resume(limits, Checkpoint::default(), Duration::ZERO),
            book: Book::resume(alert::Limits { open_max: 10_000, window_length: WINDOW }, Vec::new()),
            watermark: (EventTime::EPOCH, Duration::ZERO),
            told: Vec::new(),
            handles: Vec::new(),
        }
    }

    fn read(&mut self, packets: Vec<flowsentry::flow::packet::Packet>, uptime: Duration, clock: EventTime) {
        let observed = Observation { uptime, database_clock: clock, caught_up: true };
        let batch = Batch { packets, observed, progress: Progress::default(), ..Batch::default() };
        if let Some(increment) = self.aggregator.absorb(batch).unwrap() {
            self.watermark = (increment.checkpoint.watermark, uptime);
            let judged = self.judged(increment);
            let changes = self.book.settle(&judged, &Exceptions::default(), clock);
            self.take(changes, uptime);
        }
        if let Some(look) = self.aggregator.look(uptime) {
            let judged = self.provisional(look);
            let changes = self.book.look(&judged, &Exceptions::default(), clock);
            self.take(changes, uptime);
        }
        let (watermark, since) = self.watermark;
        if watermark > EventTime::EPOCH && uptime.saturating_sub(since) >= Duration::from_secs(5) {
            let changes = self.book.pass(watermark.saturating_add(uptime.saturating_sub(since)));
            self.take(changes, uptime);
        }
    }

    fn take(&mut self, changes: Changes, now: Duration) {
        for change in changes.alerts {
            let place = self.handles.iter().position(|handle| *handle == change.handle).unwrap_or_else(|| {
                self.handles.push(change.handle);
                self.told.push(Told { alert: change.alert.clone(), opened: now, times: 0 });
                self.book.stored(change.handle, i64::try_from(self.handles.len()).unwrap());
                self.handles.len() - 1
            });
            self.told[place].times += usize::from(change.event.is_some_and(|event| event != Event::Closed));
            self.told[place].alert = change.alert;
        }
    }

    fn judged(&self, mut increment: Increment) -> JudgedIncrement {
        let panes = std::mem::take(&mut increment.panes).into_iter().map(|pane| {
            assert!(pane.timing != Timing::Partial, "there is memory enough");
            let flows = &pane.flows.flows;
            let contexts = Neighbours::of(flows).contexts(flows);
            let chunks = rows(self.model.features(), flows, &contexts);
            let verdicts = chunks.flat_map(|chunk| self.model.classify(&chunk).unwrap()).collect();
            let judgement = Some(self.said(verdicts));
            Arc::new(JudgedPane { pane, contexts, judgement })
        });
        let panes = panes.collect();
        JudgedIncrement { increment, panes }
    }

    fn provisional(&self, look: Look) -> JudgedLook {
        let judgements = look.windows.iter().map(|window| {
            let chunks = open_rows(self.model.features(), &window.flows);
            self.said(chunks.flat_map(|chunk| self.model.classify(&chunk).unwrap()).collect())
        });
        JudgedLook { judgements: judgements.collect(), look }
    }

    fn said(&self, verdicts: Vec<Verdict>) -> Judgement {
        Judgement {
            verdicts,
            classes: self.model.classes().clone(),
            model_version: Arc::clone(self.model.version()),
            explainer: Arc::<Model>::clone(self.model),
        }
    }
}
