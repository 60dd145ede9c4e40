//! Whom alarms are about: the source; the destination where the sources are many; the address whose owner flips.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::alarm::{Alarm, Alarms, Map, Set};
use super::entry::Entry;
use super::index::Index;
use super::record::{Handle, Subject, SubjectKind};
use super::rules::sources_of_a_victim;
use crate::flow::key::FlowKey;
use crate::flow::packet::HardwareAddress;

/// Alarms of one window about one subject, those that began earlier first.
#[derive(Debug)]
pub struct Group<'a> {
    /// Whom they are about.
    pub subject: Subject,
    /// The alarms; never none.
    pub alarms: Vec<&'a Alarm<'a>>,
}

/// What is known beside the alarms.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The alerts that decide; for a closed window, those that closed windows confirm.
    pub deciding: &'a Index,
    /// All of them: whoever is attacked answers, whether that is confirmed or not.
    pub shown: &'a Index,
    /// The alerts themselves.
    pub entries: &'a BTreeMap<Handle, Entry>,
    /// Whether only closed windows count.
    pub settled: bool,
}

/// Alarms by whom they are about, without answers of victims; the group that began first comes first.
pub fn groups<'a>(of: &'a Alarms<'a>, known: Known<'_>) -> Vec<Group<'a>> {
    let (identities, others): (Vec<&Alarm<'_>>, Vec<&Alarm<'_>>) =
        of.flows.iter().partition(|alarm| alarm.is_identity());
    let alarmed: Set<&FlowKey> = others.iter().map(|alarm| alarm.key).collect();
    let (answers, forward): (Vec<&Alarm<'_>>, Vec<&Alarm<'_>>) = others.into_iter().partition(|alarm| alarm.is_answer);
    let forward: Vec<&Alarm<'_>> = forward.into_iter().filter(|alarm| !known.is_victims(alarm)).collect();
    let fans = Fans::of(&forward, known);
    let victims = fans.victims(&forward, known);

    let mut groups = BTreeMap::<Subject, Vec<&Alarm<'_>>>::new();
    for alarm in forward {
        if victims.contains_key(&alarm.key.source) {
            continue;
        }
        let is_victims = victims.get(&alarm.key.destination).is_some_and(|&sources| fans.joins(alarm, sources, known));
        let (kind, address) = if is_victims {
            (SubjectKind::Victim, alarm.key.destination)
        } else {
            (SubjectKind::Attacker, alarm.key.source)
        };
        groups.entry(Subject { kind, address }).or_default().push(alarm);
    }
    let attacks = |groups: &BTreeMap<Subject, Vec<&Alarm<'_>>>, address: IpAddr| {
        groups.contains_key(&Subject { kind: SubjectKind::Attacker, address })
    };
    let answers = answers.into_iter().filter(|alarm| {
        let is_answered = alarmed.contains(&alarm.key.reversed()) || attacks(&groups, alarm.key.destination);
        let is_attacked = !known.shown.about(SubjectKind::Attacker, alarm.key.destination).is_empty();
        !(is_answered || is_attacked || known.is_victims(alarm) || victims.contains_key(&alarm.key.source))
    });
    for alarm in answers.collect::<Vec<_>>() {
        let subject = Subject { kind: SubjectKind::Attacker, address: alarm.key.source };
        groups.entry(subject).or_default().push(alarm);
    }
    let groups = groups.into_iter().map(|(subject, alarms)| Group { subject, alarms });
    let mut groups: Vec<Group<'_>> = groups.chain(flipped(&identities, known)).collect();
    groups.sort_by_key(|group| group.alarms.first().map(|alarm| (alarm.flow.timing.first_seen(), *alarm.key)));
    groups
}

impl Known<'_> {
    /// Whether a flow comes from whom an open alert knows as a victim.
    fn is_victims(&self, alarm: &Alarm<'_>) -> bool {
        let attackers = self.shown.about(SubjectKind::Attacker, alarm.key.destination);
        let has_attacked = |handle: &Handle| self.entries.get(handle).is_some_and(|it| it.has_peer(alarm.key.source));
        !self.shown.about(SubjectKind::Victim, alarm.key.source).is_empty() || attackers.iter().any(has_attacked)
    }

    /// Whether a source has an alert of its own, which is about more than this destination.
    fn has_own(&self, alarm: &Alarm<'_>) -> bool {
        let own = self.deciding.about(SubjectKind::Attacker, alarm.key.source);
        let is_only = |handle: &Handle| {
            let entry = self.entries.get(handle);
            entry.and_then(|entry| entry.only_peer(self.settled)) == Some(alarm.key.destination)
        };
        !own.iter().all(is_only)
    }
}

/// How many sources a destination has, and how many destinations a source.
#[derive(Debug, Default)]
struct Fans<'a> {
    /// Distinct destinations by source.
    out: Map<IpAddr, usize>,
    /// Distinct sources by destination.
    into: Map<IpAddr, usize>,
    /// Distinct sources by destination and label.
    into_of: Map<(IpAddr, &'a str), usize>,
}

