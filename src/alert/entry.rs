//! One open alert as the book keeps it: what closed windows showed of it, and apart from that what open ones show.
//!
//! The settled part follows from closed windows alone. It moves in the transaction that stores their flows, so it is exact
//! and each flow is in it once. The open part comes from looks; a window's share of it goes when the window closes.

mod absorb;
mod show;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alarm::{Alarm, Alarms, Stage};
use super::event::{Event, WindowEvidence};
use super::figures::Figures;
use super::memory::Memory;
use super::record::{Alert, Handle, State, Subject, SubjectKind};
use super::rules::{CLAIMANTS, GROWN, GROWN_FROM, LABELS, OPEN_WINDOWS, WINDOWS_KEPT};
use super::severity::Severity;
use crate::flow::checkpoint::Timing;
use crate::flow::packet::HardwareAddress;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};
use crate::verdict::reasons::Reasons;

/// An open alert.
#[derive(Debug)]
pub struct Entry {
    /// What it is called.
    pub handle: Handle,
    /// Its id, once it is stored.
    pub id: Option<i64>,
    /// Whom it is about, as closed windows have it. Until one confirms it, as `subject`.
    pub core: Subject,
    /// Whom it is about, open windows considered.
    pub subject: Subject,
    /// What kind of attack.
    pub label: String,
    /// Of closed windows.
    pub settled: Figures,
    /// Of open windows, by their start.
    pub open: BTreeMap<EventTime, Figures>,
    /// Closed windows that confirm it.
    pub windows: u32,
    /// The last of them.
    recent: Vec<EventTime>,
    /// Greatest confidence of a closed window's verdict with this label.
    confidence: f32,
    /// What open windows say, by label.
    weights: BTreeMap<String, Weight>,
    /// Labels that open windows were very sure of, with the last look and the number of looks.
    rivals: BTreeMap<String, (u64, u32)>,
    /// Start of its first window.
    began: EventTime,
    /// End of the last closed window that confirms it.
    pub active_until: EventTime,
    /// End of the last open window that speaks for it.
    pub pending_until: EventTime,
    /// Who claims the flipped addresses.
    pub claimants: Vec<HardwareAddress>,
    severity: Severity,
    reasons: Option<Reasons>,
    /// Whether they are those of another label, or of an open window.
    is_stale: bool,
    model_version: Option<Arc<str>>,
    told_packets: u64,
    state: State,
    merged_into: Option<i64>,
    /// As it was told to the caller last.
    pub shown: Option<Alert>,
    event: Option<Event>,
    evidence: Vec<WindowEvidence>,
    is_dirty: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    sum: f64,
    max: f32,
}

impl Entry {
    /// A new one.
    pub fn new(handle: Handle, subject: Subject, label: &str, window: Window) -> Self {
        let mut entry = Self {
            handle,
            id: None,
            core: subject,
            subject,
            label: label.to_owned(),
            settled: Figures::default(),
            open: BTreeMap::new(),
            windows: 0,
            recent: Vec::new(),
            confidence: 0.0,
            weights: BTreeMap::new(),
            rivals: BTreeMap::new(),
            began: window.start,
            active_until: EventTime::EPOCH,
            pending_until: EventTime::EPOCH,
            claimants: Vec::new(),
            severity: Severity::Low,
            reasons: None,
            is_stale: true,
            model_version: None,
            told_packets: 0,
            state: State::Open,
            merged_into: None,
            shown: None,
            event: None,
            evidence: Vec::new(),
            is_dirty: true,
        };
        entry.raise(Event::Opened);
        entry
    }

    /// One that is stored. What its memory lost is taken from its columns.
    pub fn resumed(handle: Handle, alert: Alert, windows: Tumbling) -> Self {
        let memory = Memory::read(&alert, windows);
        Self {
            id: alert.id,
            core: memory.core,
            subject: alert.subject,
            label: alert.label.clone(),
            settled: memory.settled,
            windows: alert.windows,
            recent: memory.recent,
            confidence: memory.confidence,
            began: memory.began,
            active_until: memory.active_until,
            pending_until: memory.pending_until,
            claimants: memory.claimants,
            severity: alert.severity,
            reasons: alert.reasons.clone(),
            is_stale: false,
            model_version: alert.model_version.clone(),
            told_packets: memory.told_packets,
            merged_into: alert.merged_into,
            event: None,
            is_dirty: false,
            shown: Some(alert),
            ..Self::new(handle, memory.core, "", windows.window_of(memory.began))
        }
    }

    /// Whether a closed window confirms it.
    pub fn is_confirmed(&self) -> bool {
        self.windows > 0
    }

    /// Whether a window is near enough to belong to the same attack. Of closed windows alone, if `settled`.
    pub fn touches(&self, window: Window, quiet: std::time::Duration, settled: bool) -> bool {
        let until = if settled { self.active_until } else { self.active_until.max(self.pending_until) };
        window.start < until.saturating_add(quiet) && self.began < window.end.saturating_add(quiet)
    }

