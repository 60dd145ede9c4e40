//! Alarms: the verdicts of one window that say that something is wrong.

use hashbrown::{HashMap, HashSet};

use super::event::Changes;
use super::exception::Exceptions;
use super::rules::ARP_POISONING;
use crate::flow::checkpoint::Timing;
use crate::flow::context::Context;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::look::OpenFlows;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use crate::flow::window::Window;
use crate::verdict::judged::{JudgedPane, Judgement};
use crate::verdict::label::{NORMAL, UNKNOWN, Verdict};

/// A map whose hash is keyed at random: addresses are the attacker's to choose.
pub type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
/// A set of the same kind.
pub type Set<K> = HashSet<K, foldhash::fast::RandomState>;

/// A flow with a verdict that is an alarm.
#[derive(Clone, Copy, Debug)]
pub struct Alarm<'a> {
    /// Its key.
    pub key: &'a FlowKey,
    /// Its packets.
    pub flow: &'a Statistics,
    /// What its neighbours say.
    pub context: &'a Context,
    /// The verdict.
    pub verdict: Verdict,
    /// Its label.
    pub label: &'a str,
    /// Packets that have not been counted yet.
    pub packets: u64,
    /// Octets that have not been counted yet.
    pub octets: u64,
    /// Whether it answers a flow that began earlier.
    pub is_answer: bool,
}

impl Alarm<'_> {
    /// Whether it says that an address changes its owner.
    pub fn is_identity(&self) -> bool {
        self.key.protocol == Protocol::Arp && self.label == ARP_POISONING
    }
}

/// Whether a window is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It is open; the number of the look.
    Provisional(u64),
    /// It is closed, or this part of it is stored.
    Final {
        /// Why it is stored now.
        timing: Timing,
        /// As of its flows.
        revision: i64,
    },
}

/// The alarms of one window, those that began earlier first.
#[derive(Debug)]
pub struct Alarms<'a> {
    /// The window.
    pub window: Window,
    /// Whether it is closed.
    pub stage: Stage,
    /// Who judged.
    pub judgement: &'a Judgement,
    /// Those that no exception silences.
    pub flows: Vec<Alarm<'a>>,
}

impl<'a> Alarms<'a> {
    /// Those of an open window. What is silenced is not counted: the closed window counts it.
    pub fn of_open(
        flows: &'a OpenFlows,
        judgement: &'a Judgement,
        look: u64,
        exceptions: &Exceptions,
        now: EventTime,
    ) -> Self {
        let alarms = flows.flows.iter().zip(&judgement.verdicts).filter_map(|(open, &verdict)| {
            let label = alarming(judgement, verdict)?;
            let alarm = Alarm {
                key: &open.key,
                flow: &open.statistics,
                context: &open.context,
                verdict,
                label,
                packets: open.statistics.volume.packets.saturating_sub(open.packets_before),
                octets: open.statistics.volume.octets.saturating_sub(open.octets_before),
                is_answer: open.is_answer,
            };
            exceptions.silencing(alarm.key, alarm.flow, label, now).is_none().then_some(alarm)
        });
        Self::sorted(flows.window, Stage::Provisional(look), judgement, alarms.collect())
    }

    /// Those of a closed window, or of a late or partial pane; `None` if no model judged it. What is silenced is counted.
    pub fn of_closed(
        judged: &'a JudgedPane,
        checkpoint: i64,
        exceptions: &Exceptions,
        now: EventTime,
        changes: &mut Changes,
    ) -> Option<Self> {
        let judgement = judged.judgement.as_ref()?;
        let flows = &judged.pane.flows.flows;
        let mut alarms = Vec::new();
        for (((key, flow), context), &verdict) in flows.iter().zip(&judged.contexts).zip(&judgement.verdicts) {
            let Some(label) = alarming(judgement, verdict) else { continue };
            if let Some(exception) = exceptions.silencing(key, flow, label, now) {
                *changes.silenced.entry(exception).or_default() += 1;
                continue;
            }
            let is_earlier = |other: &Statistics| other.timing.first_seen() < flow.timing.first_seen();
            let is_answer = flows.get(&key.reversed()).is_some_and(is_earlier);
            let (packets, octets) = (flow.volume.packets, flow.volume.octets);
            alarms.push(Alarm { key, flow, context, verdict, label, packets, octets, is_answer });
        }
        let pane = &judged.pane;
        let stage = Stage::Final { timing: pane.timing, revision: pane.revision(checkpoint) };
        Some(Self::sorted(pane.flows.window, stage, judgement, alarms))
    }

    /// In an order that does not depend on which packet was read first.
    fn sorted(window: Window, stage: Stage, judgement: &'a Judgement, mut alarms: Vec<Alarm<'a>>) -> Self {
        alarms.sort_unstable_by_key(|alarm| (alarm.flow.timing.first_seen(), *alarm.key));
        Self { window, stage, judgement, flows: alarms }
    }

    /// Whether the window is closed.
    pub fn is_final(&self) -> bool {
        matches!(self.stage, Stage::Final { .. })
    }
}

/// The label of a verdict that is an alarm.
fn alarming(judgement: &Judgement, verdict: Verdict) -> Option<&str> {
    let label = judgement.classes.label(verdict);
    (label != NORMAL && label != UNKNOWN).then_some(label)
}
