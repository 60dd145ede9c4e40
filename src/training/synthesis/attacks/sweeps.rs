//! Sweeps: one or two packets to each of many hosts. Who is there?

use std::net::{IpAddr, Ipv4Addr};

use super::pace::{Pace, Span};
use super::senders::{SourcePorts, octet, port};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::Pair;

const LABEL: &str = "Port Scanning";
const SWEPT_PORTS: [u16; 16] =
    [22, 23, 80, 443, 445, 3_389, 21, 25, 135, 139, 1_433, 2_323, 3_306, 5_900, 8_080, 8_443];
const SWEPT_DATAGRAM_PORTS: [u16; 10] = [53, 123, 137, 161, 500, 1_900, 5_060, 5_353, 11_211, 40_125];

/// One thing that is sent to each host.
#[derive(Clone, Copy)]
enum Probe {
    /// Frame length.
    Echo(usize),
    /// Port and frame length.
    Syn(u16, usize),
    Ack(u16, usize),
    /// Port and octets of data.
    Datagram(u16, usize),
}

/// ICMP echo (fping, a shell loop of ping, nmap -PE).
pub fn echo(scene: &mut Scene) {
    // nmap sends no data, Windows 32 octets, Unix 56.
    let length = scene.one_of(&[42, 60, 74, 98]);
    sweep(scene, &[Probe::Echo(length)]);
}

/// SYN to one or a few ports (masscan, zmap, nmap -PS).
pub fn syn(scene: &mut Scene) {
    let count = scene.one_of(&[1, 1, 1, 2, 3]);
    let length = scene.one_of(&[54, 58, 60, 62, 66, 74]);
    let probes: Vec<Probe> = (0..count).map(|_| Probe::Syn(swept_port(scene), length)).collect();
    sweep(scene, &probes);
}

/// ACK, which a filter without state lets pass (nmap -PA).
pub fn ack(scene: &mut Scene) {
    let length = scene.one_of(&[54, 60, 66]);
    let probes = [Probe::Ack(swept_port(scene), length)];
    sweep(scene, &probes);
}

/// Datagrams to a port that nobody or some service listens on (nmap -PU, snmp and sip sweeps).
pub fn datagrams(scene: &mut Scene) {
    let to = if scene.chance(0.6) { scene.one_of(&SWEPT_DATAGRAM_PORTS) } else { port(scene, 1, 65_535) };
    let data = if scene.chance(0.4) { scene.one_of(&[0, 18]) } else { scene.count(1, 120) };
    sweep(scene, &[Probe::Datagram(to, data)]);
}

/// What nmap -sn sends a distant host: echo, SYN to 443, ACK to 80, timestamp.
pub fn nmap_discovery(scene: &mut Scene) {
    let padded = scene.chance(0.5);
    let [echo, syn, ack, timestamp] = if padded { [60; 4] } else { [42, 58, 54, 54] };
    sweep(scene, &[Probe::Echo(echo), Probe::Syn(443, syn), Probe::Ack(80, ack), Probe::Echo(timestamp)]);
}

/// A few ports on each of some hosts (nmap -F on a network).
pub fn ports_of_many(scene: &mut Scene) {
    let length = scene.one_of(&[58, 60, 66, 74]);
    let probes: Vec<Probe> = (0..scene.count(3, 25)).map(|_| Probe::Syn(swept_port(scene), length)).collect();
    sweep(scene, &probes);
}

/// Infected hosts of the network, each looking for others at random over the internet.
pub fn worm(scene: &mut Scene) {
    let to = scene.one_of(&[23, 2_323, 22, 445, 80, 8_080, 5_555, 7_547, 37_215, 3_389]);
    let length = scene.one_of(&[54, 60, 62, 66, 74]);
    for _ in 0..scene.count(1, 6) {
        let client = scene.local_host();
        let path = scene.path();
        let answering = scene.between(0.0, 0.1);
        let mut ports = SourcePorts::draw(scene);
        let mut pace = Pace::draw(scene, 1.0, 300.0);
        let span = Span::draw(scene);
        let mut at = span.begin;
        for _ in 0..3_000 {
            let net = [octet(scene, 1, 223), octet(scene, 0, 255)];
            let server = super::senders::of_net(scene, net, client.hardware);
            let pair = Pair { client, client_port: ports.next(scene), server, server_port: to };
            let answers = scene.chance(answering);
            probe(scene, at, &pair, &path, Probe::Syn(to, length), answers);
            at += pace.step(scene);
            if at > span.end {
                break;
            }
        }
    }
}

fn swept_port(scene: &mut Scene) -> u16 {
    if scene.chance(0.8) { scene.one_of(&SWEPT_PORTS) } else { port(scene, 1, 65_535) }
}