impl<'a> Fans<'a> {
    fn of(forward: &[&'a Alarm<'a>], known: Known<'a>) -> Self {
        let mut fans = Self::default();
        let mut pairs = Set::<(IpAddr, IpAddr)>::default();
        let mut labelled = Set::<(IpAddr, IpAddr, &str)>::default();
        for alarm in forward {
            let (source, destination) = (alarm.key.source, alarm.key.destination);
            if pairs.insert((source, destination)) {
                *fans.out.entry(source).or_default() += 1;
                *fans.into.entry(destination).or_default() += 1;
            }
            if labelled.insert((source, destination, alarm.label)) {
                *fans.into_of.entry((destination, alarm.label)).or_default() += 1;
            }
        }
        // Sources that have an alert already, which is about this destination and no other.
        for (&destination, sources) in &mut fans.into {
            for entry in known.deciding.only(destination).iter().filter_map(|handle| known.entries.get(handle)) {
                let source = if known.settled { entry.core.address } else { entry.subject.address };
                *sources += usize::from(!pairs.contains(&(source, destination)));
                if !labelled.contains(&(source, destination, entry.label.as_str()))
                    && let Some(sources) = fans.into_of.get_mut(&(destination, entry.label.as_str()))
                {
                    *sources += 1;
                }
            }
        }
        fans
    }

    /// Destinations that many sources attack, with the number of these.
    fn victims(&self, forward: &[&Alarm<'_>], known: Known<'_>) -> Map<IpAddr, usize> {
        let mut victims = Map::default();
        for &destination in self.into.keys() {
            if !known.deciding.about(SubjectKind::Victim, destination).is_empty() {
                // However few there are now.
                victims.insert(destination, usize::MAX);
            }
        }
        for alarm in forward {
            let destination = alarm.key.destination;
            if victims.contains_key(&destination) {
                continue;
            }
            let sources = self.into_of.get(&(destination, alarm.label)).copied().unwrap_or_default();
            if sources >= sources_of_a_victim(alarm.label) && self.joins(alarm, sources, known) {
                victims.insert(destination, self.into.get(&destination).copied().unwrap_or_default());
            }
        }
        victims
    }

    /// Whether a flow to a victim is a part of that attack, and not of one of its source on many.
    fn joins(&self, alarm: &Alarm<'_>, sources: usize, known: Known<'_>) -> bool {
        self.out.get(&alarm.key.source).is_none_or(|&out| out <= sources) && !known.has_own(alarm)
    }
}

/// ARP flows whose addresses the same hardware address claims are one attack: whoever listens in between claims both ends.
fn flipped<'a>(alarms: &[&'a Alarm<'a>], known: Known<'_>) -> Vec<Group<'a>> {
    let mut joined = Joined::default();
    let mut addresses = Map::<IpAddr, usize>::default();
    let mut hardware = Map::<HardwareAddress, usize>::default();
    let mut handles = Map::<Handle, usize>::default();
    for (index, alarm) in alarms.iter().enumerate() {
        joined.add(index);
        joined.join(index, *addresses.entry(alarm.key.source).or_insert(index));
        let mut handle = known.deciding.identity(alarm.key.source);
        for claimant in alarm.flow.arp.claimants() {
            joined.join(index, *hardware.entry(claimant).or_insert(index));
            handle = handle.or_else(|| known.deciding.claimed_by(claimant));
        }
        if let Some(handle) = handle {
            joined.join(index, *handles.entry(handle).or_insert(index));
        }
    }
    let mut groups = BTreeMap::<usize, (Option<Subject>, Vec<&Alarm<'_>>)>::new();
    for (index, alarm) in alarms.iter().enumerate() {
        groups.entry(joined.root(index)).or_default().1.push(alarm);
    }
    for (handle, index) in &handles {
        let entry = known.entries.get(handle);
        let subject = entry.map(|entry| if known.settled { entry.core } else { entry.subject });
        let group = groups.entry(joined.root(*index)).or_default();
        group.0 = group.0.into_iter().chain(subject).min();
    }
    let groups = groups.into_values().filter_map(|(subject, alarms)| {
        let address = alarms.first()?.key.source;
        Some(Group { subject: subject.unwrap_or(Subject { kind: SubjectKind::Identity, address }), alarms })
    });
    groups.collect()
}

/// Sets that are joined; each is called after its least member.
#[derive(Debug, Default)]
struct Joined(Vec<usize>);

impl Joined {
    fn add(&mut self, index: usize) {
        self.0.push(index);
    }

    fn root(&mut self, mut index: usize) -> usize {
        while let Some(&up) = self.0.get(index).filter(|&&up| up != index) {
            let above = self.0.get(up).copied().unwrap_or(up);
            self.0[index] = above;
            index = above;
        }
        index
    }

    fn join(&mut self, left: usize, right: usize) {
        let (left, right) = (self.root(left), self.root(right));
        self.0[left.max(right)] = left.min(right);
    }
}
