//! An alert as it is stored and told: closed and open windows together, and what has changed of it.

use super::Entry;
use crate::alert::alarm::{Alarm, Alarms};
use crate::alert::event::{Change, Event};
use crate::alert::figures::Figures;
use crate::alert::memory::Memory;
use crate::alert::record::Alert;
use crate::alert::severity::{Extent, Severity};

impl Entry {
    /// Asks the model for the reasons of the strongest flow.
    pub(super) fn explain(&mut self, of: &Alarms<'_>, alarms: &[&Alarm<'_>]) {
        let strength = |alarm: &Alarm<'_>| (alarm.verdict.confidence, alarm.flow.volume.packets);
        let own = alarms.iter().filter(|alarm| alarm.label == self.label);
        let strongest = own.reduce(|best, alarm| if strength(alarm) > strength(best) { alarm } else { best });
        if let Some(alarm) = strongest {
            let class = alarm.verdict.class;
            let reasons = of.judgement.explainer.explain(alarm.key, alarm.flow, alarm.context, class);
            self.reasons = reasons.or(self.reasons.take());
            self.is_stale = false;
        }
    }

    /// What has changed since it was asked last.
    pub fn change(&mut self) -> Option<Change> {
        if !std::mem::take(&mut self.is_dirty) {
            return None;
        }
        let alert = self.alert();
        if self.shown.as_ref().is_some_and(|shown| shown.severity != alert.severity) {
            self.raise(Event::Changed);
            self.is_dirty = false;
        }
        let event = self.event.take();
        if event.is_some() {
            self.told_packets = alert.packets;
        }
        let alert = Alert { memory: Memory::write(self), ..alert };
        let evidence = std::mem::take(&mut self.evidence);
        if event.is_none() && evidence.is_empty() && self.shown.as_ref() == Some(&alert) {
            return None;
        }
        self.shown = Some(alert.clone());
        Some(Change { handle: self.handle, alert, event, evidence })
    }

    pub(super) fn packets(&self) -> u64 {
        self.settled.packets + self.open.values().map(|figures| figures.packets).sum::<u64>()
    }

    fn totals(&self) -> Figures {
        let mut totals = self.settled.clone();
        if self.subject != self.core {
            totals.turn(self.core.address);
        }
        self.open.values().for_each(|figures| totals.merge(figures));
        totals
    }

    /// As it is now, without memory. Where open windows showed everything and have closed: as it was.
    fn alert(&mut self) -> Alert {
        let totals = self.totals();
        let totals = match &self.shown {
            Some(shown) if totals.is_empty() => Figures::of_columns(shown),
            _ => totals,
        };
        let is_open = !self.is_confirmed() || !self.open.is_empty();
        let open = self.weights.get(&self.label).filter(|_| is_open).map_or(0.0, |weight| weight.max);
        let before = self.shown.as_ref().filter(|shown| shown.label == self.label && !self.is_confirmed());
        let confidence = self.confidence.max(open).max(before.map_or(0.0, |shown| shown.confidence));
        let (first_seen, last_seen) = totals.seen().unwrap_or((self.began, self.began));
        let extent = Extent {
            confidence,
            peers: totals.peer_count(),
            packets: totals.packets,
            flows: totals.flow_count(),
            windows: self.windows,
        };
        self.severity = self.severity.max(Severity::of(&self.label, &extent));
        Alert {
            id: self.id,
            subject: self.subject,
            label: self.label.clone(),
            severity: self.severity,
            state: self.state,
            confidence,
            first_seen,
            last_seen,
            packets: totals.packets,
            octets: totals.octets,
            flows: extent.flows,
            windows: self.windows,
            peers: extent.peers,
            peer_sample: totals.peer_sample.clone(),
            ports: totals.port_count(),
            port_sample: totals.port_sample.clone(),
            protocols: totals.protocols.iter().cloned().collect(),
            reasons: self.reasons.clone(),
            model_version: self.model_version.clone(),
            merged_into: self.merged_into,
            memory: serde_json::Value::Null,
        }
    }

    /// What has to be remembered.
    pub fn memory(&self) -> Memory {
        Memory {
            core: self.core,
            settled: self.settled.clone(),
            confidence: self.confidence,
            told_packets: self.told_packets,
            began: self.began,
            active_until: self.active_until,
            pending_until: self.pending_until,
            recent: self.recent.clone(),
            claimants: self.claimants.clone(),
        }
    }

    /// Octets taken.
    pub fn bytes(&self) -> usize {
        let figures = std::iter::once(&self.settled).chain(self.open.values());
        let memory = self.shown.as_ref().map_or(0, |shown| shown.memory.to_string().len());
        size_of::<Self>() + figures.map(Figures::heap_bytes).sum::<usize>() + memory
    }
}
