//! What many doings share: when things happen, who takes part, what is asked and what comes back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flow::packet::{HardwareAddress, TcpFlags};
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{Exchange, Pair, Reception, frame_lengths};

/// Moments of something that happens so often, evenly or by chance, from anywhere in its first period on; `most` at most.
pub fn moments(scene: &mut Scene, a_second: f64, most: usize) -> Vec<f64> {
    let period = a_second.recip();
    let is_even = scene.chance(0.5);
    let jitter = scene.about(0.001, 0.5);
    let mut at = scene.between(0.0, period.min(scene.length() * 0.9));
    let mut moments = Vec::new();
    while at < scene.length() && moments.len() < most {
        moments.push(at);
        at += if is_even { period * (1.0 + jitter * scene.between(-0.5, 0.5)) } else { scene.wait(a_second) };
    }
    moments
}

/// A moment in the first part of the scene.
pub fn soon(scene: &mut Scene) -> f64 {
    let latest = scene.length() * 0.6;
    scene.between(0.0, latest)
}

/// Client and server; the client draws its port.
pub fn pair(scene: &mut Scene, client: Host, server: Host, server_port: u16) -> Pair {
    Pair { client, client_port: scene.ephemeral_port(), server, server_port }
}

/// Hosts of the local network.
pub fn local_hosts(scene: &mut Scene, fewest: usize, most: usize) -> Vec<Host> {
    (0..scene.count(fewest, most)).map(|_| scene.local_host()).collect()
}

/// Hosts of elsewhere.
pub fn distant_hosts(scene: &mut Scene, fewest: usize, most: usize) -> Vec<Host> {
    (0..scene.count(fewest, most)).map(|_| scene.distant_host()).collect()
}

/// Hosts of one of the two kinds.
pub fn hosts(scene: &mut Scene, fewest: usize, most: usize) -> Vec<Host> {
    if scene.chance(0.5) { local_hosts(scene, fewest, most) } else { distant_hosts(scene, fewest, most) }
}

/// A group or broadcast address.
pub fn group(octets: [u8; 4]) -> Host {
    let [_, second, third, fourth] = octets;
    let hardware = HardwareAddress::from_octets([1, 0, 0x5e, second & 0x7f, third, fourth]);
    Host { address: IpAddr::V4(Ipv4Addr::from(octets)), hardware }
}

/// The same host by its IPv6 address.
pub fn six(host: Host) -> Host {
    match host.address {
        IpAddr::V4(address) => {
            let [first, second, third, fourth] = address.octets().map(u16::from);
            Host { address: IpAddr::V6(Ipv6Addr::new(0x2a00, first, second, third, 0, 0, fourth, 1)), ..host }
        }
        IpAddr::V6(_) => host,
    }
}

/// Any port above those of the system.
pub fn odd_port(scene: &mut Scene) -> u16 {
    u16::try_from(1_024 + scene.below(64_000)).unwrap_or(u16::MAX)
}

/// To another host as seen from the same place: farther or nearer.
pub fn beside(scene: &mut Scene, path: &Path) -> Path {
    Path { round_trip: scene.about(0.000_2, 0.3), ..*path }
}

/// Mostly accepted; so often refused or not answered.
pub fn reception(scene: &mut Scene, failing: f64) -> Reception {
    match (scene.chance(failing), scene.chance(0.5)) {
        (false, _) => Reception::Accepts,
        (true, false) => Reception::Refuses,
        (true, true) => Reception::Silent,
    }
}

/// A question and its answer, of so many octets from and to; the client goes on after so many seconds from and to.
pub fn exchange(scene: &mut Scene, asked: (usize, usize), answered: (usize, usize), goes_on: (f64, f64)) -> Exchange {
    Exchange {
        asked: if asked.1 == 0 { 0 } else { scene.count(asked.0, asked.1) },
        answered: if answered.1 == 0 { 0 } else { scene.count(answered.0, answered.1) },
        server_takes: scene.about(0.000_2, 0.2),
        client_takes: scene.about(goes_on.0, goes_on.1),
    }
}

/// Hello, certificate and keys of TLS.
pub fn tls(scene: &mut Scene) -> Vec<Exchange> {
    let hello = exchange(scene, (180, 1_900), (200, 5_500), (0.000_5, 0.02));
    if scene.chance(0.5) {
        return vec![hello, exchange(scene, (64, 200), (0, 0), (0.000_1, 0.01))];
    }
    vec![hello, exchange(scene, (80, 400), (50, 300), (0.000_5, 0.02))]
}

/// Requests of HTTP on one connection, with TLS or without.
pub fn requests(scene: &mut Scene, port: u16, most: usize, answered: (usize, usize)) -> Vec<Exchange> {
    let mut exchanges = if [80, 8080].contains(&port) { Vec::new() } else { tls(scene) };
    for _ in 0..scene.count(1, most) {
        exchanges.push(exchange(scene, (70, 1_200), answered, (0.001, 0.5)));
    }
    exchanges
}

/// A datagram and the one that answers it after the round trip.
pub fn question(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, asked: usize, answered: usize) {
    scene.datagram(at, pair, path, false, asked);
    scene.datagram(at + path.round_trip, pair, path, true, answered);
}

/// A bulk of data in the middle of a connection, in whatever frames the sniffer sees. Returns when it is over.
pub fn bulk(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, back: bool, octets: usize) -> f64 {
    // Above the MTU: offloaded to the network card, as a sniffer on the host sees it.
    let data = scene.one_of(&[536, 1_380, 1_448, 1_448, 1_448, 1_460, 2_896, 7_240, 32_000, 65_160]);
    let rate = scene.about(10.0, 4_000.0);
    let is_even = scene.chance(0.5);
    let acknowledged = scene.count(1, 12);
    let (_, empty) = frame_lengths(pair);
    let mut now = at;
    for number in 1..=(octets / data).clamp(1, 1_500) {
        let flags = if number % 16 == 0 { TcpFlags::ACK.union(TcpFlags::PSH) } else { TcpFlags::ACK };
        scene.segment(now, pair, path, back, flags, empty + data);
        if number % acknowledged == 0 {
            scene.segment(now + path.round_trip, pair, path, !back, TcpFlags::ACK, empty);
        }
        now += if is_even { rate.recip() } else { scene.wait(rate) };
    }
    now
}

/// The client ends a connection that was left open; the server most often too.
pub fn farewell(scene: &mut Scene, at: f64, pair: &Pair, path: &Path) {
    let (_, empty) = frame_lengths(pair);
    let fin = TcpFlags::FIN.union(TcpFlags::ACK);
    scene.segment(at, pair, path, false, fin, empty);
    let answer = if scene.chance(0.9) { fin } else { TcpFlags::RST };
    scene.segment(at + path.round_trip, pair, path, true, answer, empty);
    if answer == fin {
        scene.segment(at + path.round_trip, pair, path, false, TcpFlags::ACK, empty);
    }
}
