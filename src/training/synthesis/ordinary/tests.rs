//! Ordinary doings do what they say, and leave room for others.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::{Packet, TcpFlags};

fn alone(name: &str, seed: u64) -> Vec<Packet> {
    let doing = ALL.iter().find(|doing| doing.name == name).unwrap();
    let mut scene = Scene::new(seed);
    (doing.enact)(&mut scene);
    scene.finish().into_iter().map(|labelled| labelled.packet).collect()
}

fn flows(packets: &[Packet]) -> HashMap<FlowKey, usize> {
    let mut flows = HashMap::new();
    for packet in packets {
        *flows.entry(packet.key).or_default() += 1;
    }
    flows
}

#[test]
fn each_leaves_room_for_others() {
    for doing in ALL {
        let mut counts: Vec<usize> = (0..9).map(|seed| alone(doing.name, seed).len()).collect();
        counts.sort_unstable();
        assert!(counts[2] > 0, "{} is hardly ever there: {counts:?}", doing.name);
        assert!(counts[4] < 7_000 && counts[8] < 25_000, "{} fills the scene: {counts:?}", doing.name);
    }
}

#[test]
fn lengths_are_those_of_frames() {
    for doing in ALL {
        for packet in alone(doing.name, 3) {
            assert!((42..70_000).contains(&packet.length), "{}: {packet:?}", doing.name);
            let has_ports = packet.source_port != 0 && packet.destination_port != 0;
            let is_ported = [Protocol::Tcp, Protocol::Udp].contains(&packet.key.protocol);
            assert_eq!(has_ports, is_ported, "{}: {packet:?}", doing.name);
        }
    }
}

#[test]
fn a_popular_server_hears_little_from_each_of_many() {
    let most = |seed| {
        let packets = alone("name_popular_server", seed);
        // None: only the answers are seen.
        let question = packets.iter().find(|packet| [53, 123].contains(&packet.destination_port)).copied();
        let Some(server) = question.map(|question| question.key.destination) else { return 0 };
        let asked: Vec<Packet> = packets.into_iter().filter(|packet| packet.key.destination == server).collect();
        let flows = flows(&asked);
        assert!(asked.len() < 101 * flows.len(), "{seed}: {} from {}", asked.len(), flows.len());
        if asked.len() == flows.len() { flows.len() } else { 0 }
    };
    assert!((0..20).map(most).max().unwrap() > 100, "hundreds of flows of one packet");
}

#[test]
fn a_collector_never_answers() {
    for seed in 0..10 {
        let flows = flows(&alone("steady_collector", seed));
        assert!(flows.keys().all(|key| !flows.contains_key(&key.reversed())), "{seed}");
    }
}

#[test]
fn a_service_that_is_down_lets_nobody_in_or_comes_back() {
    let is_let_in = |seed: &u64| {
        let packets = alone("failure_service_down", *seed);
        packets.iter().any(|packet| packet.tcp_flags == TcpFlags::SYN.union(TcpFlags::ACK))
    };
    let let_in = (0..40).filter(is_let_in).count();
    assert!((1..20).contains(&let_in), "{let_in} of 40");
}

#[test]
fn an_address_has_one_owner_but_where_it_moves() {
    let owners = |name: &str| {
        let mut most = 0;
        for seed in 0..20 {
            let mut owners: HashMap<_, HashSet<_>> = HashMap::new();
            for packet in alone(name, seed) {
                let arp = packet.arp.unwrap();
                if !packet.key.source.is_unspecified() {
                    owners.entry(packet.key.source).or_default().insert(arp.source_hardware);
                }
            }
            most = most.max(owners.values().map(HashSet::len).max().unwrap_or_default());
        }
        most
    };
    for doing in ALL.iter().filter(|doing| doing.name.starts_with("arp_")) {
        match doing.name {
            "arp_failovers" => assert!((2..=3).contains(&owners(doing.name))),
            "arp_address_conflict" => assert_eq!(owners(doing.name), 2),
            name => assert_eq!(owners(name), 1, "{name}"),
        }
    }
}

#[test]
fn held_connections_are_spoken_on_by_both_sides() {
    for name in ["held_messages", "held_long_polls", "held_idle_pools"] {
        let is_told = |seed: u64| {
            let packets = alone(name, seed);
            let told: HashSet<FlowKey> =
                packets.iter().filter(|packet| packet.length > 100).map(|packet| packet.key).collect();
            told.iter().any(|key| told.contains(&key.reversed()))
        };
        let told = (0..20).filter(|&seed| is_told(seed)).count();
        assert!(told > 10, "{name}: {told} of 20");
    }
}
