//! Flows by key, packed side by side in the order of their first packets, with a small table of their places.
//!
//! A window of 32,000 flows is larger than a processor's caches and each packet needs another flow, so folding is mostly
//! waiting for memory. Packed, the flows that begin early, which are the busy ones, lie together, and a growing table moves
//! places and not whole flows; and packets are folded some dozens at a time, so that their waiting overlaps. That takes a
//! third off the time of a plain map from keys to flows.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::Packet;
use crate::flow::statistics::Statistics;

/// Packets whose flows are looked for together.
const AHEAD: usize = 64;

/// Flows by key. The hash is keyed at random: addresses are the attacker's to choose.
#[derive(Clone, Debug, Default)]
pub struct FlowMap {
    /// Where in `flows` a key stands.
    places: HashTable<usize>,
    flows: Vec<(FlowKey, Statistics)>,
    hasher: foldhash::fast::RandomState,
}

/// The flows of a map, in its order.
pub type Iter<'a> =
    std::iter::Map<std::slice::Iter<'a, (FlowKey, Statistics)>, fn(&(FlowKey, Statistics)) -> (&FlowKey, &Statistics)>;

impl FlowMap {
    /// Number of flows.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// The flow with this key.
    pub fn get(&self, key: &FlowKey) -> Option<&Statistics> {
        self.place_of(key).map(|place| &self.flows[place].1)
    }

    /// Where the flow with this key stands, for as long as there is this map: see [`FlowMap::at`].
    pub fn place_of(&self, key: &FlowKey) -> Option<usize> {
        self.places.find(self.hasher.hash_one(key), |&place| self.flows[place].0 == *key).copied()
    }

    /// The flow at a place, which counts the flows that began before it.
    pub fn at(&self, place: usize) -> Option<(&FlowKey, &Statistics)> {
        self.flows.get(place).map(|(key, flow)| (key, flow))
    }

    /// The flow with this key, a new one if there was none.
    pub fn flow(&mut self, key: &FlowKey) -> &mut Statistics {
        let place = self.place(self.hasher.hash_one(key), key);
        &mut self.flows[place].1
    }

    fn place(&mut self, hash: u64, key: &FlowKey) -> usize {
        match self.places.find(hash, |&place| self.flows[place].0 == *key) {
            Some(&place) => place,
            None => self.add(hash, *key),
        }
    }

    /// Adds a packet to its flow.
    pub fn fold(&mut self, packet: &Packet) {
        self.flow(&packet.key).fold(packet);
    }

    /// Adds packets to their flows, some dozens at a time: first where each flow probably stands, then a look at all of
    /// them, so that the waiting for memory overlaps. Gives by how many octets the flows' own memory has grown.
    pub fn fold_all(&mut self, packets: &[Packet]) -> usize {
        self.fold_each(packets, |_| {})
    }

    /// The same, and `folded` is told the place of each packet's flow.
    pub fn fold_each(&mut self, packets: &[Packet], mut folded: impl FnMut(usize)) -> usize {
        let mut grown = 0;
        let mut hashes = [0; AHEAD];
        let mut places = [0; AHEAD];
        for packets in packets.chunks(AHEAD) {
            for (hash, packet) in hashes.iter_mut().zip(packets) {
                *hash = self.hasher.hash_one(packet.key);
            }
            for (place, &hash) in places.iter_mut().zip(&hashes[..packets.len()]) {
                *place = self.places.find(hash, |_| true).copied().unwrap_or_default();
            }
            let seen = places.iter().filter_map(|&place| self.flows.get(place));
            std::hint::black_box(
                seen.fold(0, |sum, (key, flow)| sum ^ flow.volume.packets ^ u64::from(key.protocol == Protocol::Tcp)),
            );
            for ((packet, &hash), &place) in packets.iter().zip(&hashes).zip(&places) {
                let place = match self.flows.get(place) {
                    Some((key, _)) if *key == packet.key => place,
                    _ => self.place(hash, &packet.key),
                };
                let flow = &mut self.flows[place].1;
                let before = flow.heap_bytes();
                flow.fold(packet);
                grown += flow.heap_bytes() - before;
                folded(place);
            }
        }
        grown
    }

    fn add(&mut self, hash: u64, key: FlowKey) -> usize {
        let Self { places, flows, hasher } = self;
        let place = flows.len();
        flows.push((key, Statistics::default()));
        places.insert_unique(hash, place, |&place| hasher.hash_one(flows[place].0));
        place
    }

    /// All flows, in the order of their first packets.
    pub fn iter(&self) -> Iter<'_> {
        self.flows.iter().map(|(key, flow)| (key, flow))
    }

    /// All flows without their keys, in the same order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Statistics> {
        self.flows.iter().map(|(_, flow)| flow)
    }

    /// Octets taken in all.
    pub fn bytes(&self) -> usize {
        self.allocation_size() + self.values().map(Statistics::heap_bytes).sum::<usize>()
    }

    /// Octets taken, free places included; without what flows hold elsewhere ([`Statistics::heap_bytes`]).
    pub fn allocation_size(&self) -> usize {
        self.places.allocation_size() + self.flows.capacity() * size_of::<(FlowKey, Statistics)>()
    }
}

impl<'a> IntoIterator for &'a FlowMap {
    type Item = (&'a FlowKey, &'a Statistics);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::packet::TcpFlags;
    use crate::flow::time::EventTime;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    fn packet(source: u16, port: u16) -> Packet {
        let [high, low] = source.to_be_bytes();
        let address = IpAddr::from([10, 0, high, low]);
        Packet {
            time: EventTime::EPOCH,
            key: FlowKey { source: address, destination: address, protocol: Protocol::Udp },
            length: 60,
            source_port: port,
            destination_port: 53,
            tcp_flags: TcpFlags::NONE,
            arp: None,
            dns: None,
        }
    }

    proptest! {
        #[test]
        fn packets_go_to_the_flow_of_their_key(
            sent in prop::collection::vec((prop_oneof![0u16..5, 0u16..2000], 0u16..100), 0..3000), cut in 0usize..3000,
        ) {
            let packets: Vec<Packet> = sent.iter().map(|&(source, port)| packet(source, port)).collect();
            let (first, second) = packets.split_at(cut.min(packets.len()));
            let mut flows = FlowMap::default();
            let mut told = Vec::new();
            let grown = flows.fold_all(first) + flows.fold_each(second, |place| told.push(place));
            prop_assert!(told.iter().zip(second).all(|(&place, packet)| flows.at(place).unwrap().0 == &packet.key));
            prop_assert_eq!(told.len(), second.len());
            let mut expected = BTreeMap::<FlowKey, Statistics>::new();
            for packet in &packets {
                expected.entry(packet.key).or_default().fold(packet);
            }
            prop_assert_eq!(flows.len(), expected.len());
            prop_assert_eq!(grown, expected.values().map(Statistics::heap_bytes).sum::<usize>());
            for (key, flow) in &expected {
                prop_assert_eq!(flows.get(key), Some(flow));
                prop_assert_eq!(flows.place_of(key).and_then(|place| flows.at(place)), Some((key, flow)));
            }
            prop_assert!(flows.iter().all(|(key, flow)| expected.get(key) == Some(flow)));
            prop_assert_eq!(flows.get(&packet(3000, 1).key), None);
        }
    }
}
