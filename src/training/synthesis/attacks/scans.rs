//! Port scans of one or a few hosts: what listens where?

use super::pace::{Pace, Span};
use super::senders::{SourcePorts, port};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception};

/// How a port is asked.
#[derive(Clone, Copy)]
enum Technique {
    /// Half open: who accepts is told RST.
    Syn,
    /// By the kernel's own connect.
    Connect,
    /// With flags to which only closed ports answer.
    Stealth(TcpFlags),
    /// ACK: RST from open and closed ports, nothing through a filter.
    Ack,
}

/// What a port is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Closed,
    Filtered,
}

/// A host that is scanned.
struct Scanned {
    host: Host,
    open: f64,
    filtered: f64,
}

impl Scanned {
    fn draw(scene: &mut Scene) -> Self {
        let host = if scene.chance(0.75) { scene.local_host() } else { scene.distant_host() };
        let filtered = match scene.below(10) {
            0..=5 => 0.0,
            6 | 7 => 1.0,
            _ => scene.between(0.0, 1.0),
        };
        Self { host, open: scene.between(0.0, 0.05), filtered }
    }

    fn state(&self, scene: &mut Scene) -> State {
        if scene.chance(self.open) {
            State::Open
        } else if scene.chance(self.filtered) {
            State::Filtered
        } else {
            State::Closed
        }
    }
}

/// The ports in the order in which they are asked: from one on, or the well-known ones first and the rest mixed.
fn ports(scene: &mut Scene, least: usize, most: usize) -> Vec<u16> {
    const FIRST: [u16; 20] =
        [80, 443, 22, 21, 25, 23, 53, 110, 135, 139, 143, 445, 993, 995, 1_723, 3_306, 3_389, 5_900, 8_080, 111];
    let count = scene.count(least, most);
    if scene.chance(0.4) {
        let first = if scene.chance(0.7) { 1 } else { port(scene, 1, 30_000) };
        return (first..=u16::MAX).take(count).collect();
    }
    // Each of them once: the step has no divisor in common with the span.
    let span = if scene.chance(0.5) { 10_007 } else { 65_521 };
    let step = scene.one_of(&[3_571, 6_007, 7_919, 1_237]);
    let drawn = scene.below(span);
    let mixed = (0..count).map(|number| u16::try_from(1 + (drawn + number * step) % span).unwrap_or(1));
    let first = if scene.chance(0.7) { FIRST.len() } else { 0 };
    FIRST.into_iter().take(first).chain(mixed).take(count).collect()
}

/// Asks each port at the pace, again where nothing comes back.
fn vertical(scene: &mut Scene, technique: Technique, ports: &[u16], pace: &mut Pace) {
    let client = scene.any_host();
    let decoys: Vec<Host> =
        if scene.chance(0.1) { (0..scene.count(1, 6)).map(|_| scene.distant_host()).collect() } else { Vec::new() };
    let victims: Vec<Scanned> = if scene.chance(0.8) {
        vec![Scanned::draw(scene)]
    } else {
        (0..scene.count(2, 6)).map(|_| Scanned::draw(scene)).collect()
    };
    let path = scene.path();
    let length = probe_length(scene, technique);
    let (again, times) = (scene.about(0.1, 3.0), scene.one_of(&[0, 1, 1, 2]));
    let mut source_ports =
        if matches!(technique, Technique::Connect) { SourcePorts::Ephemeral } else { SourcePorts::draw(scene) };
    let span = Span::draw(scene);
    let mut at = span.begin;
    for &server_port in ports {
        for victim in &victims {
            let state = victim.state(scene);
            let pair = Pair { client, client_port: source_ports.next(scene), server: victim.host, server_port };
            let is_answered = probe(scene, at, &pair, &path, technique, length, state);
            for time in 1..=if is_answered { 0 } else { times } {
                probe(scene, at + again * f64::from(time), &pair, &path, technique, length, state);
            }
            for &decoy in &decoys {
                probe(scene, at, &Pair { client: decoy, ..pair }, &path, technique, length, state);
            }
            at += pace.step(scene);
        }
        if at > span.end {
            break;
        }
    }
}

fn probe_length(scene: &mut Scene, technique: Technique) -> usize {
    match technique {
        Technique::Syn => scene.one_of(&[54, 58, 58, 60, 60, 62, 66, 74]),
        Technique::Connect => scene.one_of(&[66, 74, 74, 78]),
        Technique::Stealth(_) | Technique::Ack => scene.one_of(&[54, 60, 66]),
    }
}

/// One port is asked. Whether something came back.
fn probe(
    scene: &mut Scene,
    at: f64,
    pair: &Pair,
    path: &Path,
    technique: Technique,
    length: usize,
    state: State,
) -> bool {
    let later = at + path.round_trip;
    let refusal = TcpFlags::RST.union(TcpFlags::ACK);
    let flags = match technique {
        Technique::Syn | Technique::Connect => TcpFlags::SYN,
        Technique::Stealth(flags) => flags,
        Technique::Ack => TcpFlags::ACK,
    };
    scene.segment(at, pair, path, false, flags, length);
    match (technique, state) {
        (_, State::Filtered) | (Technique::Stealth(_), State::Open) => return false,
        (Technique::Syn, State::Open) => {
            scene.segment(later, pair, path, true, TcpFlags::SYN.union(TcpFlags::ACK), length.max(58));
            scene.segment(later, pair, path, false, TcpFlags::RST, 54);
        }
        (Technique::Connect, State::Open) => {
            let empty = length - 8;
            scene.segment(later, pair, path, true, TcpFlags::SYN.union(TcpFlags::ACK), length);
            scene.segment(later, pair, path, false, TcpFlags::ACK, empty);
            scene.segment(later + 0.000_2, pair, path, false, refusal, empty);
        }
        (Technique::Ack, _) => scene.segment(later, pair, path, true, TcpFlags::RST, 60),
        (_, State::Closed) => scene.segment(later, pair, path, true, refusal, 60),
    }
    true
}

