//! Which open alerts a window's alarms may belong to, by address. Built anew for each window: a pass over the alerts, which
//! are few against the flows, and nothing to keep in step.

use std::net::IpAddr;
use std::time::Duration;

use super::alarm::Map;
use super::entry::Entry;
use super::record::{Handle, Subject, SubjectKind};
use crate::flow::packet::HardwareAddress;
use crate::flow::window::Window;

/// Which alerts are looked at, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// All, as they are shown.
    Shown,
    /// Those that closed windows confirm, as these have it: what is confirmed follows from closed windows alone, so a crash
    /// in between changes nothing of it.
    Settled,
    /// Those that no closed window confirms yet.
    Unconfirmed,
}

/// Open alerts by address; where there are several, the one to choose first.
#[derive(Debug, Default)]
pub struct Index {
    subjects: Map<Subject, Vec<Handle>>,
    /// Attackers that attack this address and no other.
    only: Map<IpAddr, Vec<Handle>>,
    /// Flipped addresses, and those that flip with them.
    identities: Map<IpAddr, Handle>,
    claimants: Map<HardwareAddress, Handle>,
}

impl Index {
    /// Of the alerts that a window may belong to.
    pub fn of<'a>(entries: impl Iterator<Item = &'a Entry>, view: View, window: Window, quiet: Duration) -> Self {
        let settled = view == View::Settled;
        let mut near: Vec<&Entry> = entries
            .filter(|entry| match view {
                View::Shown => true,
                View::Settled => entry.is_confirmed(),
                View::Unconfirmed => !entry.is_confirmed(),
            })
            .filter(|entry| entry.touches(window, quiet, settled))
            .collect();
        near.sort_by_cached_key(|entry| entry.rank());
        let mut index = Self::default();
        for entry in near {
            let subject = if settled { entry.core } else { entry.subject };
            index.subjects.entry(subject).or_default().push(entry.handle);
            match subject.kind {
                SubjectKind::Attacker => {
                    if let Some(only) = entry.only_peer(settled) {
                        index.only.entry(only).or_default().push(entry.handle);
                    }
                }
                SubjectKind::Victim => {}
                SubjectKind::Identity => {
                    let opened = entry.open.values().filter(|_| !settled);
                    let peers = std::iter::once(&entry.settled).chain(opened).flat_map(|it| &it.peer_sample);
                    for address in peers.copied().chain([subject.address]) {
                        index.identities.entry(address).or_insert(entry.handle);
                    }
                    for claimant in &entry.claimants {
                        index.claimants.entry(*claimant).or_insert(entry.handle);
                    }
                }
            }
        }
        index
    }

    /// Alerts about a subject.
    pub fn about(&self, kind: SubjectKind, address: IpAddr) -> &[Handle] {
        self.subjects.get(&Subject { kind, address }).map_or(&[], Vec::as_slice)
    }

    /// Alerts about attackers that attack this address and no other.
    pub fn only(&self, address: IpAddr) -> &[Handle] {
        self.only.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The alert about a flipped address.
    pub fn identity(&self, address: IpAddr) -> Option<Handle> {
        self.identities.get(&address).copied()
    }

    /// The alert about addresses that this hardware address claims.
    pub fn claimed_by(&self, claimant: HardwareAddress) -> Option<Handle> {
        self.claimants.get(&claimant).copied()
    }
}
