//! Neighbours of a window that still fills: a flow is put in when it begins and again as it grows, in place of what it put in
//! before. So a look costs what has changed since the look before, however many flows are open.
//!
//! Promise: once every flow that has changed was put in again, in any order, the sums are those of [`Neighbours::of`].

use std::hash::BuildHasher;
use std::net::IpAddr;

use hashbrown::HashTable;

use super::sums::{Part, refuses};
use super::{Map, Neighbours};
use crate::flow::key::{FlowKey, NO_ADDRESS, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::HardwareAddress;
use crate::flow::statistics::Statistics;

/// The flows of an open window so far, summed up.
#[derive(Debug, Default)]
pub struct OpenNeighbours {
    sums: Neighbours,
    /// What each flow has put in, by its place; `None` of one that was not yet.
    parts: Vec<Option<Part>>,
    /// Places of flows, one for each pair of source and destination.
    pairs: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    claims: Claims,
}

impl OpenNeighbours {
    /// No flows, and room for so many.
    pub fn with_capacity(flows: usize) -> Self {
        Self { parts: Vec::with_capacity(flows), pairs: HashTable::with_capacity(flows), ..Self::default() }
    }

    /// Puts in the flow at `place` as it is now.
    pub fn update(&mut self, flows: &FlowMap, place: usize) {
        let Some((key, flow)) = flows.at(place) else { return };
        if self.parts.len() <= place {
            self.parts.resize(place + 1, None);
        }
        let before = self.parts[place];
        let now = match before {
            // Who answers it, and whether that refuses, it was told when it changed.
            Some(before) => Part::of(flow, before.opposite, before.is_refused),
            None => Self::first_part(flows, key, flow),
        };
        self.parts[place] = Some(now);
        let new_pairs = u32::from(before.is_none() && self.is_new_pair(flows, place, key));

        let source = self.sums.sources.entry(key.source).or_default();
        source.put(before, now);
        source.destinations += new_pairs;
        if before.is_none_or(|before| before.ports < now.ports) {
            let bytes = source.destination_ports.heap_bytes();
            source.destination_ports.extend(&flow.ports.destination);
            self.sums.port_bytes += source.destination_ports.heap_bytes() - bytes;
        }
        let destination = self.sums.destinations.entry(key.destination).or_default();
        destination.put(key, before, now);
        destination.sources += new_pairs;

        let (first, last) = (flow.timing.first_seen(), flow.timing.last_seen());
        let span = self.sums.span.get_or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
        if key.protocol == Protocol::Arp {
            self.claims.update(&mut self.sums, place, key, flow);
        }
        if let Some(opposite) = now.opposite
            && before.is_none_or(|before| before.refuses != now.refuses)
        {
            self.tell_opposite(&key.reversed(), opposite, place, now.refuses);
        }
    }

    /// Of a flow that is put in for the first time: the one time that the opposite flow is looked for. If that begins
    /// later, it tells.
    fn first_part(flows: &FlowMap, key: &FlowKey, flow: &Statistics) -> Part {
        let Some(opposite) = flows.place_of(&key.reversed()) else { return Part::of(flow, None, false) };
        let is_refused = flows.at(opposite).is_some_and(|(_, answer)| refuses(answer));
        Part::of(flow, Some(number(opposite)), is_refused)
    }

    /// A flow that has begun, or begun to refuse, changes what the flow that it answers has put in.
    fn tell_opposite(&mut self, key: &FlowKey, place: u32, answer: usize, is_refused: bool) {
        let Some(Some(part)) = self.parts.get_mut(place as usize) else { return };
        if part.opposite.is_some() && part.is_refused == is_refused {
            return;
        }
        let before = *part;
        *part = Part { opposite: Some(number(answer)), is_refused, ..before };
        let now = *part;
        self.sums.sources.entry(key.source).or_default().put(Some(before), now);
        self.sums.destinations.entry(key.destination).or_default().put(key, Some(before), now);
    }

    fn is_new_pair(&mut self, flows: &FlowMap, place: usize, key: &FlowKey) -> bool {
        let Self { pairs, hasher, .. } = self;
        let pair_at = |place: u32| flows.at(place as usize).map(|(key, _)| (key.source, key.destination));
        let pair = (key.source, key.destination);
        let hash = pair_hash(hasher, pair);
        if pairs.find(hash, |&other| pair_at(other) == Some(pair)).is_some() {
            return false;
        }
        pairs.insert_unique(hash, number(place), |&other| pair_at(other).map_or(0, |pair| pair_hash(hasher, pair)));
        true
    }

    /// What a flow has done as it was last put in: packets, attempts to connect, destination ports; and the packets that
    /// answer it. None of them ever falls.
    pub fn figures_of_flow(&self, place: usize) -> [u64; 4] {
        let part_at = |place: usize| self.parts.get(place).copied().flatten();
        let Some(part) = part_at(place) else { return [0; 4] };
        let answer = part.opposite.and_then(|opposite| part_at(opposite as usize)).map_or(0, |answer| answer.packets);
        [part.packets, u64::from(part.syn_without_ack), u64::from(part.ports), answer]
    }

    /// The sums.
    pub fn sums(&self) -> &Neighbours {
        &self.sums
    }

    /// The sums without what is needed to put a flow in again.
    pub fn closed(self) -> Neighbours {
        self.sums
    }

    /// Octets held, the sums included; in constant time.
    pub fn bytes(&self) -> usize {
        self.sums.bytes()
            + self.parts.capacity() * size_of::<Option<Part>>()
            + self.pairs.allocation_size()
            + self.claims.bytes()
    }
}

/// A place, in half the octets.
#[allow(clippy::cast_possible_truncation)] // as many flows as fit into memory
fn number(place: usize) -> u32 {
    place as u32
}

/// One wide write for IPv4, as in the hash of a flow's key.
fn pair_hash(hasher: &foldhash::fast::RandomState, pair: (IpAddr, IpAddr)) -> u64 {
    match pair {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            hasher.hash_one(u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits()))
        }
        pair => hasher.hash_one(pair),
    }
}

