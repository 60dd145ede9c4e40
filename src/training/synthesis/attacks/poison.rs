//! ARP poisoning: a hardware address claims addresses that are not its own.

use super::pace::{Pace, Span};
use crate::flow::packet::HardwareAddress;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};

const LABEL: &str = "ARP Poisoning";

/// The wire that all of them share.
struct Segment {
    gateway: Host,
    attacker: Host,
    victims: Vec<Host>,
    path: Path,
}

impl Segment {
    /// Hosts on one wire, who most often ask for each other as hosts do.
    fn draw(scene: &mut Scene, most_victims: usize) -> Self {
        let path = Path { sees_there: true, ..scene.path() };
        let (gateway, attacker) = (scene.local_host(), scene.local_host());
        let victims = (0..scene.count(1, most_victims)).map(|_| scene.local_host()).collect();
        let segment = Self { gateway, attacker, victims, path };
        scene.ordinary();
        if scene.chance(0.6) {
            segment.owners(scene);
        }
        if scene.chance(0.6) {
            segment.attacker_asks(scene);
        }
        scene.attack(LABEL);
        segment
    }

    /// The true owners ask for each other and answer, or announce themselves.
    fn owners(&self, scene: &mut Scene) {
        let rate = scene.about(0.02, 0.5);
        let mut at = scene.wait(rate);
        while at < scene.length() {
            let victim = scene.one_of(&self.victims);
            let (asks, told) = if scene.chance(0.6) { (victim, self.gateway) } else { (self.gateway, victim) };
            scene.arp(at, &self.path, asks, asks.hardware, told, false);
            if scene.chance(0.9) {
                scene.arp(at + self.path.round_trip, &self.path, told, told.hardware, asks, true);
            }
            at += scene.wait(rate);
        }
    }

    /// The attacker finds out the hardware addresses that it needs, by its own name.
    fn attacker_asks(&self, scene: &mut Scene) {
        let begin = scene.between(0.0, 5.0);
        let asked: Vec<Host> = self.victims.iter().copied().chain([self.gateway]).collect();
        for host in asked {
            let at = begin + scene.between(0.0, 2.0);
            scene.arp(at, &self.path, self.attacker, self.attacker.hardware, host, false);
            scene.arp(at + self.path.round_trip, &self.path, host, host.hardware, self.attacker, true);
        }
    }

    /// Who is told that whose address is the attacker's: `(told, claimed)`.
    fn lies(&self, both_sides: bool) -> Vec<(Host, Host)> {
        let to_victims = self.victims.iter().map(|&victim| (victim, self.gateway));
        let to_gateway = self.victims.iter().filter(|_| both_sides).map(|&victim| (self.gateway, victim));
        to_victims.chain(to_gateway).collect()
    }

    /// One claim.
    fn lie(&self, scene: &mut Scene, at: f64, (told, claimed): (Host, Host), claims: HardwareAddress, is_reply: bool) {
        scene.arp(at, &self.path, claimed, claims, told, is_reply);
    }

    /// At the end the true addresses are told again, by frames as their owners could send them.
    fn heal(&self, scene: &mut Scene, at: f64, lies: &[(Host, Host)]) {
        scene.ordinary();
        for _ in 0..scene.count(1, 5) {
            for &(told, claimed) in lies {
                let at = at + scene.between(0.0, 2.0);
                scene.arp(at, &self.path, claimed, claimed.hardware, told, true);
            }
        }
        scene.attack(LABEL);
    }
}

/// The same claims again and again until the end (arpspoof, bettercap, ettercap after its first seconds).
fn keep_lying(scene: &mut Scene, segment: &Segment, both_sides: bool, every: f64, is_reply: bool) {
    let lies = segment.lies(both_sides);
    let off = scene.between(0.0, 0.3);
    let span = Span::draw(scene);
    let mut at = span.begin;
    while at < span.end {
        for &lie in &lies {
            at += scene.about(0.000_02, 0.02);
            segment.lie(scene, at, lie, segment.attacker.hardware, is_reply);
        }
        at += every * (1.0 + scene.between(-off, off));
    }
    if scene.chance(0.4) {
        segment.heal(scene, span.end, &lies);
    }
}

/// Unasked replies to one victim or both sides at a steady pace (arpspoof: 2 s, bettercap: 1 s).
pub fn replies(scene: &mut Scene) {
    let segment = Segment::draw(scene, 3);
    let both_sides = scene.chance(0.6);
    let every = if scene.chance(0.4) { scene.one_of(&[1.0, 2.0]) } else { scene.about(0.2, 10.0) };
    keep_lying(scene, &segment, both_sides, every, true);
}

