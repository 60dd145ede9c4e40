//! Attacks as somebody would run them who wants to stay unseen: pure transformations of a capture's packets, the same for
//! the same seed. Only what the attacking side sends changes, and the answers to it where they would change with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::cut::before;
use crate::flow::key::FlowKey;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::model::random::Random;
use crate::training::corpus::{Label, LabelledPacket};

/// Octets of the longest Ethernet frame without its check sequence: padding goes no further.
const FRAME_MAX: u32 = 1514;

/// A change of an attack.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    /// None: as it was recorded.
    Nothing,
    /// Each packet is longer by 0 to so many octets, evenly distributed, up to a full Ethernet frame. Answers stay.
    Padding(u32),
    /// Time runs so many times slower from the attack's first packet on, for the attack and the answers to it.
    Slower(u32),
    /// Each packet is sent later by 0 to this, evenly distributed; an answer comes as much later as the last packet of the
    /// flow that it answers.
    Delays(Duration),
    /// The attacker does something ordinary as well: the busiest client of an ordinary capture is laid over it, from the
    /// attack's first packet to its last, again and again if it is shorter.
    Mixed,
}

impl Change {
    /// In words.
    pub fn name(self) -> String {
        match self {
            Self::Nothing => "as recorded".to_owned(),
            Self::Padding(octets) => format!("padding of 0 to {octets} octets"),
            Self::Slower(factor) => format!("rate ÷ {factor}"),
            Self::Delays(most) => format!("delays of 0 to {} s", most.as_secs_f64()),
            Self::Mixed => "mixed with ordinary traffic of the attacker".to_owned(),
        }
    }

    /// The packets so changed, in the order of time. `ordinary` is the capture to mix in; it is in the order of time too.
    pub fn apply(self, packets: &[LabelledPacket], ordinary: &[LabelledPacket], seed: u64) -> Vec<LabelledPacket> {
        let mut random = Random::new(seed);
        let mut changed = packets.to_vec();
        match self {
            Self::Nothing => {}
            Self::Padding(octets) => pad(&mut changed, octets, &mut random),
            Self::Slower(factor) => slow_down(&mut changed, factor),
            Self::Delays(most) => delay(&mut changed, most, &mut random),
            Self::Mixed => changed.extend(mixed_in(packets, ordinary)),
        }
        changed.sort_by_key(|labelled| labelled.packet.time);
        changed
    }
}

fn is_attack(labelled: &LabelledPacket) -> bool {
    labelled.label != Label::NORMAL
}

#[allow(clippy::cast_possible_truncation)] // below `octets`
fn pad(packets: &mut [LabelledPacket], octets: u32, random: &mut Random) {
    for labelled in packets.iter_mut().filter(|labelled| is_attack(labelled)) {
        let padding = random.below(octets as usize + 1) as u32;
        let length = labelled.packet.length;
        labelled.packet.length = length.max((length + padding).min(FRAME_MAX));
    }
}

/// Keys of the attack's flows, of all the capture.
fn attack_keys(packets: &[LabelledPacket]) -> HashMap<FlowKey, Duration> {
    packets
        .iter()
        .filter(|labelled| is_attack(labelled))
        .map(|labelled| (labelled.packet.key, Duration::ZERO))
        .collect()
}

fn slow_down(packets: &mut [LabelledPacket], factor: u32) {
    let keys = attack_keys(packets);
    let Some(begin) = packets.iter().find(|labelled| is_attack(labelled)).map(|labelled| labelled.packet.time) else {
        return;
    };
    for labelled in packets.iter_mut().filter(|labelled| labelled.packet.time >= begin) {
        if is_attack(labelled) || keys.contains_key(&labelled.packet.key.reversed()) {
            let after = labelled.packet.time.since(begin);
            labelled.packet.time = begin.saturating_add(after.saturating_mul(factor));
        }
    }
}

fn delay(packets: &mut [LabelledPacket], most: Duration, random: &mut Random) {
    let mut delays = attack_keys(packets);
    for labelled in packets {
        if is_attack(labelled) {
            let delay = most.mul_f32(random.unit());
            delays.insert(labelled.packet.key, delay);
            labelled.packet.time = labelled.packet.time.saturating_add(delay);
        } else if let Some(delay) = delays.get(&labelled.packet.key.reversed()) {
            labelled.packet.time = labelled.packet.time.saturating_add(*delay);
        }
    }
}