/// SYN to many ports (nmap -sS, masscan).
pub fn syn_ports(scene: &mut Scene) {
    let ports = ports(scene, 50, 5_000);
    let mut pace = Pace::draw(scene, 3.0, 3_000.0);
    vertical(scene, Technique::Syn, &ports, &mut pace);
}

/// Whole connections to many ports (nmap -sT, nc -z).
pub fn connect(scene: &mut Scene) {
    let ports = ports(scene, 30, 4_000);
    let mut pace = Pace::draw(scene, 3.0, 2_000.0);
    vertical(scene, Technique::Connect, &ports, &mut pace);
}

/// FIN, no flags, FIN with PSH and URG, FIN with ACK (nmap -sF -sN -sX -sM).
pub fn stealth(scene: &mut Scene) {
    let every = TcpFlags::FIN.union(TcpFlags::PSH).union(TcpFlags::URG);
    let flags = scene.one_of(&[TcpFlags::FIN, TcpFlags::NONE, every, TcpFlags::FIN.union(TcpFlags::ACK)]);
    let ports = ports(scene, 30, 4_000);
    let mut pace = Pace::draw(scene, 2.0, 2_000.0);
    vertical(scene, Technique::Stealth(flags), &ports, &mut pace);
}

/// ACK to many ports (nmap -sA, -sW).
pub fn ack(scene: &mut Scene) {
    let ports = ports(scene, 30, 4_000);
    let mut pace = Pace::draw(scene, 2.0, 2_000.0);
    vertical(scene, Technique::Ack, &ports, &mut pace);
}

/// A port now and then, so that no counter moves (nmap -T1, --scan-delay).
pub fn slow(scene: &mut Scene) {
    let every = TcpFlags::FIN.union(TcpFlags::PSH).union(TcpFlags::URG);
    let technique = scene.one_of(&[
        Technique::Syn,
        Technique::Syn,
        Technique::Connect,
        Technique::Stealth(TcpFlags::FIN),
        Technique::Stealth(every),
        Technique::Ack,
    ]);
    let ports = ports(scene, 20, 400);
    let mut pace = Pace::draw(scene, 0.1, 3.0);
    vertical(scene, technique, &ports, &mut pace);
}

/// Empty or short datagrams; closed ports are told by ICMP, of which many kernels send one a second only.
pub fn datagrams(scene: &mut Scene) {
    let (client, victim) = (scene.any_host(), Scanned::draw(scene));
    let path = scene.path();
    let ports = ports(scene, 20, 2_000);
    let mut pace = Pace::draw(scene, 0.5, 2_000.0);
    let between_answers = if scene.chance(0.5) { scene.between(0.5, 1.1) } else { 0.0 };
    let (again, times) = (scene.about(0.2, 2.0), scene.one_of(&[0, 1, 1, 2]));
    let payload = if scene.chance(0.7) { 0.1 } else { 1.0 };
    let mut source_ports = SourcePorts::draw(scene);
    let span = Span::draw(scene);
    let (mut at, mut can_answer) = (span.begin, 0.0);
    for server_port in ports {
        let state = victim.state(scene);
        let data = if scene.chance(payload) { scene.count(4, 80) } else { 0 };
        let pair = Pair { client, client_port: source_ports.next(scene), server: victim.host, server_port };
        scene.datagram(at, &pair, &path, false, data);
        if state == State::Closed && at >= can_answer {
            scene.icmp(at + path.round_trip, client, victim.host, &path, true, 70 + data);
            can_answer = at + between_answers;
        } else if state == State::Open && data > 0 {
            let answered = scene.count(12, 480);
            scene.datagram(at + path.round_trip, &pair, &path, true, answered);
        } else {
            (1..=times).for_each(|time| scene.datagram(at + again * f64::from(time), &pair, &path, false, data));
        }
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}

/// What listens is found, then asked for its name and version: connections with all kinds of questions (nmap -sV).
pub fn versions(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.local_host());
    let path = scene.path();
    let length = scene.one_of(&[58, 60, 74]);
    let span = Span::draw(scene);
    let mut at = span.begin;
    let mut pace = Pace::draw(scene, 20.0, 2_000.0);
    let asked = ports(scene, 10, 1_000);
    let open: Vec<u16> = (0..scene.count(1, 12)).map(|_| scene.one_of(&asked)).collect();
    for server_port in asked {
        let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
        let state = if open.contains(&server_port) { State::Open } else { State::Closed };
        probe(scene, at, &pair, &path, Technique::Syn, length, state);
        at += pace.step(scene);
    }
    at += scene.about(0.01, 2.0);
    for server_port in open {
        let mut at = at + scene.between(0.0, 1.0);
        for _ in 0..scene.count(1, 12) {
            let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
            let question = Exchange {
                asked: if scene.chance(0.3) { 0 } else { scene.count(4, 300) },
                answered: if scene.chance(0.3) { 0 } else { scene.count(10, 3_000) },
                server_takes: scene.about(0.001, 5.0),
                client_takes: scene.about(0.000_1, 0.1),
            };
            let end = scene.one_of(&[End::ByClient, End::ByServer, End::Reset]);
            at = scene.connection(at, &pair, &path, Reception::Accepts, &[question], end) + scene.about(0.001, 0.5);
        }
    }
}