    /// The only address on the other side, if there is one only. Of closed windows alone, if `settled`.
    pub fn only_peer(&self, settled: bool) -> Option<std::net::IpAddr> {
        let opened = self.open.values().filter(|_| !settled);
        let mut peers = std::iter::once(&self.settled).chain(opened).flat_map(|figures| &figures.peer_sample);
        let first = *peers.next()?;
        (peers.all(|peer| *peer == first) && self.settled.peer_count() <= 1).then_some(first)
    }

    /// Whether an address is in the sample of those on the other side.
    pub fn has_peer(&self, address: std::net::IpAddr) -> bool {
        let all = std::iter::once(&self.settled).chain(self.open.values());
        all.into_iter().any(|figures| figures.peer_sample.contains(&address))
    }

    /// The order in which one of several alerts is chosen. Of closed windows alone, as far as there are any.
    pub fn rank(&self) -> (bool, Option<EventTime>, Subject, String, Handle) {
        let (figures, subject) = if self.is_confirmed() {
            (Some(&self.settled), self.core)
        } else {
            (self.open.values().next(), self.subject)
        };
        let first = figures.and_then(Figures::seen).map(|(first, _)| first);
        (!self.is_confirmed(), first, subject, self.label.clone(), self.handle)
    }

    /// An event; the most important is told.
    pub fn raise(&mut self, event: Event) {
        let weight = |event: Event| match event {
            Event::Grown => 0,
            Event::Changed => 1,
            Event::Closed | Event::Withdrawn => 2,
            Event::Opened => 3,
        };
        self.is_dirty = true;
        if self.event.is_none_or(|before| weight(before) < weight(event)) {
            self.event = Some(event);
        }
    }

    /// Whether it is new to the caller.
    pub fn is_new(&self) -> bool {
        self.event == Some(Event::Opened)
    }

    /// It is about the destination from now on: `core` only if closed windows say so.
    pub fn turn(&mut self, subject: Subject, core: bool) {
        if core && self.core != subject {
            self.settled.turn(self.core.address);
        }
        if self.subject != subject {
            self.open.values_mut().for_each(|figures| figures.turn(self.subject.address));
            self.raise(Event::Changed);
        }
        self.subject = subject;
        if core || !self.is_confirmed() {
            self.core = subject;
        }
        self.is_dirty = true;
    }

    /// A closed window says for the first time what this is.
    pub fn confirm(&mut self, subject: Subject, label: &str) {
        if self.subject != subject || self.label != label {
            self.raise(Event::Changed);
        }
        if self.subject != subject {
            // What open windows showed was counted the other way round; their next looks show it again.
            self.open.clear();
        }
        self.weights.retain(|other, _| other == label);
        self.core = subject;
        self.subject = subject;
        label.clone_into(&mut self.label);
        self.is_stale = true;
        self.is_dirty = true;
    }

    /// Open windows said otherwise, and no closed one agreed.
    pub fn fall_back(&mut self) {
        if self.is_confirmed() && self.open.is_empty() && self.subject != self.core {
            self.subject = self.core;
            self.raise(Event::Changed);
        }
    }

    /// It was quiet for two windows, and open ones show the next attack already: that is another alert.
    pub fn heir(&mut self, handle: Handle, windows: Tumbling) -> Option<Self> {
        let (&start, _) = self.open.first_key_value()?;
        let heir = Self {
            open: std::mem::take(&mut self.open),
            weights: std::mem::take(&mut self.weights),
            pending_until: self.pending_until,
            claimants: self.claimants.clone(),
            reasons: self.reasons.clone(),
            model_version: self.model_version.clone(),
            ..Self::new(handle, self.subject, &self.label, windows.window_of(start))
        };
        self.fall_back();
        Some(heir)
    }

    /// A window has closed, or a part of it is stored: the settled part counts it from now on.
    pub fn forget(&mut self, window: Window) {
        self.is_dirty |= self.open.remove(&window.start).is_some();
    }