/// Ordinary traffic with the attacker's address in place of its busiest client's and the victim's in place of that client's
/// busiest peer's: some of it is in the attack's own flows, the rest beside them.
fn mixed_in(packets: &[LabelledPacket], ordinary: &[LabelledPacket]) -> Vec<LabelledPacket> {
    let attack: Vec<&Packet> = packets.iter().filter(|labelled| is_attack(labelled)).map(|it| &it.packet).collect();
    let (Some(first), Some(last)) = (attack.first(), attack.last()) else { return Vec::new() };
    let (Some((attacker, victim)), Some((client, peer))) =
        (busiest(attack.iter().copied()), busiest(ordinary.iter().map(|labelled| &labelled.packet)))
    else {
        return Vec::new();
    };
    let renamed = |address: IpAddr| match address {
        _ if address == client => attacker,
        _ if address == peer => victim,
        _ => address,
    };
    let of_client = |it: &&LabelledPacket| it.packet.key.source == client || it.packet.key.destination == client;
    let of_client: Vec<Packet> = ordinary.iter().filter(of_client).map(|labelled| labelled.packet).collect();
    let mut mixed = Vec::new();
    let mut begin = first.time;
    while begin <= last.time {
        let round = round(&of_client, begin, &renamed);
        let Some(end) = round.last().map(|labelled| labelled.packet.time) else { break };
        mixed.extend_from_slice(before(&round, last.time.saturating_add(Duration::from_micros(1))));
        begin = end.saturating_add(Duration::from_secs(1));
    }
    mixed
}

/// The packets once more, from `begin` on.
fn round(packets: &[Packet], begin: EventTime, renamed: &impl Fn(IpAddr) -> IpAddr) -> Vec<LabelledPacket> {
    let Some(first) = packets.first() else { return Vec::new() };
    let moved = |packet: &Packet| {
        let FlowKey { source, destination, protocol } = packet.key;
        let key = FlowKey { source: renamed(source), destination: renamed(destination), protocol };
        let time = begin.saturating_add(packet.time.since(first.time));
        LabelledPacket { packet: Packet { time, key, ..*packet }, label: Label::NORMAL }
    };
    packets.iter().map(moved).collect()
}

