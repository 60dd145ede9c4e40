//! What is played: an attack of one capture beside the ordinary traffic of another, or ordinary traffic alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flowsentry::flow::key::NO_ADDRESS;
use flowsentry::flow::packet::{Arp, HardwareAddress, Packet};
use flowsentry::flow::time::EventTime;
use flowsentry::training::corpus::{Capture, Corpus, Label, LabelledPacket, Split};

/// What comes before an attack.
const BEFORE: Duration = Duration::from_secs(15);
/// Ordinary traffic that goes beside an attack is at least so long, and at most so busy (packets a second).
const BESIDE_SPAN: Duration = Duration::from_mins(1);
const BESIDE_RATE: f64 = 300.0;
/// An attack is fast that sends so many packets in its first two seconds: a flood, or a scan at a scanner's pace.
const FAST: (Duration, usize) = (Duration::from_secs(2), 20);

/// Packets, and what in them is an attack.
pub struct Scene {
    /// Of the capture.
    pub id: String,
    /// What the capture is about.
    pub label: String,
    /// By time; the first is at or after [`EventTime::EPOCH`].
    pub packets: Vec<LabelledPacket>,
    /// `None`: nothing hostile is in it.
    pub attack: Option<Attack>,
}

/// What the labels say of an attack.
pub struct Attack {
    /// Its first packet.
    pub began: EventTime,
    /// Who sends it.
    pub attackers: BTreeSet<IpAddr>,
    /// Whom it goes to.
    pub victims: BTreeSet<IpAddr>,
    /// Whether it is one to be known within a second: a flood or a fast scan.
    pub is_fast: bool,
}

impl Scene {
    /// From the first packet to the last.
    pub fn span(&self) -> Duration {
        match (self.packets.first(), self.packets.last()) {
            (Some(first), Some(last)) => last.packet.time.since(first.packet.time),
            _ => Duration::ZERO,
        }
    }

    /// Connection attempts of the attack up to a time: packets with SYN and without ACK, or where it has none, packets.
    pub fn attempts(&self, until: EventTime) -> usize {
        let hostile = || self.packets.iter().filter(|one| one.label != Label::NORMAL && one.packet.time <= until);
        let begins = |packet: &Packet| {
            let flags = packet.tcp_flags;
            flags.contains(flowsentry::flow::packet::TcpFlags::SYN)
                && !flags.contains(flowsentry::flow::packet::TcpFlags::ACK)
        };
        match hostile().filter(|one| begins(&one.packet)).count() {
            0 => hostile().count(),
            attempts => attempts,
        }
    }
}

/// The attacks of a split's captures, each beside ordinary traffic of the same split; at most so much of each.
pub fn attacks(corpus: &Corpus, split: Split, most: Duration) -> Vec<Scene> {
    let captures = corpus.captures(split).unwrap();
    let quiet: Vec<Vec<LabelledPacket>> = captures
        .iter()
        .filter(|capture| capture.is_benign())
        .map(|capture| corpus.packets(capture).unwrap())
        .filter(|packets| is_to_go_beside(packets))
        .collect();
    let hostile = captures.iter().filter(|capture| !capture.is_benign());
    hostile.enumerate().filter_map(|(number, capture)| attack(corpus, capture, number, most, &quiet)).collect()
}

/// The benign captures of a split, as they are.
pub fn ordinary(corpus: &Corpus, split: Split) -> Vec<Scene> {
    let captures = corpus.captures(split).unwrap();
    let benign = captures.iter().filter(|capture| capture.is_benign());
    benign
        .map(|capture| Scene {
            id: capture.id.clone(),
            label: capture.subject.clone(),
            packets: from_zero(&corpus.packets(capture).unwrap()),
            attack: None,
        })
        .collect()
}

fn is_to_go_beside(packets: &[LabelledPacket]) -> bool {
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else { return false };
    let span = last.packet.time.since(first.packet.time);
    span >= BESIDE_SPAN && packets.len() as f64 / span.as_secs_f64() <= BESIDE_RATE
}