/// Many victims of one network at once (bettercap on the whole subnet).
pub fn many_victims(scene: &mut Scene) {
    let segment = Segment::draw(scene, 60);
    let both_sides = scene.chance(0.7);
    let every = scene.about(0.5, 10.0);
    keep_lying(scene, &segment, both_sides, every, true);
}

/// Requests in another's name: whoever hears them learns the wrong address.
pub fn requests(scene: &mut Scene) {
    let segment = Segment::draw(scene, 4);
    let both_sides = scene.chance(0.4);
    let every = scene.about(0.2, 10.0);
    keep_lying(scene, &segment, both_sides, every, false);
}

/// ettercap: a quick round at first by requests and replies, then one round each ten seconds.
pub fn quick_then_slow(scene: &mut Scene) {
    let segment = Segment::draw(scene, 4);
    let lies = segment.lies(scene.chance(0.85));
    let span = Span::draw(scene);
    let (quick, slow) = (scene.between(0.5, 1.5), scene.between(5.0, 15.0));
    let both_kinds = scene.chance(0.5);
    let mut at = span.begin;
    let mut round = 0;
    while at < span.end {
        for &lie in &lies {
            at += scene.about(0.005, 0.02);
            if both_kinds && round < 2 {
                segment.lie(scene, at, lie, segment.attacker.hardware, false);
            }
            segment.lie(scene, at, lie, segment.attacker.hardware, true);
        }
        at += if round < 5 { quick } else { slow };
        round += 1;
    }
    if scene.chance(0.5) {
        segment.heal(scene, span.end, &lies);
    }
}

/// Two to five frames in all, which is enough until the victim asks again.
pub fn few_frames(scene: &mut Scene) {
    let segment = Segment::draw(scene, 2);
    let lies = segment.lies(scene.chance(0.4));
    let is_reply = scene.chance(0.7);
    let apart = scene.about(0.05, 10.0);
    let mut at = Span::draw(scene).begin;
    for _ in 0..2 + scene.below(4) {
        let lie = scene.one_of(&lies);
        segment.lie(scene, at, lie, segment.attacker.hardware, is_reply);
        at += apart * scene.between(0.5, 1.5);
    }
}

/// Announces the gateway's address to everyone as its own (gratuitous ARP).
pub fn announcements(scene: &mut Scene) {
    let segment = Segment::draw(scene, 3);
    let is_reply = scene.chance(0.5);
    let claimed = if scene.chance(0.7) { segment.gateway } else { segment.victims[0] };
    let mut pace = Pace::draw(scene, 0.1, 5.0);
    let span = Span::draw(scene);
    let mut at = span.begin;
    while at < span.end {
        segment.lie(scene, at, (claimed, claimed), segment.attacker.hardware, is_reply);
        at += pace.step(scene);
    }
}

/// Answers the question for another's address, sooner or later than its owner.
pub fn answers(scene: &mut Scene) {
    let segment = Segment::draw(scene, 6);
    let asked_again = scene.about(0.05, 2.0);
    let owner_answers = scene.chance(0.7);
    let mut at = scene.wait(asked_again);
    while at < scene.length() {
        let victim = scene.one_of(&segment.victims);
        scene.ordinary();
        scene.arp(at, &segment.path, victim, victim.hardware, segment.gateway, false);
        if owner_answers {
            let late = scene.about(0.000_1, 0.01);
            scene.arp(at + late, &segment.path, segment.gateway, segment.gateway.hardware, victim, true);
        }
        scene.attack(LABEL);
        for _ in 0..scene.count(1, 3) {
            let late = scene.about(0.000_1, 0.5);
            segment.lie(scene, at + late, (victim, segment.gateway), segment.attacker.hardware, true);
        }
        at += scene.wait(asked_again);
    }
}

/// Floods of claims to fill tables: of many addresses, each with its own forged hardware address or the attacker's.
pub fn flood(scene: &mut Scene) {
    let segment = Segment::draw(scene, 200);
    let is_forged = scene.chance(0.5);
    let is_reply = scene.chance(0.6);
    let mut pace = Pace::draw(scene, 5.0, 1_000.0);
    let span = Span::draw(scene);
    let mut at = span.begin;
    for _ in 0..scene.count(100, 15_000) {
        let claimed = scene.one_of(&segment.victims);
        let told = if scene.chance(0.5) { segment.gateway } else { claimed };
        let claims = if is_forged { scene.hardware() } else { segment.attacker.hardware };
        segment.lie(scene, at, (told, claimed), claims, is_reply);
        at += pace.step(scene);
        if at > span.end {
            break;
        }
    }
}