    /// The same of all windows that are over, should one have closed without a flow.
    pub fn forget_until(&mut self, watermark: EventTime, windows: Tumbling) {
        let before = self.open.len();
        self.open.retain(|start, _| !windows.window_of(*start).is_over(watermark));
        self.is_dirty |= self.open.len() < before;
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Adds alarms of a window. Reasons are asked for while any of the `explanations` are left; what gets none waits for the
    /// next look or window.
    pub fn add(&mut self, of: &Alarms<'_>, alarms: &[&Alarm<'_>], watermark: EventTime, explanations: &mut usize) {
        self.is_dirty = true;
        self.model_version = Some(Arc::clone(&of.judgement.model_version));
        if of.is_final() && !self.is_confirmed() {
            // What open windows said of it is forgotten: what is confirmed follows from closed ones alone.
            self.began = of.window.start;
            self.claimants.clear();
        }
        if of.is_final() || !self.is_confirmed() {
            self.began = self.began.min(of.window.start);
            self.claimed(alarms);
        }
        match of.stage {
            Stage::Provisional(_) => self.add_open(of.window, alarms),
            Stage::Final { timing, revision } => self.add_final(of.window, timing, revision, alarms, watermark),
        }
        let packets = self.packets();
        let is_grown = packets >= GROWN_FROM && packets >= self.told_packets.saturating_mul(GROWN);
        if is_grown && self.told_packets > 0 {
            self.raise(Event::Grown);
            self.told_packets = packets;
        }
        self.is_stale |= is_grown;
        if self.is_stale && *explanations > 0 {
            *explanations -= 1;
            self.explain(of, alarms);
        }
    }

    fn add_open(&mut self, window: Window, alarms: &[&Alarm<'_>]) {
        self.pending_until = self.pending_until.max(window.end);
        if self.open.contains_key(&window.start) || self.open.len() < OPEN_WINDOWS {
            let figures = Figures::of(self.subject, alarms.iter().copied(), false);
            self.open.entry(window.start).or_default().merge(&figures);
        }
        for alarm in alarms {
            if !self.weights.contains_key(alarm.label) && self.weights.len() < LABELS {
                self.weights.insert(alarm.label.to_owned(), Weight::default());
            }
            if let Some(weight) = self.weights.get_mut(alarm.label) {
                weight.sum += f64::from(alarm.verdict.confidence);
                weight.max = weight.max.max(alarm.verdict.confidence);
            }
        }
        if !self.is_confirmed() {
            self.relabel();
        }
    }

    /// While it rests on open windows only, its label is what they say most.
    fn relabel(&mut self) {
        let own = self.weights.get(&self.label).map_or(0.0, |weight| weight.sum);
        let best = self.weights.iter().max_by(|left, right| left.1.sum.total_cmp(&right.1.sum));
        if let Some((label, weight)) = best
            && weight.sum > own
        {
            self.label.clone_from(label);
            self.is_stale = true;
            self.raise(Event::Changed);
        }
    }

    fn add_final(
        &mut self,
        window: Window,
        timing: Timing,
        revision: i64,
        alarms: &[&Alarm<'_>],
        watermark: EventTime,
    ) {
        let figures = Figures::of(self.core, alarms.iter().copied(), true);
        let own = alarms.iter().filter(|alarm| alarm.label == self.label);
        self.confidence = own.fold(self.confidence, |most, alarm| most.max(alarm.verdict.confidence));
        self.evidence.push(WindowEvidence {
            window_start: window.start,
            revision,
            packets: figures.packets,
            octets: figures.octets,
            flows: figures.flows,
            peers: figures.peer_count(),
            ports: figures.port_count(),
            confidence: alarms.iter().fold(0.0, |most, alarm| most.max(alarm.verdict.confidence)),
        });
        self.settled.merge(&figures);
        self.count(window);
        // Somebody who sends late may go on to do so: what comes late keeps it open as if it had come now.
        let until = if timing == Timing::Late { window.end.max(watermark) } else { window.end };
        self.active_until = self.active_until.max(until);
        if timing == Timing::Partial {
            self.pending_until = self.pending_until.max(window.end);
        }
    }

    /// Counts a window once, as far back as is remembered.
    fn count(&mut self, window: Window) {
        let Err(at) = self.recent.binary_search(&window.start) else { return };
        if at == 0 && self.recent.len() == WINDOWS_KEPT {
            return;
        }
        self.recent.insert(at, window.start);
        if self.recent.len() > WINDOWS_KEPT {
            self.recent.remove(0);
        }
        self.windows += 1;
    }

    fn claimed(&mut self, alarms: &[&Alarm<'_>]) {
        if self.subject.kind != SubjectKind::Identity {
            return;
        }
        for claimant in alarms.iter().flat_map(|alarm| alarm.flow.arp.claimants()) {
            if self.claimants.len() < CLAIMANTS && !self.claimants.contains(&claimant) {
                self.claimants.push(claimant);
            }
        }
    }

    /// Open windows are very sure of another label; whether enough looks were.
    pub fn rival(&mut self, label: &str, look: u64) -> u32 {
        if !self.rivals.contains_key(label) && self.rivals.len() >= LABELS {
            return 0;
        }
        let (last, looks) = self.rivals.entry(label.to_owned()).or_default();
        if *looks == 0 || *last != look {
            (*last, *looks) = (look, *looks + 1);
        }
        *looks
    }

    /// It ends.
    pub fn end(&mut self, state: State, merged_into: Option<i64>) {
        self.state = state;
        self.merged_into = merged_into;
        self.raise(if state == State::Closed { Event::Closed } else { Event::Withdrawn });
    }
}
