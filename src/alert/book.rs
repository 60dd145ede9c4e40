//! The book of open alerts: takes verdicts, gives changes.
//!
//! Promise: what is confirmed follows from closed windows alone. Open windows open alerts early and show how they grow; when
//! a window closes, its final verdicts are placed by the confirmed alerts and by themselves, and then take over what the
//! open window had opened. So a crash, after which looks are repeated at other times, leaves the same confirmed alerts, with
//! the same figures; and what no closed window takes over is withdrawn. One thing is asked of open windows as well: whether
//! an alarm is the answer of somebody who is attacked. It opens nothing, even if no closed window agrees with that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::alarm::Alarms;
use super::entry::Entry;
use super::event::{Change, Changes};
use super::exception::Exceptions;
use super::index::{Index, View};
use super::place::{Choice, Placed};
use super::record::{Alert, Handle, State, Subject, SubjectKind};
use super::rules::{EXPLANATIONS, QUIET_WINDOWS};
use super::subject::{Known, groups};
use crate::flow::checkpoint::Timing;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};
use crate::verdict::judged::{JudgedIncrement, JudgedLook};

/// Bounds of the book.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Alerts that are open at a time, at most.
    pub open_max: usize,
    /// How long a window is: an attack ends after two quiet ones.
    pub window_length: Duration,
}

/// The open alerts.
#[derive(Debug)]
pub struct Book {
    limits: Limits,
    pub(super) entries: BTreeMap<Handle, Entry>,
    next: u64,
    looks: u64,
    watermark: EventTime,
    /// Alerts that this window has confirmed.
    pub(super) taken: BTreeSet<Handle>,
    /// Of alerts that ended since the caller was told last.
    pub(super) ended: Vec<Change>,
    pub(super) unopened: u64,
}

impl Book {
    /// Goes on with the alerts that are stored as open.
    pub fn resume(limits: Limits, mut open: Vec<Alert>) -> Self {
        open.sort_by_key(|alert| alert.id);
        let windows = Tumbling::new(limits.window_length);
        let entries =
            (0..).zip(open).map(|(number, alert)| (Handle(number), Entry::resumed(Handle(number), alert, windows)));
        let entries: BTreeMap<_, _> = entries.collect();
        Self {
            limits,
            next: entries.len() as u64,
            entries,
            looks: 0,
            watermark: EventTime::EPOCH,
            taken: BTreeSet::new(),
            ended: Vec::new(),
            unopened: 0,
        }
    }

    /// Takes provisional verdicts in: they open or extend alerts. `now` is the database's clock, which exceptions go by.
    pub fn look(&mut self, look: &JudgedLook, exceptions: &Exceptions, now: EventTime) -> Changes {
        self.looks += 1;
        for (flows, judgement) in look.look.windows.iter().zip(&look.judgements) {
            // A window that closed in the meantime has been settled, and nothing would take this away again.
            if !flows.window.is_over(self.watermark) {
                let alarms = Alarms::of_open(flows, judgement, self.looks, exceptions, now);
                self.take(&alarms);
            }
        }
        self.changes(Changes::default())
    }

    /// Takes final verdicts in: they confirm alerts, and withdraw those that no closed window confirms.
    pub fn settle(&mut self, judged: &JudgedIncrement, exceptions: &Exceptions, now: EventTime) -> Changes {
        let mut changes = Changes::default();
        let checkpoint = &judged.increment.checkpoint;
        self.watermark = self.watermark.max(checkpoint.watermark);
        for pane in &judged.panes {
            if pane.pane.timing != Timing::Late {
                self.entries.values_mut().for_each(|entry| entry.forget(pane.pane.flows.window));
            }
            if let Some(alarms) = Alarms::of_closed(pane, checkpoint.number, exceptions, now, &mut changes) {
                self.take(&alarms);
            }
        }
        let (watermark, windows) = (self.watermark, Tumbling::new(self.limits.window_length));
        for entry in self.entries.values_mut() {
            entry.forget_until(watermark, windows);
            entry.fall_back();
        }
        self.end(watermark, Duration::ZERO, &mut changes);
        self.changes(changes)
    }

