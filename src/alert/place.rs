//! Which alert a group of alarms belongs to: one that is there, one that open windows opened, or a new one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::alarm::Set;
use super::alarm::{Alarm, Alarms, Stage};
use super::book::Book;
use super::entry::Entry;
use super::index::Index;
use super::record::{Handle, State, Subject, SubjectKind};
use super::rules::{SECOND_FINAL, SECOND_LOOKS, SECOND_PROVISIONAL, SECOND_SHARE};
use super::subject::Group;

/// Alarms by the alert that they belong to.
pub type Placed<'a> = BTreeMap<Handle, Vec<&'a Alarm<'a>>>;

/// The alerts that may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Those that decide, see [`super::subject::Known`].
    pub deciding: &'a Index,
    /// Those that no closed window confirms yet.
    pub unconfirmed: &'a Index,
    /// Attackers that this window shows as such.
    pub attackers: &'a Set<IpAddr>,
}

/// What a group says by one label.
#[derive(Debug, Default)]
struct Tally<'a> {
    weight: f64,
    packets: u64,
    confidence: f32,
    alarms: Vec<&'a Alarm<'a>>,
}

impl Book {
    /// Finds or opens the alerts of a group.
    pub(super) fn place<'a>(&mut self, of: &Alarms<'_>, group: Group<'a>, choice: Choice<'_>, placed: &mut Placed<'a>) {
        let tallies = tallies(&group.alarms);
        let main = match self.existing(of, group.subject, choice) {
            Some(handle) => Some(handle),
            None => tallies.first().and_then(|(label, _)| self.open_or_adopt(of, group.subject, label, &group, choice)),
        };
        let Some(main) = main else {
            self.unopened += group.alarms.len() as u64;
            return;
        };
        if group.subject.kind == SubjectKind::Victim {
            self.gather(of, group.subject, main, choice);
        }
        if group.subject.kind != SubjectKind::Attacker {
            placed.entry(main).or_default().extend(group.alarms);
            return;
        }
        let main = self.strongest(group.subject, &tallies, choice).unwrap_or(main);
        let (weight, packets) = tallies.iter().fold((0.0, 0), |sum, (_, it)| (sum.0 + it.weight, sum.1 + it.packets));
        for (label, tally) in tallies {
            let share = (tally.weight / weight).max(tally.packets as f64 / packets.max(1) as f64);
            let handle = match self.with_label(group.subject, label, choice) {
                Some(handle) => Some(handle),
                None if self.has_label(main, label) => Some(main),
                None if self.is_second(of, main, label, &tally, share) => {
                    self.open_or_adopt(of, group.subject, label, &group, choice)
                }
                None => Some(main),
            };
            placed.entry(handle.unwrap_or(main)).or_default().extend(tally.alarms);
        }
    }

    /// The alert about a subject. Attackers of one destination only become the alert about that.
    fn existing(&mut self, of: &Alarms<'_>, subject: Subject, choice: Choice<'_>) -> Option<Handle> {
        let is_there = |handle: &&Handle| self.entries.contains_key(handle);
        let known = choice.deciding.about(subject.kind, subject.address).iter().find(is_there);
        if let Some(&handle) = known {
            return Some(handle);
        }
        if subject.kind != SubjectKind::Victim {
            return None;
        }
        let handle = *choice.deciding.only(subject.address).iter().find(is_there)?;
        self.entries.get_mut(&handle)?.turn(subject, of.is_final());
        Some(handle)
    }

    /// Alerts about attackers of this destination only are part of the alert about it. One that closed windows confirm is
    /// so only if a closed window says it.
    fn gather(&mut self, of: &Alarms<'_>, victim: Subject, into: Handle, choice: Choice<'_>) {
        let deciding = choice.deciding.only(victim.address).iter();
        let parts: Vec<Handle> = deciding.chain(choice.unconfirmed.only(victim.address)).copied().collect();
        for part in parts {
            let is_part = |entry: &Entry| of.is_final() || !entry.is_confirmed();
            let attacks_others = |entry: &Entry| choice.attackers.contains(&entry.subject.address);
            if part == into || !self.entries.get(&part).is_some_and(|it| is_part(it) && !attacks_others(it)) {
                continue;
            }
            self.merge(part, into);
        }
    }

    fn merge(&mut self, part: Handle, into: Handle) {
        let Some(mut part) = self.entries.remove(&part) else { return };
        let Some(target) = self.entries.get_mut(&into) else { return };
        target.absorb_open(&mut part);
        part.fall_back();
        part.end(State::Withdrawn, target.id);
        if !part.is_new() {
            self.ended.extend(part.change());
        }
        target.absorb(part);
    }

    /// Of the alerts about a subject the one whose label the group says most.
    fn strongest(&self, subject: Subject, tallies: &[(&str, Tally<'_>)], choice: Choice<'_>) -> Option<Handle> {
        tallies.iter().find_map(|(label, _)| self.with_label(subject, label, choice))
    }

    fn with_label(&self, subject: Subject, label: &str, choice: Choice<'_>) -> Option<Handle> {
        let known = choice.deciding.about(subject.kind, subject.address).iter();
        known.copied().find(|&handle| self.has_label(handle, label))
    }

    fn has_label(&self, handle: Handle, label: &str) -> bool {
        self.entries.get(&handle).is_some_and(|entry| entry.label == label)
    }

    /// Whether another label of a subject is another attack, and not the model that wavers.
    fn is_second(&mut self, of: &Alarms<'_>, main: Handle, label: &str, tally: &Tally<'_>, share: f64) -> bool {
        match of.stage {
            Stage::Final { .. } => tally.confidence >= SECOND_FINAL && share >= SECOND_SHARE,
            Stage::Provisional(look) => {
                let Some(main) = self.entries.get_mut(&main).filter(|main| main.is_confirmed()) else { return false };
                let is_sure = tally.confidence >= SECOND_PROVISIONAL && share >= SECOND_SHARE;
                is_sure && main.rival(label, look) >= SECOND_LOOKS
            }
        }
    }

    /// An alert that a closed window confirms takes over what open windows opened.
    fn open_or_adopt(
        &mut self,
        of: &Alarms<'_>,
        subject: Subject,
        label: &str,
        group: &Group<'_>,
        choice: Choice<'_>,
    ) -> Option<Handle> {
        if of.is_final()
            && let Some(handle) = self.adoptable(subject, label, group, choice.unconfirmed)
        {
            self.entries.get_mut(&handle)?.confirm(subject, label);
            self.taken.insert(handle);
            return Some(handle);
        }
        let handle = self.open_new(subject, label, of.window)?;
        if of.is_final() {
            self.taken.insert(handle);
        }
        Some(handle)
    }

    fn adoptable(&self, subject: Subject, label: &str, group: &Group<'_>, unconfirmed: &Index) -> Option<Handle> {
        let is_free = |handle: &Handle| {
            self.entries.get(handle).is_some_and(|entry| !entry.is_confirmed()) && !self.taken.contains(handle)
        };
        let own: Vec<Handle> =
            unconfirmed.about(subject.kind, subject.address).iter().copied().filter(|it| is_free(it)).collect();
        let same = own.iter().find(|&&handle| self.has_label(handle, label)).or(own.first());
        let first = group.alarms.first()?;
        let related = match subject.kind {
            SubjectKind::Victim => unconfirmed.only(subject.address).iter().copied().find(is_free),
            SubjectKind::Attacker => {
                let victims = unconfirmed.about(SubjectKind::Victim, first.key.destination).iter().copied();
                let is_peer = |handle: &Handle| self.entries.get(handle).is_some_and(|it| it.has_peer(subject.address));
                victims.filter(is_free).find(is_peer)
            }
            SubjectKind::Identity => {
                let claimants = group.alarms.iter().flat_map(|alarm| alarm.flow.arp.claimants());
                claimants.filter_map(|claimant| unconfirmed.claimed_by(claimant)).find(is_free)
            }
        };
        same.copied().or(related)
    }
}

/// By label, what is said most first.
fn tallies<'a>(alarms: &[&'a Alarm<'a>]) -> Vec<(&'a str, Tally<'a>)> {
    let mut tallies = BTreeMap::<&str, Tally<'_>>::new();
    for &alarm in alarms {
        let tally = tallies.entry(alarm.label).or_default();
        tally.weight += f64::from(alarm.verdict.confidence);
        tally.packets += alarm.packets;
        tally.confidence = tally.confidence.max(alarm.verdict.confidence);
        tally.alarms.push(alarm);
    }
    let mut tallies: Vec<_> = tallies.into_iter().collect();
    tallies.sort_by(|left, right| right.1.weight.total_cmp(&left.1.weight));
    tallies
}
