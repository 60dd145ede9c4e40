//! Each kind shows the mechanism that it is named for.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::*;
use crate::flow::key::Protocol;
use crate::flow::packet::{HardwareAddress, Packet, TcpFlags};
use crate::training::corpus::{Label, LabelledPacket};
use crate::training::synthesis::capture;

const SEEDS: std::ops::Range<u64> = 0..6;

/// The attacking side's packets of a capture of each doing whose name begins so, where the sniffer saw any.
fn attacks(prefix: &str) -> Vec<(String, Vec<Packet>)> {
    let mut captures = Vec::new();
    for doing in ALL.iter().filter(|doing| doing.name.starts_with(prefix)) {
        let label = Label::from_name(doing.label).unwrap();
        for seed in SEEDS {
            let all = capture(*doing, seed);
            let own: Vec<Packet> =
                all.iter().filter(|labelled| labelled.label == label).map(|labelled| labelled.packet).collect();
            if !own.is_empty() {
                captures.push((format!("{} {seed}", doing.name), own));
            }
        }
    }
    assert!(captures.len() > 2, "{prefix}: {}", captures.len());
    captures
}

fn distinct<T: std::hash::Hash + Eq>(packets: &[Packet], of: impl Fn(&Packet) -> T) -> usize {
    packets.iter().map(of).collect::<HashSet<_>>().len()
}

fn sources(packets: &[Packet]) -> usize {
    distinct(packets, |packet| packet.key.source)
}

fn destinations(packets: &[Packet]) -> usize {
    distinct(packets, |packet| packet.key.destination)
}

#[test]
fn a_sweep_asks_more_hosts_than_it_asks_each() {
    for prefix in ["scan_sweep_echo", "scan_sweep_syn", "scan_sweep_ack", "scan_sweep_datagrams", "scan_sweep_worm"] {
        for (name, packets) in attacks(prefix) {
            let hosts = destinations(&packets);
            assert!(packets.len() <= hosts * 8, "{name}: {} packets to {hosts}", packets.len());
        }
    }
    let widest = attacks("scan_sweep_echo").iter().map(|(_, packets)| destinations(packets)).max();
    assert!(widest > Some(200), "{widest:?}");
}

#[test]
fn a_sweep_has_the_protocol_it_is_named_for() {
    for (prefix, protocol) in [
        ("scan_sweep_echo", Protocol::Icmp),
        ("scan_sweep_ack", Protocol::Tcp),
        ("scan_sweep_datagrams", Protocol::Udp),
    ] {
        for (name, packets) in attacks(prefix) {
            assert!(packets.iter().all(|packet| packet.key.protocol == protocol), "{name}");
        }
    }
    for (name, packets) in attacks("scan_sweep_ack") {
        assert!(packets.iter().all(|packet| packet.tcp_flags == TcpFlags::ACK), "{name}");
    }
}

#[test]
fn a_scan_of_ports_asks_many_ports_of_few_hosts() {
    for prefix in ["scan_syn_ports", "scan_connect", "scan_stealth", "scan_ack"] {
        for (name, packets) in attacks(prefix) {
            let ports = distinct(&packets, |packet| packet.destination_port);
            assert!(destinations(&packets) <= 6, "{name}");
            // Begun at the very end of what is seen it may have asked a few only.
            assert!(ports >= 20 || packets.len() < 200, "{name}: {ports} of {}", packets.len());
        }
    }
}

#[test]
fn a_forged_flood_has_about_as_many_sources_as_packets_and_one_victim() {
    for prefix in ["flood_syn_forged", "flood_flags_forged", "flood_datagrams_forged", "flood_echo_forged"] {
        for (name, packets) in attacks(prefix) {
            assert_eq!(destinations(&packets), 1, "{name}");
            let sources = sources(&packets);
            assert!(sources * 2 > packets.len(), "{name}: {sources} sources of {}", packets.len());
        }
    }
    for (name, packets) in attacks("flood_land") {
        assert!(packets.iter().all(|packet| packet.key.source == packet.key.destination), "{name}");
    }
}

#[test]
fn what_is_reflected_comes_from_few_ports_of_many_servers() {
    for (name, packets) in attacks("flood_reflected") {
        let named: Vec<Packet> = packets.into_iter().filter(|packet| packet.key.protocol != Protocol::Other).collect();
        assert_eq!(distinct(&named, |packet| packet.source_port), 1, "{name}");
        assert!(sources(&named) >= 15 || named.len() < 100, "{name}: {} of {}", sources(&named), named.len());
    }
}

#[test]
fn guesses_are_several_in_number_and_at_one_port() {
    let (mut captures, mut few) = (0, Vec::new());
    for (name, packets) in attacks("guess_") {
        assert_eq!(distinct(&packets, |packet| packet.destination_port), 1, "{name}");
        let begun = packets.iter().filter(|packet| packet.tcp_flags == TcpFlags::SYN).count();
        let said = packets.iter().filter(|packet| packet.tcp_flags.contains(TcpFlags::PSH)).count();
        captures += 1;
        if begun < 3 && said < 3 {
            few.push(name);
        }
    }
    assert!(few.len() * 10 < captures, "{} of {captures}: {few:?}", few.len());
}

#[test]
fn a_poisoner_claims_addresses_that_are_not_its_own() {
    for prefix in ["poison_replies", "poison_requests", "poison_few_frames", "poison_quick", "poison_answers"] {
        for doing in ALL.iter().filter(|doing| doing.name.starts_with(prefix)) {
            for seed in SEEDS {
                let all = capture(*doing, seed);
                let mut owners: HashMap<IpAddr, HardwareAddress> = HashMap::new();
                let (lies, truths): (Vec<&LabelledPacket>, Vec<&LabelledPacket>) = all
                    .iter()
                    .filter(|labelled| labelled.packet.key.protocol == Protocol::Arp)
                    .partition(|labelled| labelled.label != Label::NORMAL);
                for truth in truths {
                    owners.insert(truth.packet.key.source, truth.packet.arp.unwrap().source_hardware.unwrap());
                }
                assert_eq!(distinct_claims(&lies), usize::from(!lies.is_empty()), "{} {seed}", doing.name);
                for lie in lies {
                    let claimed = lie.packet.arp.unwrap().source_hardware;
                    let owner = owners.get(&lie.packet.key.source).copied();
                    assert_ne!(claimed, owner, "{} {seed}: {}", doing.name, lie.packet.key.source);
                }
            }
        }
    }
    for (name, packets) in attacks("poison_few_frames") {
        assert!(packets.len() <= 5, "{name}: {}", packets.len());
    }
}

/// Hardware addresses that claim something.
fn distinct_claims(lies: &[&LabelledPacket]) -> usize {
    lies.iter().map(|lie| lie.packet.arp.unwrap().source_hardware).collect::<HashSet<_>>().len()
}

#[test]
fn held_connections_are_many_and_say_little() {
    for (name, packets) in attacks("hold_") {
        let octets: u64 = packets.iter().map(|packet| u64::from(packet.length)).sum();
        let mean = octets / packets.len() as u64;
        assert!(mean < 300, "{name}: {mean}");
        let begun = distinct(&packets, |packet| (packet.key.source, packet.source_port));
        assert!(begun >= 20 || packets.len() < 100, "{name}: {begun}");
    }
}

#[test]
fn tunnels_ask_and_are_answered_at_the_port_of_names() {
    for (name, packets) in attacks("tunnel_") {
        assert!(packets.iter().all(|packet| packet.destination_port == 53), "{name}");
        assert!(packets.iter().all(|packet| packet.length >= 60), "{name}");
    }
}