/// The source of the most packets, and where most of these go; the lesser address of equals.
fn busiest<'a>(packets: impl Iterator<Item = &'a Packet> + Clone) -> Option<(IpAddr, IpAddr)> {
    let most = |addresses: &mut dyn Iterator<Item = IpAddr>| {
        let mut counts = HashMap::<IpAddr, u64>::new();
        addresses.for_each(|address| *counts.entry(address).or_default() += 1);
        counts
            .into_iter()
            .max_by_key(|&(address, count)| (count, std::cmp::Reverse(address)))
            .map(|(address, _)| address)
    };
    let source = most(&mut packets.clone().map(|packet| packet.key.source))?;
    let of_source = packets.filter(|packet| packet.key.source == source);
    let destination = most(&mut of_source.map(|packet| packet.key.destination))?;
    Some((source, destination))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::kit::packet;

    const SCAN: Label = Label(2);

    /// Bystanders before and after, an attack with its answers between.
    fn packets() -> Vec<LabelledPacket> {
        vec![
            packet(0, 5, 6, Label::NORMAL),
            packet(1_000, 9, 2, SCAN),
            packet(1_100, 2, 9, Label::NORMAL),
            packet(3_000, 9, 2, SCAN),
            packet(4_000, 5, 6, Label::NORMAL),
        ]
    }

    /// Sender and milliseconds.
    fn sent(packets: &[LabelledPacket]) -> Vec<(String, i64)> {
        packets.iter().map(|it| (it.packet.key.source.to_string(), it.packet.time.micros() / 1_000)).collect()
    }

    fn owned(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|&(source, time)| (source.to_owned(), time)).collect()
    }

    #[test]
    fn a_slower_attack_is_answered_later_and_bystanders_do_not_care() {
        let slower = Change::Slower(2).apply(&packets(), &[], 1);
        let expected =
            [("10.0.0.5", 0), ("10.0.0.9", 1_000), ("10.0.0.2", 1_200), ("10.0.0.5", 4_000), ("10.0.0.9", 5_000)];
        assert_eq!(sent(&slower), owned(&expected));
    }

    #[test]
    fn the_attack_alone_is_padded_up_to_a_full_frame() {
        let many: Vec<_> = (0..200).flat_map(|_| packets()).collect();
        let padded = Change::Padding(400).apply(&many, &[], 1);
        let lengths = |is_wanted: &dyn Fn(&&LabelledPacket) -> bool| -> Vec<u32> {
            padded.iter().filter(is_wanted).map(|labelled| labelled.packet.length).collect()
        };
        let (attack, others) = (lengths(&|it| is_attack(it)), lengths(&|it| !is_attack(it)));
        assert!(attack.iter().all(|length| (60..=460).contains(length)));
        assert!(attack.iter().any(|length| *length < 100) && attack.iter().any(|length| *length > 420));
        assert!(others.iter().all(|length| *length == 60));
        let mut long = packets();
        long[1].packet.length = 1_500;
        long[3].packet.length = 9_000;
        let padded = Change::Padding(400).apply(&long, &[], 1);
        assert!((1_500..=FRAME_MAX).contains(&padded[1].packet.length));
        assert_eq!(padded[3].packet.length, 9_000);
    }

    #[test]
    fn an_answer_is_as_late_as_what_it_answers() {
        let delayed = Change::Delays(Duration::from_secs(2)).apply(&packets(), &[], 1);
        let times = |source: &str| -> Vec<i64> {
            sent(&delayed).iter().filter(|(sender, _)| sender == source).map(|(_, time)| *time).collect()
        };
        let (attack, answers) = (times("10.0.0.9"), times("10.0.0.2"));
        assert!((1_000..=3_000).contains(&attack[0]) && (3_000..=5_000).contains(&attack[1]), "{attack:?}");
        assert_ne!(attack, [1_000, 3_000]);
        assert!((answers[0] - attack[0] - 100).abs() <= 1, "{answers:?} {attack:?}");
        assert_eq!(times("10.0.0.5"), [0, 4_000]);
    }

    #[test]
    fn ordinary_traffic_comes_from_the_attacker_while_the_attack_lasts() {
        let ordinary = [
            packet(500_000, 30, 40, Label::NORMAL),
            packet(500_150, 40, 30, Label::NORMAL),
            packet(500_200, 30, 50, Label::NORMAL),
            packet(500_300, 30, 40, Label::NORMAL),
            packet(500_400, 60, 70, Label::NORMAL),
        ];
        let mixed = Change::Mixed.apply(&packets(), &ordinary, 1);
        let added: Vec<_> = mixed.iter().filter(|it| !packets().contains(it)).collect();
        let keys: Vec<_> = added
            .iter()
            .map(|it| {
                let FlowKey { source, destination, .. } = it.packet.key;
                (source.to_string(), destination.to_string(), it.packet.time.micros() / 1_000, it.label)
            })
            .collect();
        let key =
            |source: &str, destination: &str, time| (source.to_owned(), destination.to_owned(), time, Label::NORMAL);
        // Once from the attack's begin, once more a second after its end, no later than the attack's last packet.
        let expected = [
            key("10.0.0.9", "10.0.0.2", 1_000),
            key("10.0.0.2", "10.0.0.9", 1_150),
            key("10.0.0.9", "10.0.0.50", 1_200),
            key("10.0.0.9", "10.0.0.2", 1_300),
            key("10.0.0.9", "10.0.0.2", 2_300),
            key("10.0.0.2", "10.0.0.9", 2_450),
            key("10.0.0.9", "10.0.0.50", 2_500),
            key("10.0.0.9", "10.0.0.2", 2_600),
        ];
        assert_eq!(keys, expected);
        assert!(Change::Mixed.apply(&packets(), &[], 1) == packets());
    }

    #[test]
    fn the_same_seed_gives_the_same_packets_in_the_order_of_time() {
        for change in [Change::Nothing, Change::Padding(9), Change::Slower(10), Change::Delays(Duration::from_secs(9))]
        {
            let apply = |seed| change.apply(&packets(), &[], seed);
            assert_eq!(apply(1), apply(1), "{change:?}");
            assert!(apply(1).is_sorted_by_key(|labelled| labelled.packet.time), "{change:?}");
            assert_eq!(change.apply(&[], &[], 1), [], "{change:?}");
        }
        assert_eq!(Change::Nothing.apply(&packets(), &[], 1), packets());
        let delays = Change::Delays(Duration::from_secs(9));
        assert_ne!(delays.apply(&packets(), &[], 1), delays.apply(&packets(), &[], 2));
    }
}
