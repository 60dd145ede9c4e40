//! Made-up traffic keeps its word.

use std::collections::HashSet;
use std::net::IpAddr;

use super::*;
use crate::training::corpus::Label;

#[test]
fn every_doing_has_a_name_of_its_own_and_puts_its_label_on_the_wire() {
    let mut names = HashSet::new();
    for doing in doings() {
        assert!(names.insert(doing.name), "{} is there twice", doing.name);
        let label = Label::from_name(doing.label).unwrap();
        for seed in 0..8 {
            let packets = capture(doing, seed);
            assert!(packets.len() <= scene::PACKETS_MAX, "{} {seed}: {}", doing.name, packets.len());
            assert!(packets.is_sorted_by_key(|labelled| labelled.packet.time), "{} {seed}", doing.name);
            let others = packets.iter().find(|labelled| ![Label::NORMAL, label].contains(&labelled.label));
            assert_eq!(others, None, "{} {seed}", doing.name);
        }
        let has_label = |seed| capture(doing, seed).iter().any(|labelled| labelled.label == label);
        assert!((0..8).any(has_label), "{} never shows", doing.name);
    }
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    for doing in doings() {
        assert_eq!(capture(doing, 7), capture(doing, 7), "{}", doing.name);
        assert_ne!(capture(doing, 7), capture(doing, 8), "{}", doing.name);
    }
}

#[test]
fn two_doings_of_one_seed_are_in_networks_of_their_own() {
    let network = |doing| {
        let packets = capture(doing, 3);
        let ends = packets.iter().flat_map(|labelled| [labelled.packet.key.source, labelled.packet.key.destination]);
        ends.filter_map(|address| match address {
            IpAddr::V4(address) if address.octets()[0] == 10 => Some([address.octets()[1], address.octets()[2]]),
            _ => None,
        })
        .min()
    };
    let networks: HashSet<_> = doings().filter_map(network).collect();
    assert!(networks.len() * 2 > doings().count(), "{} of {}", networks.len(), doings().count());
}
