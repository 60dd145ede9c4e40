//! Floods of whole connections and requests, from the thousands a second down to a human's pace.

use super::pace::{Pace, Span};
use super::senders::{Sources, customers, port};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception, SEGMENT_DATA, frame_lengths};

const LABEL: &str = "DDoS";
/// Most packets that one of these sends by itself: the answers fit too.
const PACKETS: usize = 12_000;

/// What the requests of a flood are like.
struct Requests {
    /// Octets asked, from and to.
    asked: [usize; 2],
    /// Octets answered, from and to.
    answered: [usize; 2],
    /// Seconds that the server takes, as long as it is well.
    takes: f64,
    /// Requests on one connection.
    on_one: usize,
    /// Seconds between two requests on one connection.
    waits: f64,
}

impl Requests {
    /// One GET a connection, equal or varied, of a small or a large page.
    fn gets(scene: &mut Scene) -> Self {
        let asked = scene.count(40, 700);
        let answered = scene.count(100, 12_000);
        let is_varied = scene.chance(0.5);
        let widest = |octets: usize| if is_varied { octets * 2 } else { octets };
        Self {
            asked: [asked, widest(asked)],
            answered: [answered, widest(answered)],
            takes: scene.about(0.000_3, 0.3),
            on_one: 1,
            waits: 0.001,
        }
    }
}

/// What becomes of the server.
#[derive(Clone, Copy)]
enum Fate {
    Holds,
    /// Takes longer and longer.
    Slows,
    /// Refuses more and more.
    Refuses,
    /// Answers fewer and fewer.
    Silenced,
}

impl Fate {
    fn draw(scene: &mut Scene) -> Self {
        scene.one_of(&[Self::Holds, Self::Holds, Self::Slows, Self::Refuses, Self::Silenced])
    }

    /// How a connection is met after this part of the flood, and how much longer the answer takes.
    fn meets(self, scene: &mut Scene, part: f64) -> (Reception, f64) {
        match self {
            Self::Slows => (Reception::Accepts, (6.0 * part).exp()),
            Self::Refuses if scene.chance(part) => (Reception::Refuses, 1.0),
            Self::Silenced if scene.chance(part) => (Reception::Silent, 1.0),
            _ => (Reception::Accepts, 1.0),
        }
    }
}

fn web_port(scene: &mut Scene) -> u16 {
    match scene.below(10) {
        0..=5 => 80,
        6 | 7 => 443,
        8 => scene.one_of(&[8_080, 8_000, 8_443, 5_000, 3_000]),
        _ => port(scene, 1_024, 50_000),
    }
}

/// Connections at a pace, by all sources in turn.
fn flood(scene: &mut Scene, sources: &Sources, pace: &mut Pace, requests: &Requests) {
    let (server, server_port) = (scene.local_host(), web_port(scene));
    if scene.chance(0.3) {
        customers(scene, server, server_port);
        scene.attack(LABEL);
    }
    let path = scene.path();
    let fate = Fate::draw(scene);
    let span = Span::draw(scene);
    // Connections that stay open without a word are another attack.
    let ends = [End::ByClient, End::ByClient, End::ByServer, End::Reset, End::Open];
    let end = scene.one_of(if requests.on_one == 0 { &ends[..4] } else { &ends });
    let mut at = span.begin;
    let mut sent = 0;
    while at < span.end && sent < PACKETS {
        let client = sources.next(scene);
        let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
        let (reception, longer) = fate.meets(scene, (at - span.begin) / scene.length());
        let exchanges = exchanges(scene, requests, longer);
        scene.connection(at, &pair, &path, reception, &exchanges, end);
        sent += 4 + exchanges.iter().map(|one| 3 + (one.asked + one.answered) / SEGMENT_DATA).sum::<usize>();
        at += pace.step(scene);
    }
}

fn exchanges(scene: &mut Scene, requests: &Requests, longer: f64) -> Vec<Exchange> {
    (0..requests.on_one)
        .map(|_| Exchange {
            asked: requests.asked[0] + scene.below(requests.asked[1] - requests.asked[0] + 1),
            answered: requests.answered[0] + scene.below(requests.answered[1] - requests.answered[0] + 1),
            server_takes: requests.takes * longer * scene.between(0.5, 1.5),
            client_takes: requests.waits * scene.between(0.3, 1.7),
        })
        .collect()
}

