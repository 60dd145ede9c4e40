//! Which flows a look finds, what it costs, and that nobody starves.

use super::*;
use crate::flow::context::Neighbours;
use crate::flow::key::Protocol;
use crate::flow::packet::{Packet, TcpFlags};
use crate::flow::time::EventTime;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

const ALL: Budget = Budget { flows: usize::MAX, heap_bytes: usize::MAX };

fn key(source: u32, destination: u32) -> FlowKey {
    let address = |bits| IpAddr::from(Ipv4Addr::from_bits(bits));
    FlowKey { source: address(source), destination: address(destination), protocol: Protocol::Tcp }
}

fn packet(source: u32, destination: u32) -> Packet {
    Packet {
        time: EventTime::EPOCH,
        key: key(source, destination),
        length: 60,
        source_port: 4000,
        destination_port: 80,
        tcp_flags: TcpFlags::ACK,
        arp: None,
        dns: None,
    }
}

/// An open window that is watched.
#[derive(Default)]
struct Open {
    flows: FlowMap,
    watch: Watch,
}

impl Open {
    fn fold(&mut self, packets: &[Packet]) {
        self.flows.fold_each(packets, |place| self.watch.touch(place));
    }

    /// The next look at these many flows: how many it thought of, and those it gives.
    fn look(&mut self, most: usize) -> (usize, Vec<OpenFlow>) {
        let visited = self.watch.examine(&self.flows);
        (visited, self.watch.take(&self.flows, most, &mut ALL.clone()))
    }

    fn keys(&mut self) -> Vec<FlowKey> {
        self.look(usize::MAX).1.iter().map(|flow| flow.key).collect()
    }
}

#[test]
fn steps_are_passed_by_whatever_grows_by_half_or_doubles() {
    let passed =
        |steps: fn(u64) -> u32| (1..=50).filter(|&figure| steps(figure) > steps(figure - 1)).collect::<Vec<_>>();
    assert_eq!(passed(doublings), [1, 2, 4, 8, 16, 32]);
    assert_eq!(passed(halves), [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]);
    assert_eq!((doublings(u64::MAX), halves(u64::MAX)), (64, 127));
}

#[test]
fn a_flow_is_looked_at_when_it_begins_and_then_when_it_has_grown_by_half() {
    let mut open = Open::default();
    let mut looked_at = Vec::new();
    for packets in 1..=40 {
        open.fold(&[packet(1, 2)]);
        for flow in open.look(usize::MAX).1 {
            assert_eq!((flow.key, flow.statistics.volume.packets), (key(1, 2), packets));
            let before = looked_at.last().copied().unwrap_or(0);
            assert_eq!((flow.packets_before, flow.octets_before), (before, before * 60));
            looked_at.push(packets);
        }
        assert_eq!(open.keys(), [], "nothing came since");
    }
    assert_eq!(looked_at, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]);
}

#[test]
fn attempts_to_connect_are_looked_at_in_a_flow_of_many_packets() {
    let mut open = Open::default();
    open.fold(&vec![packet(1, 2); 1000]);
    assert_eq!(open.keys(), [key(1, 2)]);
    let attempt = Packet { tcp_flags: TcpFlags::SYN, ..packet(1, 2) };
    let looked_at: Vec<usize> = (1..=9)
        .filter(|_| {
            open.fold(&[attempt]);
            !open.keys().is_empty()
        })
        .collect();
    assert_eq!(looked_at, [1, 2, 3, 4, 6, 8]);
}

#[test]
fn a_flow_is_looked_at_again_when_its_hosts_have_doubled_but_only_if_it_had_a_packet() {
    let mut open = Open::default();
    open.fold(&[packet(1, 2); 100]);
    open.fold(&[packet(8, 9); 100]);
    assert_eq!(open.keys().len(), 2);
    open.fold(&[packet(1, 2), packet(8, 9)]);
    assert_eq!(open.keys(), [], "one packet more is nothing");
    open.fold(&[packet(1, 3), packet(7, 9)]);
    assert_eq!(open.keys(), [key(1, 3), key(7, 9)], "the others had no packet");
    open.fold(&[packet(1, 2), packet(8, 9)]);
    assert_eq!(open.keys(), [key(1, 2), key(8, 9)], "its source has two destinations now; its destination two sources");
}

#[test]
fn an_answer_is_a_reason_to_look_again_and_known_as_one() {
    let mut open = Open::default();
    let at = |micros, packet| Packet { time: EventTime::from_micros(micros).unwrap(), ..packet };
    open.fold(&[at(5, packet(1, 2))]);
    assert!(!open.look(usize::MAX).1[0].is_answer);
    open.fold(&[at(9, packet(2, 1)), at(9, packet(1, 2))]);
    let shown: Vec<(FlowKey, bool)> = open.look(usize::MAX).1.iter().map(|flow| (flow.key, flow.is_answer)).collect();
    assert_eq!(shown, [(key(1, 2), false), (key(2, 1), true)]);
    open.fold(&[at(1, packet(2, 1))]);
    assert!(!open.look(usize::MAX).1[0].is_answer, "its first packet came late: it began first");
}