fn attack(
    corpus: &Corpus,
    capture: &Capture,
    number: usize,
    most: Duration,
    quiet: &[Vec<LabelledPacket>],
) -> Option<Scene> {
    let packets = corpus.packets(capture).unwrap();
    // What a capture is about may be said in more words than a label has.
    let named = Label::from_name(&capture.subject);
    let label = named.or_else(|| Some(packets.iter().find(|one| one.label != Label::NORMAL)?.label))?;
    let began = packets.iter().find(|one| one.label == label)?.packet.time;
    let (from, until) = (began.saturating_sub(BEFORE), began.saturating_add(most));
    let within = |one: &&LabelledPacket| (from..until).contains(&one.packet.time);
    let mut played: Vec<LabelledPacket> = packets.iter().filter(within).copied().collect();
    let beside = quiet.get(number % quiet.len().max(1)).map(|packets| from_zero(packets)).unwrap_or_default();
    played.extend(beside.iter().filter(|one| one.packet.time < EventTime::EPOCH.saturating_add(BEFORE + most)).map(
        |&LabelledPacket { packet, label }| {
            let time = from.saturating_add(packet.time.since(EventTime::EPOCH));
            LabelledPacket { packet: moved(Packet { time, ..packet }, 0x2b00_0000), label }
        },
    ));
    played.sort_by_key(|one| one.packet.time);
    let packets = from_zero(&played);
    let hostile = || packets.iter().filter(|one| one.label == label);
    let began = hostile().next()?.packet.time;
    let soon = began.saturating_add(FAST.0);
    let is_flood_or_scan = ["DDoS", "Port Scanning"].contains(&label.name());
    let attack = Attack {
        began,
        attackers: hostile().map(|one| one.packet.key.source).collect(),
        victims: hostile().map(|one| one.packet.key.destination).collect(),
        is_fast: is_flood_or_scan && hostile().take_while(|one| one.packet.time < soon).count() >= FAST.1,
    };
    Some(Scene { id: capture.id.clone(), label: label.name().to_owned(), packets, attack: Some(attack) })
}

/// The same packets, the first of them at the epoch.
fn from_zero(packets: &[LabelledPacket]) -> Vec<LabelledPacket> {
    let Some(first) = packets.first().map(|one| one.packet.time) else { return Vec::new() };
    let at_zero = |&LabelledPacket { packet, label }| {
        let time = EventTime::EPOCH.saturating_add(packet.time.since(first));
        LabelledPacket { packet: Packet { time, ..packet }, label }
    };
    packets.iter().map(at_zero).collect()
}

/// The same packet between other hosts: a prefix stays a prefix, and what is no host stays what it is.
pub fn moved(packet: Packet, mask: u32) -> Packet {
    let mut key = packet.key;
    (key.source, key.destination) = (elsewhere(key.source, mask), elsewhere(key.destination, mask));
    let arp = packet.arp.map(|arp| Arp {
        source_hardware: arp.source_hardware.map(|address| other_hardware(address, mask)),
        destination_hardware: arp.destination_hardware.map(|address| other_hardware(address, mask)),
        ..arp
    });
    Packet { key, arp, ..packet }
}

fn other_hardware(address: HardwareAddress, mask: u32) -> HardwareAddress {
    let (mut octets, mask) = (address.octets(), mask.to_be_bytes());
    octets[3..].iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    HardwareAddress::from_octets(octets)
}

/// Another address, one to one.
pub fn elsewhere(address: IpAddr, mask: u32) -> IpAddr {
    match address {
        _ if address == NO_ADDRESS || address.is_multicast() => address,
        IpAddr::V4(v4) if v4.is_broadcast() => address,
        // Half of all addresses are below 128.0.0.0, and none of these is a group or the broadcast.
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() ^ (mask & 0x1fff_ff00))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() ^ (u128::from(mask) << 64))),
    }
}
