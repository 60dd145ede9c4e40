//! DNS tunnels: data in names that are asked for and in what is answered.

use super::pace::{Pace, Span};
use super::senders::SourcePorts;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::Pair;

const LABEL: &str = "DNS Tunnel";

/// Octets of DNS in one question and its answer.
#[derive(Clone, Copy)]
struct Sizes {
    asked: [usize; 2],
    answered: [usize; 2],
}

/// The two ends: a host and the tunnel's own server, or a resolver that hands the questions on.
struct Tunnel {
    client: Host,
    server: Host,
    path: Path,
    ports: SourcePorts,
    /// Seconds that the answer takes beside the way.
    takes: f64,
    /// Share of the questions that get no answer at all and are asked again.
    unanswered: f64,
}

impl Tunnel {
    fn draw(scene: &mut Scene) -> Self {
        let client = scene.local_host();
        let is_handed_on = scene.chance(0.6);
        let server = if is_handed_on && scene.chance(0.7) { scene.local_host() } else { scene.distant_host() };
        let takes = if is_handed_on { scene.about(0.005, 0.4) } else { scene.about(0.000_1, 0.02) };
        let ports = if scene.chance(0.5) { SourcePorts::One(scene.ephemeral_port()) } else { SourcePorts::Ephemeral };
        let unanswered = if scene.chance(0.3) { scene.between(0.0, 0.5) } else { 0.0 };
        let tunnel = Self { client, server, path: scene.path(), ports, takes, unanswered };
        if scene.chance(0.3) {
            tunnel.honest_questions(scene);
        }
        tunnel
    }

    /// What the host asks beside the tunnel.
    fn honest_questions(&self, scene: &mut Scene) {
        scene.ordinary();
        let rate = scene.about(0.02, 0.5);
        let mut at = scene.wait(rate);
        while at < scene.length() {
            let pair = self.pair(scene.ephemeral_port());
            let (asked, answered) = (scene.count(22, 55), scene.count(40, 300));
            scene.datagram(at, &pair, &self.path, false, asked);
            scene.datagram(at + self.path.round_trip, &pair, &self.path, true, answered);
            at += scene.wait(rate);
        }
        scene.attack(LABEL);
    }

    fn pair(&self, client_port: u16) -> Pair {
        Pair { client: self.client, client_port, server: self.server, server_port: 53 }
    }

    /// One question, its answer, or the question again.
    fn ask(&mut self, scene: &mut Scene, at: f64, sizes: Sizes) {
        let client_port = self.ports.next(scene);
        let pair = self.pair(client_port);
        let asked = scene.count(sizes.asked[0], sizes.asked[1]);
        let answered = asked + scene.count(sizes.answered[0], sizes.answered[1]);
        scene.datagram(at, &pair, &self.path, false, asked);
        if scene.chance(self.unanswered) {
            let again = scene.between(0.5, 3.0);
            scene.datagram(at + again, &pair, &self.path, false, asked);
            return;
        }
        let takes = self.takes * scene.between(0.6, 1.8);
        scene.datagram(at + self.path.round_trip + takes, &pair, &self.path, true, answered);
    }

    /// Questions at a pace until the end.
    fn run(&mut self, scene: &mut Scene, sizes: Sizes, slowest: f64, fastest: f64) {
        let mut pace = Pace::draw(scene, slowest, fastest);
        let span = Span::draw(scene);
        let mut at = span.begin;
        for _ in 0..8_000 {
            self.ask(scene, at, sizes);
            at += pace.step(scene);
            if at > span.end {
                break;
            }
        }
    }
}

/// Most octets that an answer carries beside the question, by record type: TXT and NULL much, CNAME and A little.
fn most_answered(scene: &mut Scene) -> usize {
    scene.one_of(&[16, 120, 250, 500, 1_100])
}

/// Data goes out: long questions, answers that say little.
pub fn upload(scene: &mut Scene) {
    let longest = scene.count(110, 250);
    let sizes = Sizes { asked: [longest.saturating_sub(60), longest], answered: [12, scene.count(16, 120)] };
    Tunnel::draw(scene).run(scene, sizes, 1.0, 100.0);
}

/// Data comes in: short or long questions, large answers.
pub fn download(scene: &mut Scene) {
    let longest = scene.count(60, 220);
    let most = most_answered(scene).max(120);
    let sizes = Sizes { asked: [longest / 2, longest], answered: [most / 2, most] };
    Tunnel::draw(scene).run(scene, sizes, 1.0, 100.0);
}

/// Both ways at line speed, questions and answers of all sizes (iodine with a transfer in it).
pub fn both_ways(scene: &mut Scene) {
    let most = most_answered(scene);
    let sizes = Sizes { asked: [40, scene.count(150, 255)], answered: [10, most] };
    Tunnel::draw(scene).run(scene, sizes, 5.0, 200.0);
}

/// A shell: a question now and then to hear whether there is something to do, bursts when there is (dnscat2).
pub fn shell(scene: &mut Scene) {
    let mut tunnel = Tunnel::draw(scene);
    let most = most_answered(scene);
    let asked = scene.count(35, 80);
    let idle = Sizes { asked: [asked, asked + 12], answered: [12, 60] };
    let busy = Sizes { asked: [80, scene.count(120, 250)], answered: [16, most] };
    let every = scene.about(0.2, 4.0);
    let is_busy = scene.between(0.0, 0.3);
    let burst = scene.count(2, 60);
    let span = Span::draw(scene);
    let mut at = span.begin;
    while at < span.end {
        if scene.chance(is_busy) {
            for _ in 0..scene.count(1, burst) {
                tunnel.ask(scene, at, busy);
                at += tunnel.path.round_trip + tunnel.takes;
            }
        } else {
            tunnel.ask(scene, at, idle);
        }
        at += every * scene.between(0.7, 1.3);
    }
}

/// A program that spells a file in names by plain lookups, slowly and each from another port.
pub fn spelled(scene: &mut Scene) {
    let longest = scene.count(60, 250);
    let sizes = Sizes { asked: [longest.saturating_sub(10), longest], answered: [12, scene.count(16, 90)] };
    let mut tunnel = Tunnel { ports: SourcePorts::Ephemeral, ..Tunnel::draw(scene) };
    tunnel.run(scene, sizes, 0.3, 20.0);
}

/// Several hosts of the network have one.
pub fn several(scene: &mut Scene) {
    let longest = scene.count(80, 250);
    let most = most_answered(scene);
    let sizes = Sizes { asked: [longest / 2, longest], answered: [most / 4, most] };
    let common = Tunnel::draw(scene).server;
    for _ in 0..scene.count(2, 4) {
        let mut tunnel = Tunnel { server: common, ..Tunnel::draw(scene) };
        tunnel.run(scene, sizes, 0.5, 40.0);
    }
}