#[test]
fn a_look_thinks_of_what_had_packets_and_not_of_what_is_open() {
    let mut open = Open::default();
    let many: Vec<Packet> = (0..50_000).map(|n| packet(n, n + 1)).collect();
    open.fold(&many);
    let (visited, looked_at) = open.look(1000);
    assert_eq!((visited, looked_at.len()), (50_000, 1000), "each once");
    assert_eq!(open.look(0).0, 0, "those that wait are not thought of again");
    open.fold(&[packet(5, 6), packet(70_000, 6), packet(5, 6), packet(70_000, 6)]);
    assert_eq!(open.look(1000).0, 2);
}

#[test]
fn what_does_not_fit_waits_and_comes_as_it_is_then() {
    let mut open = Open::default();
    open.fold(&(0..100).map(|n| packet(n, 1000 + n)).collect::<Vec<_>>());
    let mut found = BTreeSet::new();
    for left in [60, 20, 0, 0] {
        let (_, looked_at) = open.look(40);
        for flow in &looked_at {
            assert!(found.insert(flow.key), "{:?} twice", flow.key);
            assert!((flow.context.source_packets - flow.statistics.volume.packets as f64).abs() < 1e-9);
        }
        assert_eq!(found.len(), 100 - left);
        if left == 60 {
            // None of these is looked at twice for it, and those that wait have two packets when it is their turn.
            open.fold(&(40..100).map(|n| packet(n, 1000 + n)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_flood_does_not_keep_others_waiting() {
    let mut open = Open::default();
    for second in 0..20 {
        // 10,000 new sources a second to one host, 2,000 new destinations of one scanner; the last one tries passwords.
        let flood = (0..10_000).map(|n| packet(1_000_000 + second * 10_000 + n, 1));
        let scan = (0..2_000).map(|n| packet(2, 5_000_000 + second * 2_000 + n));
        let mut packets: Vec<Packet> = flood.chain(scan).collect();
        packets.extend(vec![Packet { tcp_flags: TcpFlags::SYN, ..packet(100 + second, 200) }; 3]);
        packets.extend(vec![packet(300 + second, 1); 3]);
        open.fold(&packets);
        let looked_at: BTreeSet<FlowKey> = open.look(900).1.iter().map(|flow| flow.key).collect();
        assert_eq!(looked_at.len(), 900);
        assert!(looked_at.contains(&key(100 + second, 200)), "second {second}: of hosts that the flood does not touch");
        assert!(looked_at.contains(&key(300 + second, 1)), "second {second}: to the host that is flooded");
        let is_of_crowd =
            |looked: &&FlowKey| looked.destination == key(0, 1).destination || looked.source == key(2, 0).source;
        assert!(looked_at.iter().filter(is_of_crowd).count() >= 300, "flood and scan have their share");
    }
}

#[test]
fn a_look_is_bounded_in_octets_too() {
    let mut open = Open::default();
    for source in 0..10 {
        open.fold(&(1..5000).map(|port| Packet { destination_port: port, ..packet(source, 9) }).collect::<Vec<_>>());
    }
    let bytes = open.flows.at(0).unwrap().1.heap_bytes();
    assert!(bytes > 8000);
    open.watch.examine(&open.flows);
    let mut looks = Vec::new();
    for _ in 0..6 {
        let mut budget = Budget { flows: 100, heap_bytes: bytes * 5 / 2 };
        looks.push(open.watch.take(&open.flows, 100, &mut budget).len());
        assert_eq!(budget.flows, 100 - looks[looks.len() - 1]);
    }
    assert_eq!(looks, [3, 3, 3, 1, 0, 0]);
}

fn any_packet() -> impl Strategy<Value = Packet> {
    (0u32..12, 0u32..12, 0u16..40, 0u8..32).prop_map(|(source, destination, port, flags)| Packet {
        destination_port: port,
        tcp_flags: TcpFlags::from_bits(flags),
        ..packet(source, destination)
    })
}

proptest! {
    /// Whatever comes, and however little a look may hold: what is looked at is as it is then, and all that had a packet is
    /// looked at in the end.
    #[test]
    fn looks_tell_the_state_of_the_window(
        batches in prop::collection::vec((prop::collection::vec(any_packet(), 0..60), 0usize..10), 1..12),
    ) {
        let mut open = Open::default();
        let mut looked_at = BTreeSet::new();
        for (packets, most) in batches {
            open.fold(&packets);
            let (_, found) = open.look(most);
            prop_assert!(found.len() <= most);
            check(&open, &found)?;
            looked_at.extend(found.iter().map(|flow| flow.key));
        }
        let (_, rest) = open.look(usize::MAX);
        check(&open, &rest)?;
        looked_at.extend(rest.iter().map(|flow| flow.key));
        prop_assert_eq!(looked_at.len(), open.flows.len());
        prop_assert_eq!(open.keys(), []);
    }
}

fn check(open: &Open, found: &[OpenFlow]) -> Result<(), TestCaseError> {
    let neighbours = Neighbours::of(&open.flows);
    for flow in found {
        prop_assert_eq!(Some(&flow.statistics), open.flows.get(&flow.key));
        prop_assert_eq!(flow.context, neighbours.context(&open.flows, &flow.key, &flow.statistics));
        prop_assert!(flow.packets_before < flow.statistics.volume.packets);
    }
    Ok(())
}