/// Who claims which address by ARP. A flow remembers the few smallest claimants, so a claim may be gone again.
#[derive(Debug, Default)]
struct Claims {
    /// What each ARP flow claimed, by its place.
    of_flows: Map<usize, Box<[HardwareAddress]>>,
    /// Flows by what they claim.
    flows: Map<(HardwareAddress, IpAddr), u32>,
    heap_bytes: usize,
}

impl Claims {
    /// Of an ARP flow.
    fn update(&mut self, sums: &mut Neighbours, place: usize, key: &FlowKey, flow: &Statistics) {
        // A probe (RFC 5227) has no source address and claims nothing.
        if key.source == NO_ADDRESS {
            return;
        }
        let before = self.of_flows.get(&place).map(|claimants| &**claimants).unwrap_or_default();
        if before.iter().copied().eq(flow.arp.claimants()) {
            return;
        }
        let now: Box<[HardwareAddress]> = flow.arp.claimants().collect();
        self.heap_bytes += size_of_val(&*now);
        for &hardware in &now {
            let flows = self.flows.entry((hardware, key.source)).or_default();
            *flows += 1;
            if *flows == 1 {
                *sums.claims.entry(hardware).or_default() += 1;
                *sums.claimants.entry(key.source).or_default() += 1;
            }
        }
        let before = self.of_flows.insert(place, now).unwrap_or_default();
        self.heap_bytes -= size_of_val(&*before);
        for &hardware in &before {
            if take_one(&mut self.flows, (hardware, key.source)) {
                take_one(&mut sums.claims, hardware);
                take_one(&mut sums.claimants, key.source);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.of_flows.allocation_size() + self.flows.allocation_size() + self.heap_bytes
    }
}

/// Counts one less; whether none is left.
fn take_one<K: std::hash::Hash + Eq>(counts: &mut Map<K, u32>, key: K) -> bool {
    let hashbrown::hash_map::Entry::Occupied(mut entry) = counts.entry(key) else { return false };
    *entry.get_mut() -= 1;
    let is_last = *entry.get() == 0;
    if is_last {
        entry.remove();
    }
    is_last
}
