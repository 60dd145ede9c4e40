//! Floods of packets without a conversation: by one source, by many, by forged ones, and by servers that were made to answer.

use super::pace::{Pace, Span};
use super::senders::{SourcePorts, Sources, customers, port};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::Path;
use crate::training::synthesis::wire::Pair;

const LABEL: &str = "DDoS";
/// Most packets that one of these sends by itself: some answers fit too.
const PACKETS: usize = 18_000;
const FLOODED_PORTS: [u16; 8] = [80, 80, 443, 22, 53, 8_080, 25, 3_389];

/// What is sent.
#[derive(Clone, Copy)]
enum Kind {
    Segment(TcpFlags),
    Datagram,
    Echo,
    /// What the sniffer has no name for: fragments, GRE.
    Unnamed,
}

/// What comes back.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    None,
    SynAck,
    Rst,
    /// ICMP: echo replies to echo requests, unreachable to the others.
    Icmp,
}

/// A flood of one kind at one victim.
struct Flood {
    kind: Kind,
    sources: Sources,
    source_ports: SourcePorts,
    /// None: another each time.
    victim_port: Option<u16>,
    /// Frame lengths, from and to.
    length: [usize; 2],
    answer: Answer,
}

impl Flood {
    fn draw(scene: &mut Scene, kind: Kind, sources: Sources) -> Self {
        let victim_port = match scene.below(10) {
            0..=5 => Some(scene.one_of(&FLOODED_PORTS)),
            6 | 7 => Some(port(scene, 1, 65_535)),
            _ => None,
        };
        let length = match kind {
            Kind::Segment(flags) if flags == TcpFlags::SYN => [scene.one_of(&[54, 58, 60, 60, 62, 66, 74]); 2],
            Kind::Segment(_) => lengths(scene, 54),
            Kind::Datagram | Kind::Echo => lengths(scene, 42),
            Kind::Unnamed => lengths(scene, 60),
        };
        Self { kind, sources, source_ports: SourcePorts::draw(scene), victim_port, length, answer: Answer::None }
    }

    fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }
}

/// As small as can be, as large as can be, one size between, or all between two.
fn lengths(scene: &mut Scene, least: usize) -> [usize; 2] {
    match scene.below(4) {
        0 => [scene.one_of(&[least, 60]); 2],
        1 => [scene.one_of(&[1_066, 1_442, 1_514]); 2],
        2 => [scene.count(least, 1_514); 2],
        _ => {
            let low = scene.count(least, 1_000);
            [low, scene.count(low, 1_514)]
        }
    }
}

fn answer_to(scene: &mut Scene, kind: Kind) -> Answer {
    match kind {
        Kind::Segment(flags) if flags == TcpFlags::SYN => {
            scene.one_of(&[Answer::SynAck, Answer::SynAck, Answer::Rst, Answer::None])
        }
        Kind::Segment(_) => scene.one_of(&[Answer::Rst, Answer::None]),
        Kind::Datagram | Kind::Echo => scene.one_of(&[Answer::Icmp, Answer::None]),
        Kind::Unnamed => Answer::None,
    }
}

