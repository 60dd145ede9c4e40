//! Attacks laid over the ordinary traffic of another network, so that what the neighbours say is as it would be there.
//!
//! In most recordings an attacker and a victim are alone on the wire. A victim has other clients, though, and an attacker may
//! be a host that also does its work. So the packets of one capture are put among those of another: addresses are mapped one
//! to one to others, the victim or the attacker now and then to a host of the other capture; the clock runs slower or faster;
//! every packet comes a little later. Only for training splits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::corpus::{Label, LabelledPacket};
use crate::flow::key::NO_ADDRESS;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::model::random::Random;

/// How often the victim is a host of the other capture.
const SHARED_VICTIM: f32 = 0.5;
/// How often the attacker is one.
const SHARED_ATTACKER: f32 = 0.25;
/// The clock of the attack runs at most so many times slower or faster.
const CLOCK_FACTOR: f32 = 2.0;
/// A packet comes at most so much later, in milliseconds.
const DELAY_MILLIS: f32 = 5.0;

/// Puts `attack` among the packets of `background`, which is cut to the same span. Both are in the order of time, and so is
/// what comes out.
pub fn lay(attack: &[LabelledPacket], background: &[LabelledPacket], random: &mut Random) -> Vec<LabelledPacket> {
    let (Some(first), Some(begin)) = (attack.first(), background.first()) else { return attack.to_vec() };
    let (first, begin) = (first.packet.time, begin.packet.time);
    let factor = CLOCK_FACTOR.powf(random.between(-1.0, 1.0));
    let moved = |time: EventTime, random: &mut Random| {
        let span = time.since(first).mul_f32(factor);
        begin.saturating_add(span + Duration::from_secs_f32(random.between(0.0, DELAY_MILLIS) / 1_000.0))
    };
    let addresses = mapping(attack, background, random);
    let mut laid: Vec<LabelledPacket> = attack
        .iter()
        .map(|&LabelledPacket { packet, label }| {
            let mapped = |address: IpAddr| addresses.get(&address).copied().unwrap_or(address);
            let mut key = packet.key;
            (key.source, key.destination) = (mapped(key.source), mapped(key.destination));
            LabelledPacket { packet: Packet { time: moved(packet.time, random), key, ..packet }, label }
        })
        .collect();
    let end = laid.iter().map(|labelled| labelled.packet.time).max().unwrap_or(begin);
    laid.extend(background.iter().take_while(|labelled| labelled.packet.time <= end));
    laid.sort_by_key(|labelled| labelled.packet.time);
    laid
}

/// Every address of the attack gets one that nobody has; the busiest attacker or victim may get one of the background's.
fn mapping(attack: &[LabelledPacket], background: &[LabelledPacket], random: &mut Random) -> BTreeMap<IpAddr, IpAddr> {
    let hosts: Vec<IpAddr> = addresses(background).into_iter().collect();
    let mask = u32::try_from(random.below(1 << 16)).unwrap_or_default();
    let mut mapped: BTreeMap<IpAddr, IpAddr> =
        addresses(attack).into_iter().map(|address| (address, elsewhere(address, mask))).collect();
    let attacks = attack.iter().filter(|labelled| labelled.label != Label::NORMAL);
    let attacker = busiest(attacks.clone().map(|labelled| labelled.packet.key.source));
    let victim = busiest(attacks.map(|labelled| labelled.packet.key.destination));
    for (address, share) in [(victim, SHARED_VICTIM), (attacker, SHARED_ATTACKER)] {
        let (is_shared, host) = (random.unit() < share, random.below(hosts.len()));
        if let (Some(address), Some(host)) = (address, hosts.get(host))
            && is_shared
            && address.is_ipv4() == host.is_ipv4()
            && !mapped.values().any(|taken| taken == host)
        {
            mapped.insert(address, *host);
        }
    }
    mapped
}

/// Those of hosts: neither none nor that of a group.
fn addresses(packets: &[LabelledPacket]) -> BTreeSet<IpAddr> {
    let keys = packets.iter().map(|labelled| labelled.packet.key);
    let is_host = |address: &IpAddr| *address != NO_ADDRESS && !address.is_multicast();
    keys.flat_map(|key| [key.source, key.destination]).filter(is_host).collect()
}

/// One to one; a prefix stays a prefix.
fn elsewhere(address: IpAddr, mask: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() ^ (mask << 8) ^ 0x5a00_0000)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() ^ (u128::from(mask) << 64))),
    }
}

fn busiest(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let mut counts = BTreeMap::<IpAddr, u32>::new();
    addresses.for_each(|address| *counts.entry(address).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::corpus::LABELS;
    use crate::training::synthesis;

    fn made_up(name: &str, seed: u64) -> Vec<LabelledPacket> {
        let doing = synthesis::doings().find(|doing| doing.name == name).unwrap();
        synthesis::capture(doing, seed)
    }

    #[test]
    fn an_attack_keeps_its_shape_among_the_packets_of_others() {
        let attack = made_up("scan_syn_ports", 3);
        let background = made_up("name_lookups", 4);
        let (mut shared, mut alone) = (0, 0);
        for seed in 0..40 {
            let laid = lay(&attack, &background, &mut Random::new(seed));
            assert!(laid.is_sorted_by_key(|labelled| labelled.packet.time));
            let count = |packets: &[LabelledPacket], label| packets.iter().filter(|one| one.label == label).count();
            for label in (1..).take(LABELS.len() - 1).map(Label) {
                assert_eq!(count(&laid, label), count(&attack, label));
            }
            let keys = |packets: &[LabelledPacket]| {
                let attacks = packets.iter().filter(|one| one.label != Label::NORMAL);
                attacks.map(|one| one.packet.key).collect::<BTreeSet<_>>().len()
            };
            assert_eq!(keys(&laid), keys(&attack));
            let hosts = addresses(&background);
            let meets = laid.iter().any(|one| {
                one.label != Label::NORMAL
                    && (hosts.contains(&one.packet.key.source) || hosts.contains(&one.packet.key.destination))
            });
            *(if meets { &mut shared } else { &mut alone }) += 1;
            assert_eq!(laid, lay(&attack, &background, &mut Random::new(seed)));
        }
        assert!(shared > 5 && alone > 5, "{shared} {alone}");
    }

    #[test]
    fn nothing_over_nothing_is_nothing() {
        let attack = made_up("scan_syn_ports", 3);
        assert_eq!(lay(&attack, &[], &mut Random::new(1)), attack);
        assert_eq!(lay(&[], &attack, &mut Random::new(1)), []);
    }
}