/// The hosts that are asked, in order or not, and whether they are of the local network.
fn swept(scene: &mut Scene) -> (Vec<Host>, bool) {
    let count = scene.count(20, 2_000);
    let is_local = scene.chance(0.5);
    let net = [octet(scene, 11, 223), octet(scene, 0, 255), octet(scene, 0, 240)];
    let router = scene.distant_host().hardware;
    let mut hosts: Vec<Host> = (1..=count)
        .map(|number| {
            if is_local {
                return scene.local_host();
            }
            let [.., high, low] = number.to_be_bytes();
            Host {
                address: IpAddr::V4(Ipv4Addr::new(net[0], net[1], net[2].wrapping_add(high), low)),
                hardware: router,
            }
        })
        .collect();
    if scene.chance(0.4) {
        for last in (1..hosts.len()).rev() {
            hosts.swap(last, scene.below(last + 1));
        }
    }
    (hosts, is_local)
}

/// Sends the probes to each host; the ones that are there answer, of the others a router says so or nobody.
fn sweep(scene: &mut Scene, probes: &[Probe]) {
    let client = scene.any_host();
    let (hosts, is_local) = swept(scene);
    let path = scene.path();
    let resolves = is_local && scene.chance(0.5);
    let answering = if scene.chance(0.3) { 0.0 } else { scene.between(0.0, 0.6) };
    let router = scene.chance(0.2).then(|| scene.any_host());
    let again = if scene.chance(0.4) { scene.about(0.1, 3.0) } else { 0.0 };
    let mut ports = SourcePorts::draw(scene);
    let is_all_at_once = scene.chance(0.1);
    let mut pace = if is_all_at_once { Pace::draw(scene, 5e3, 5e4) } else { Pace::draw(scene, 2.0, 1_000.0) };
    let mut at = Span::draw(scene).begin;
    for server in hosts {
        let is_there = scene.chance(answering);
        at += pace.step(scene);
        if resolves && !resolve(scene, at, client, server, &path, is_there) && scene.chance(0.7) {
            continue;
        }
        for &one in probes {
            let pair = Pair { client, client_port: ports.next(scene), server, server_port: port_of(one) };
            probe(scene, at + path.round_trip, &pair, &path, one, is_there);
            if !is_there && again > 0.0 {
                probe(scene, at + again, &pair, &path, one, false);
            }
            at += scene.about(0.000_01, 0.000_5);
        }
        if let Some(router) = router.filter(|_| !is_there) {
            let length = scene.one_of(&[70, 82, 102]);
            scene.icmp(at + path.round_trip, client, router, &path, true, length);
        }
    }
}

/// Asks for a neighbour's hardware address, which is nobody's attack. Whether it is told.
fn resolve(scene: &mut Scene, at: f64, client: Host, server: Host, path: &Path, is_there: bool) -> bool {
    scene.ordinary();
    scene.arp(at, path, client, client.hardware, server, false);
    if is_there {
        scene.arp(at + path.round_trip, path, server, server.hardware, client, true);
    }
    scene.attack(LABEL);
    is_there
}

fn port_of(probe: Probe) -> u16 {
    match probe {
        Probe::Echo(_) => 0,
        Probe::Syn(port, _) | Probe::Ack(port, _) | Probe::Datagram(port, _) => port,
    }
}

/// One probe and what the host says to it.
fn probe(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, probe: Probe, answers: bool) {
    let later = at + path.round_trip;
    let empty = scene.one_of(&[54, 60, 60]);
    match probe {
        Probe::Echo(length) => {
            scene.icmp(at, pair.client, pair.server, path, false, length);
            if answers {
                scene.icmp(later, pair.client, pair.server, path, true, length.max(60));
            }
        }
        Probe::Syn(_, length) => {
            scene.segment(at, pair, path, false, TcpFlags::SYN, length);
            if answers && scene.chance(0.4) {
                scene.segment(later, pair, path, true, TcpFlags::SYN.union(TcpFlags::ACK), length.max(60));
                scene.segment(later, pair, path, false, TcpFlags::RST, empty);
            } else if answers {
                scene.segment(later, pair, path, true, TcpFlags::RST.union(TcpFlags::ACK), empty);
            }
        }
        Probe::Ack(_, length) => {
            scene.segment(at, pair, path, false, TcpFlags::ACK, length);
            if answers {
                scene.segment(later, pair, path, true, TcpFlags::RST, empty);
            }
        }
        Probe::Datagram(_, data) => {
            scene.datagram(at, pair, path, false, data);
            if answers && scene.chance(0.15) {
                let answered = scene.count(20, 400);
                scene.datagram(later, pair, path, true, answered);
            } else if answers {
                scene.icmp(later, pair.client, pair.server, path, true, 70 + data);
            }
        }
    }
}