    /// Nothing has come for a while, and it is this late in event time: closes what was quiet for two windows.
    pub fn pass(&mut self, event_time: EventTime) -> Changes {
        let mut changes = Changes::default();
        // Windows close later than they end, so what open ones say waits as long as what closed ones do.
        self.end(event_time, self.quiet(), &mut changes);
        self.changes(changes)
    }

    /// An alert was stored, and has this id now.
    pub fn stored(&mut self, handle: Handle, id: i64) {
        if let Some(entry) = self.entries.get_mut(&handle) {
            entry.id = Some(id);
            if let Some(shown) = &mut entry.shown {
                shown.id = Some(id);
            }
        }
    }

    /// Alerts that are open.
    pub fn open(&self) -> usize {
        self.entries.len()
    }

    /// Octets taken.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.values().map(Entry::bytes).sum::<usize>()
    }

    /// How long an attack must be quiet for.
    fn quiet(&self) -> Duration {
        self.limits.window_length * QUIET_WINDOWS
    }

    fn take(&mut self, of: &Alarms<'_>) {
        self.taken.clear();
        if of.flows.is_empty() {
            return;
        }
        let quiet = self.quiet();
        let index = |view| Index::of(self.entries.values(), view, of.window, quiet);
        let (shown, settled, unconfirmed) = (index(View::Shown), index(View::Settled), index(View::Unconfirmed));
        let deciding = if of.is_final() { &settled } else { &shown };
        let known = Known { deciding, shown: &shown, entries: &self.entries, settled: of.is_final() };
        let groups = groups(of, known);
        let attackers = groups.iter().map(|group| group.subject).filter(|it| it.kind == SubjectKind::Attacker);
        let attackers = attackers.map(|subject| subject.address).collect();
        let choice = Choice { deciding, unconfirmed: &unconfirmed, attackers: &attackers };
        let mut placed = Placed::new();
        for group in groups {
            self.place(of, group, choice, &mut placed);
        }
        let mut explanations = EXPLANATIONS;
        for (handle, alarms) in placed {
            if let Some(entry) = self.entries.get_mut(&handle) {
                entry.add(of, &alarms, self.watermark, &mut explanations);
            }
        }
    }

    /// Opens an alert, if there is room.
    pub(super) fn open_new(&mut self, subject: Subject, label: &str, window: Window) -> Option<Handle> {
        if self.entries.len() >= self.limits.open_max {
            return None;
        }
        let handle = Handle(self.next);
        self.next += 1;
        self.entries.insert(handle, Entry::new(handle, subject, label, window));
        Some(handle)
    }

    /// Closes what was quiet for two windows, and withdraws what no closed window confirmed. What is new waits, so that
    /// others are told of its beginning and of its end.
    fn end(&mut self, time: EventTime, patience: Duration, changes: &mut Changes) {
        let (quiet, windows) = (self.quiet(), Tumbling::new(self.limits.window_length));
        let mut heirs = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| !entry.is_new()) {
            let pending = if patience.is_zero() { EventTime::EPOCH } else { entry.pending_until };
            if !entry.is_confirmed() {
                if entry.pending_until.saturating_add(patience) <= time {
                    changes.withdrawn += 1;
                    entry.end(State::Withdrawn, None);
                }
            } else if entry.active_until.max(pending).saturating_add(quiet) <= time {
                if patience.is_zero()
                    && let Some(heir) = entry.heir(Handle(self.next), windows)
                {
                    self.next += 1;
                    heirs.push((heir.handle, heir));
                }
                entry.end(State::Closed, None);
            }
        }
        self.entries.extend(heirs);
    }

    /// What has changed since the caller was told last.
    fn changes(&mut self, mut changes: Changes) -> Changes {
        changes.unopened += std::mem::take(&mut self.unopened);
        changes.alerts = std::mem::take(&mut self.ended);
        for entry in self.entries.values_mut() {
            changes.alerts.extend(entry.change());
        }
        self.entries.retain(|_, entry| entry.is_open());
        changes
    }
}