/// A connection for each GET, by one source.
pub fn gets(scene: &mut Scene) {
    let (requests, sources) = (Requests::gets(scene), Sources::one(scene));
    let mut pace = Pace::draw(scene, 3.0, 300.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// The same by several sources (LOIC in many hands, a small botnet).
pub fn gets_by_many(scene: &mut Scene) {
    let (requests, sources) = (Requests::gets(scene), Sources::several(scene, 2, 50));
    let mut pace = Pace::draw(scene, 3.0, 300.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// Large POSTs with small answers.
pub fn posts(scene: &mut Scene) {
    let asked = scene.count(300, 20_000);
    let most = asked * scene.count(1, 3);
    let requests = Requests { asked: [asked, most], ..Requests::gets(scene) };
    let sources = Sources::several(scene, 1, 10);
    let mut pace = Pace::draw(scene, 2.0, 100.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// Connections that stay open with request after request (`GoldenEye`, ab -k, wrk).
pub fn kept_alive(scene: &mut Scene) {
    let requests = Requests { on_one: scene.count(5, 300), waits: scene.about(0.000_3, 1.0), ..Requests::gets(scene) };
    let sources = Sources::several(scene, 1, 20);
    let mut pace = Pace::draw(scene, 0.2, 50.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// A few packets a second for long: short connections, one after the other.
pub fn slow_gets(scene: &mut Scene) {
    let answered = scene.count(100, 1_500);
    let requests = Requests { answered: [answered, answered + 50], ..Requests::gets(scene) };
    let sources = Sources::several(scene, 1, 5);
    let mut pace = Pace::draw(scene, 0.3, 3.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// A few packets a second for long: some connections with a request now and then on each.
pub fn slow_kept_alive(scene: &mut Scene) {
    let answered = scene.count(100, 1_500);
    let requests = Requests {
        answered: [answered, answered + 50],
        on_one: scene.count(10, 200),
        waits: scene.about(0.3, 5.0),
        ..Requests::gets(scene)
    };
    let sources = Sources::several(scene, 1, 5);
    let mut pace = Pace::draw(scene, 0.05, 1.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// Handshakes of TLS, which cost the server more than the client, and nothing after them.
pub fn handshakes(scene: &mut Scene) {
    let answered = scene.count(1_200, 5_500);
    let requests = Requests { asked: [180, 700], answered: [answered, answered + 100], ..Requests::gets(scene) };
    let sources = Sources::several(scene, 1, 30);
    let mut pace = Pace::draw(scene, 3.0, 300.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// Connections and nothing on them: opened, and closed at once.
pub fn connections(scene: &mut Scene) {
    let requests = Requests { on_one: 0, ..Requests::gets(scene) };
    let sources = Sources::several(scene, 1, 30);
    let mut pace = Pace::draw(scene, 5.0, 1_000.0);
    flood(scene, &sources, &mut pace, &requests);
}

/// Attempts by the thousand at a port that nobody listens on, or no longer (HOIC, HULK).
pub fn refused(scene: &mut Scene) {
    let (server, server_port) = (scene.local_host(), web_port(scene));
    let sources = Sources::several(scene, 1, 20);
    let path = scene.path();
    let mut pace = Pace::draw(scene, 5.0, 3_000.0);
    let span = Span::draw(scene);
    // Windows asks three times before it gives up.
    let times = scene.one_of(&[1, 1, 3]);
    let (length, refusal) = (scene.one_of(&[58, 60, 62, 66, 74]), scene.one_of(&[54, 60]));
    let mut at = span.begin;
    for _ in 0..PACKETS / times {
        let client = sources.next(scene);
        let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
        for time in 0..times {
            let at = at + 0.5 * time as f64;
            scene.segment(at, &pair, &path, false, TcpFlags::SYN, length);
            scene.segment(at + path.round_trip, &pair, &path, true, TcpFlags::RST.union(TcpFlags::ACK), refusal);
        }
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}

/// Full segments on connections that stand, acknowledged or not (LOIC's TCP mode).
pub fn data(scene: &mut Scene) {
    let (server, server_port) = (scene.local_host(), web_port(scene));
    let sources = Sources::several(scene, 1, 10);
    let path = scene.path();
    let pairs: Vec<Pair> = (0..scene.count(1, 20))
        .map(|_| {
            let client = sources.next(scene);
            Pair { client, client_port: scene.ephemeral_port(), server, server_port }
        })
        .collect();
    let span = Span::draw(scene);
    for pair in &pairs {
        scene.connection(span.begin, pair, &path, Reception::Accepts, &[], End::Open);
    }
    pushes(scene, &pairs, &path, span);
}

fn pushes(scene: &mut Scene, pairs: &[Pair], path: &Path, span: Span) {
    let octets = if scene.chance(0.6) { SEGMENT_DATA } else { scene.count(8, 1_400) };
    let each = scene.one_of(&[0, 1, 2, 2, 4]);
    let flags = scene.one_of(&[TcpFlags::ACK, TcpFlags::PSH.union(TcpFlags::ACK)]);
    let mut pace = Pace::draw(scene, 30.0, 5_000.0);
    let mut at = span.begin + path.round_trip;
    for number in 1..=PACKETS {
        let pair = scene.one_of(pairs);
        let (_, empty) = frame_lengths(&pair);
        scene.segment(at, &pair, path, false, flags, empty + octets);
        if each > 0 && number % each == 0 {
            scene.segment(at + path.round_trip, &pair, path, true, TcpFlags::ACK, empty);
        }
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}

/// The victims of a flood that goes over all hosts of a service take their share each.
pub fn gets_at_several(scene: &mut Scene) {
    let servers: Vec<Host> = (0..scene.count(2, 6)).map(|_| scene.local_host()).collect();
    let server_port = web_port(scene);
    let (requests, sources) = (Requests::gets(scene), Sources::several(scene, 1, 20));
    let path = scene.path();
    let mut pace = Pace::draw(scene, 5.0, 300.0);
    let span = Span::draw(scene);
    let mut at = span.begin;
    for _ in 0..PACKETS / 10 {
        let (client, server) = (sources.next(scene), scene.one_of(&servers));
        let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
        let exchanges = exchanges(scene, &requests, 1.0);
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::ByClient);
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}