/// Sends it. The victim answers as many a second as it can, all or none.
fn run(scene: &mut Scene, flood: &mut Flood, slowest: f64, fastest: f64) {
    let server = scene.local_host();
    if scene.chance(0.3) {
        customers(scene, server, flood.victim_port.unwrap_or(80));
        scene.attack(LABEL);
    }
    let path = scene.path();
    let mut pace = Pace::draw(scene, slowest, fastest);
    let between_answers = if scene.chance(0.5) { 0.0 } else { 1.0 / scene.about(1.0, 2_000.0) };
    let span = Span::draw(scene);
    let (mut at, mut can_answer) = (span.begin, 0.0);
    // Each forged source is a flow of its own: not always as many as fit.
    let most = if flood.sources.are_real() { PACKETS } else { scene.count(500, PACKETS) };
    for _ in 0..most {
        let client = flood.sources.next(scene);
        let server_port = flood.victim_port.unwrap_or_else(|| port(scene, 1, 65_535));
        let pair = Pair { client, client_port: flood.source_ports.next(scene), server, server_port };
        let length = flood.length[0] + scene.below(flood.length[1] - flood.length[0] + 1);
        send(scene, at, &pair, &path, flood.kind, length);
        if flood.answer != Answer::None && at >= can_answer {
            answer(scene, at + path.round_trip, &pair, &path, flood, length);
            can_answer = at + between_answers;
        }
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}

fn send(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, kind: Kind, length: usize) {
    match kind {
        Kind::Segment(flags) => scene.segment(at, pair, path, false, flags, length),
        Kind::Datagram => scene.datagram(at, pair, path, false, length.saturating_sub(42)),
        Kind::Echo => scene.icmp(at, pair.client, pair.server, path, false, length),
        Kind::Unnamed => scene.unnamed(at, pair.client, pair.server, path, length),
    }
}

fn answer(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, flood: &Flood, length: usize) {
    match flood.answer {
        Answer::None => {}
        Answer::SynAck => {
            let flags = TcpFlags::SYN.union(TcpFlags::ACK);
            let length = length.max(58);
            scene.segment(at, pair, path, true, flags, length);
            if flood.sources.are_real() {
                // The kernel of who sent it by hand knows of no such connection.
                scene.segment(at, pair, path, false, TcpFlags::RST, 54);
            } else if scene.chance(0.3) {
                scene.segment(at + 1.0, pair, path, true, flags, length);
            }
        }
        Answer::Rst => scene.segment(at, pair, path, true, TcpFlags::RST.union(TcpFlags::ACK), 60),
        Answer::Icmp => {
            // Unreachable quotes the datagram, as Linux does up to 576 octets.
            let length = if matches!(flood.kind, Kind::Echo) { length } else { (length + 28).min(590) };
            scene.icmp(at, pair.client, pair.server, path, true, length);
        }
    }
}

fn of_kind(scene: &mut Scene, kind: Kind, sources: Sources, slowest: f64, fastest: f64) {
    let answer = answer_to(scene, kind);
    let mut flood = Flood::draw(scene, kind, sources).answered(answer);
    run(scene, &mut flood, slowest, fastest);
}

/// SYN by one source from port after port.
pub fn syn(scene: &mut Scene) {
    let sources = Sources::one(scene);
    let source_ports = scene.one_of(&[SourcePorts::Any, SourcePorts::Ephemeral, SourcePorts::Next(1_024)]);
    let kind = Kind::Segment(TcpFlags::SYN);
    let answer = answer_to(scene, kind);
    let victim_port = Some(if scene.chance(0.7) { scene.one_of(&FLOODED_PORTS) } else { port(scene, 1, 65_535) });
    let flood = Flood::draw(scene, kind, sources).answered(answer);
    run(scene, &mut Flood { source_ports, victim_port, ..flood }, 30.0, 20_000.0);
}

/// SYN, each by another who never sent it.
pub fn syn_forged(scene: &mut Scene) {
    let sources = Sources::forged(scene);
    let kind = Kind::Segment(TcpFlags::SYN);
    let answer = answer_to(scene, kind);
    let victim_port = Some(if scene.chance(0.8) { scene.one_of(&FLOODED_PORTS) } else { port(scene, 1, 65_535) });
    let flood = Flood::draw(scene, kind, sources).answered(answer);
    run(scene, &mut Flood { victim_port, ..flood }, 15.0, 10_000.0);
}

fn other_flags(scene: &mut Scene) -> Kind {
    let finish = TcpFlags::FIN.union(TcpFlags::ACK);
    let push = TcpFlags::PSH.union(TcpFlags::ACK);
    let every = TcpFlags::FIN.union(TcpFlags::PSH).union(TcpFlags::URG);
    let flags = [TcpFlags::ACK, TcpFlags::ACK, push, finish, TcpFlags::RST, TcpFlags::NONE, every];
    Kind::Segment(scene.one_of(&flags))
}

/// ACK, RST, FIN and the like out of any connection, by one source.
pub fn flags(scene: &mut Scene) {
    let (kind, sources) = (other_flags(scene), Sources::one(scene));
    of_kind(scene, kind, sources, 30.0, 20_000.0);
}

/// The same, forged.
pub fn flags_forged(scene: &mut Scene) {
    let (kind, sources) = (other_flags(scene), Sources::forged(scene));
    of_kind(scene, kind, sources, 15.0, 10_000.0);
}

/// Datagrams by one source.
pub fn datagrams(scene: &mut Scene) {
    let sources = Sources::one(scene);
    of_kind(scene, Kind::Datagram, sources, 30.0, 20_000.0);
}

/// Datagrams, forged.
pub fn datagrams_forged(scene: &mut Scene) {
    let sources = Sources::forged(scene);
    of_kind(scene, Kind::Datagram, sources, 15.0, 10_000.0);
}

/// Echo requests by one source (ping -f, hping3 --icmp).
pub fn echo(scene: &mut Scene) {
    let sources = Sources::one(scene);
    of_kind(scene, Kind::Echo, sources, 20.0, 20_000.0);
}

/// Echo requests, forged.
pub fn echo_forged(scene: &mut Scene) {
    let sources = Sources::forged(scene);
    of_kind(scene, Kind::Echo, sources, 15.0, 10_000.0);
}

/// Echo replies that nobody asked for: a network was asked in the victim's name (smurf).
pub fn echo_reflected(scene: &mut Scene) {
    let sources = Sources::several(scene, 10, 250);
    let flood = Flood::draw(scene, Kind::Echo, sources);
    run(scene, &mut Flood { answer: Answer::None, ..flood }, 20.0, 10_000.0);
}

/// Whatever kind, by 5 to 200 hosts that exist.
pub fn botnet(scene: &mut Scene) {
    let sources = Sources::several(scene, 5, 200);
    let other = other_flags(scene);
    let kind = scene.one_of(&[Kind::Segment(TcpFlags::SYN), Kind::Datagram, Kind::Echo, other, Kind::Unnamed]);
    of_kind(scene, kind, sources, 50.0, 20_000.0);
}

/// Packets that the victim seems to have sent to itself (LAND).
pub fn land(scene: &mut Scene) {
    let server = scene.local_host();
    let path = Path { sees_there: true, ..scene.path() };
    let server_port = if scene.chance(0.7) { scene.one_of(&FLOODED_PORTS) } else { port(scene, 1, 65_535) };
    let pair = Pair { client: server, client_port: server_port, server, server_port };
    let length = scene.one_of(&[54, 58, 60, 74]);
    let mut pace = Pace::draw(scene, 1.0, 5_000.0);
    let span = Span::draw(scene);
    let mut at = span.begin;
    for _ in 0..PACKETS {
        scene.segment(at, &pair, &path, false, TcpFlags::SYN, length);
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}

/// Large answers of servers that were asked in the victim's name, in fragments where they do not fit.
pub fn reflected(scene: &mut Scene) {
    let victim = scene.local_host();
    let servers = Sources::several(scene, 20, 300);
    let path = Path { sees_there: true, ..scene.path() };
    let (service, least, most) = scene.one_of(&[
        (53, 400, 4_000),
        (123, 440, 468),
        (389, 1_200, 3_200),
        (1_900, 250, 420),
        (11_211, 1_000, 9_000),
        (19, 74, 1_200),
        (161, 300, 1_600),
    ]);
    let victim_port = scene.chance(0.6).then(|| port(scene, 1, 65_535));
    let datagrams_each = scene.count(1, 20);
    let mut pace = Pace::draw(scene, 15.0, 5_000.0);
    let span = Span::draw(scene);
    let mut at = span.begin;
    let mut sent = 0;
    while at < span.end && sent < PACKETS {
        // The one who "begins" is the server: the victim asked nothing.
        let client = servers.next(scene);
        let server_port = victim_port.unwrap_or_else(|| port(scene, 1_024, 65_535));
        let pair = Pair { client, client_port: service, server: victim, server_port };
        for number in 0..scene.count(1, datagrams_each) {
            let at = at + 0.000_02 * number as f64;
            let data = scene.count(least, most);
            scene.datagram(at, &pair, &path, false, data.min(1_472));
            let mut left = data.saturating_sub(1_472);
            while left > 0 {
                scene.unnamed(at, client, victim, &path, 34 + left.min(1_480));
                left = left.saturating_sub(1_480);
                sent += 1;
            }
            sent += 1;
        }
        at += pace.step(scene);
    }
}

/// SYN-ACK of servers that were asked in the victim's name, which it answers by RST or not.
pub fn reflected_syn(scene: &mut Scene) {
    let sources = Sources::several(scene, 20, 300);
    let source_port = scene.one_of(&[80, 443, 22, 179, 25]);
    let flood = Flood::draw(scene, Kind::Segment(TcpFlags::SYN.union(TcpFlags::ACK)), sources);
    let answer = scene.one_of(&[Answer::Rst, Answer::None]);
    let flood = Flood {
        source_ports: SourcePorts::One(source_port),
        length: [scene.one_of(&[58, 60, 62, 66, 74]); 2],
        ..flood
    };
    run(scene, &mut flood.answered(answer), 15.0, 5_000.0);
}
