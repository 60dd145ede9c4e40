//! The stage of made-up traffic: a clock, hosts, paths between them, and the packets so far.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::{Arp, HardwareAddress, Packet, TcpFlags};
use crate::flow::time::EventTime;
use crate::model::random::Random;
use crate::training::corpus::{Label, LabelledPacket};

/// Most packets of a scene, the earliest: as if the recording had been stopped then.
pub const PACKETS_MAX: usize = 30_000;
/// Packets that are put on the wire before the earliest are taken: what comes last must not be what is not seen.
const PUT_MAX: usize = 3 * PACKETS_MAX;

/// A machine on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its address.
    pub address: IpAddr,
    /// Its interface's.
    pub hardware: HardwareAddress,
}

/// What lies between two hosts, as the sniffer sees it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Seconds from a packet to its answer at the sniffer, without the time that the answer takes to make.
    pub round_trip: f64,
    /// Each packet comes so much later at most, in parts of the round trip.
    pub jitter: f64,
    /// Share of packets that never come.
    pub loss: f64,
    /// Whether the sniffer sees what the one who begins sends.
    pub sees_there: bool,
    /// Whether it sees the answers.
    pub sees_back: bool,
}

/// The stage. Times are seconds since its beginning.
pub struct Scene {
    random: Random,
    network: [u8; 2],
    hosts: u16,
    packets: Vec<LabelledPacket>,
    label: Label,
    base: EventTime,
    length: f64,
}

impl Scene {
    /// An empty one, of 20 to 100 seconds.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let network = [10 + octet(&mut random, 200), octet(&mut random, 250)];
        let base = EventTime::from_micros(1_700_000_000_000_000).unwrap_or_default();
        let base = base.saturating_add(Duration::from_millis(random.below(30_000) as u64));
        let length = f64::from(random.between(20.0, 100.0));
        Self { random, network, hosts: 0, packets: Vec::new(), label: Label::NORMAL, base, length }
    }

    /// How long it is looked at, in seconds.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// The packets in the order of time.
    pub fn finish(mut self) -> Vec<LabelledPacket> {
        self.packets.sort_by_key(|labelled| labelled.packet.time);
        self.packets.truncate(PACKETS_MAX);
        self.packets
    }

    /// What the beginning side of everything from here on is labelled. Unknown names are Normal.
    pub fn attack(&mut self, label: &str) {
        self.label = Label::from_name(label).unwrap_or(Label::NORMAL);
    }

    /// What follows is nobody's attack.
    pub fn ordinary(&mut self) {
        self.label = Label::NORMAL;
    }

    /// Uniform.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(self.random.unit())
    }

    /// Uniform in the logarithm: 1 to 10 as often as 10 to 100.
    pub fn about(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// A whole number, uniform in the logarithm, both ends included.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between `low` and `high`
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        (self.about(low.max(1) as f64, high as f64 + 1.0) as usize).clamp(low, high)
    }

    /// A whole number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.random.below(count)
    }

    /// With this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.random.unit()) < probability
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())]
    }

    /// Seconds to the next event of a Poisson process.
    pub fn wait(&mut self, a_second: f64) -> f64 {
        -(1.0 - f64::from(self.random.unit())).ln() / a_second.max(1e-9)
    }

    /// A host of the local network, another each time.
    pub fn local_host(&mut self) -> Host {
        self.hosts += 1;
        let [network, subnet] = self.network;
        let [high, low] = self.hosts.to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(10, network, subnet.wrapping_add(high), low));
        Host { address, hardware: self.hardware() }
    }

    /// A host somewhere else, most likely another each time.
    pub fn distant_host(&mut self) -> Host {
        let first = self.one_of(&[23, 34, 45, 52, 77, 81, 93, 104, 151, 185, 199, 203]);
        let [second, third, fourth] = [(); 3].map(|()| 1 + octet(&mut self.random, 254));
        let address = IpAddr::V4(Ipv4Addr::new(first, second, third, fourth));
        Host { address, hardware: HardwareAddress::from_octets([2, 0, 0, 0, 0, 1]) }
    }

    /// One of the two kinds.
    pub fn any_host(&mut self) -> Host {
        if self.chance(0.6) { self.local_host() } else { self.distant_host() }
    }

    /// A hardware address.
    pub fn hardware(&mut self) -> HardwareAddress {
        // Locally administered (IEEE 802).
        let mut octets = [2; 6];
        octets[1..].iter_mut().for_each(|drawn| *drawn = octet(&mut self.random, 256));
        HardwareAddress::from_octets(octets)
    }

    /// A port that a client draws.
    pub fn ephemeral_port(&mut self) -> u16 {
        u16::try_from(self.random.below(28_232) + 32_768).unwrap_or(u16::MAX)
    }

    /// A way that both directions of are seen, most of the time.
    pub fn path(&mut self) -> Path {
        let round_trip = self.about(0.000_1, 0.25);
        let jitter = self.between(0.0, 0.5);
        let loss = if self.chance(0.8) { 0.0 } else { self.between(0.0, 0.03) };
        let both = self.chance(0.85);
        let there = self.chance(0.6);
        Path { round_trip, jitter, loss, sees_there: both || there, sees_back: both || !there }
    }

    /// Puts a packet on the wire at `at`, if the sniffer sees it and it is not lost.
    ///
    /// `is_answer`: it goes back on the path and is nobody's attack.
    pub fn put(&mut self, at: f64, path: &Path, is_answer: bool, packet: Packet) {
        let seen = if is_answer { path.sees_back } else { path.sees_there };
        let late = path.round_trip * path.jitter * f64::from(self.random.unit());
        let at = at + late;
        if !seen || f64::from(self.random.unit()) < path.loss || !(0.0..self.length).contains(&at) {
            return;
        }
        if self.packets.len() >= PUT_MAX {
            return;
        }
        let time = self.base.saturating_add(Duration::from_secs_f64(at));
        let label = if is_answer { Label::NORMAL } else { self.label };
        self.packets.push(LabelledPacket { packet: Packet { time, ..packet }, label });
    }
}

/// A number below `count`, at most 256.
fn octet(random: &mut Random, count: usize) -> u8 {
    u8::try_from(random.below(count)).unwrap_or(u8::MAX)
}

/// A packet without a time, to fill in.
pub fn packet(source: IpAddr, destination: IpAddr, protocol: Protocol, length: usize) -> Packet {
    Packet {
        time: EventTime::default(),
        key: FlowKey { source, destination, protocol },
        length: u32::try_from(length).unwrap_or(Packet::MAX_LENGTH).min(Packet::MAX_LENGTH),
        source_port: 0,
        destination_port: 0,
        tcp_flags: TcpFlags::NONE,
        arp: None::<Arp>,
        dns: None,
    }
}
