//! Slowloris and its kin: connections that are held open as long as the server bears it.

use super::pace::Span;
use super::senders::{Sources, customers};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception, frame_lengths};

const LABEL: &str = "Slowloris";
/// Most connections that are ever begun: with what is sent on them they fit into a scene.
const CONNECTIONS: usize = 1_500;

/// How the server is held.
struct Hold {
    sources: Sources,
    server: Host,
    server_port: u16,
    path: Path,
    /// Octets of the unfinished request; 0: none.
    begun_with: [usize; 2],
    /// Octets now and then.
    kept_with: [usize; 2],
    /// Seconds between two of them.
    every: f64,
    /// Connections at the same time.
    held: usize,
    /// After so many seconds the server closes.
    patience: f64,
    /// Share of the connections that the server has no room for.
    turned_away: f64,
}

impl Hold {
    fn draw(scene: &mut Scene) -> Self {
        let sources = if scene.chance(0.7) { Sources::one(scene) } else { Sources::several(scene, 2, 20) };
        let server = scene.local_host();
        let server_port = if scene.chance(0.7) { 80 } else { scene.one_of(&[443, 8_080, 8_000, 81, 5_000]) };
        if scene.chance(0.3) {
            customers(scene, server, server_port);
            scene.attack(LABEL);
        }
        Self {
            sources,
            server,
            server_port,
            path: scene.path(),
            begun_with: [100, 320],
            kept_with: [5, 30],
            every: scene.about(1.0, 25.0),
            held: scene.count(30, 500),
            patience: if scene.chance(0.4) { scene.about(5.0, 60.0) } else { f64::INFINITY },
            turned_away: if scene.chance(0.3) { scene.between(0.0, 0.8) } else { 0.0 },
        }
    }

    /// Opens the connections, keeps each, and opens another where the server closed one.
    fn run(&self, scene: &mut Scene) {
        let span = Span::draw(scene);
        let opened_a_second = scene.about(5.0, 500.0);
        let every_at_once = scene.chance(0.5);
        let (mut first, mut begun) = (span.begin, 0);
        for _ in 0..self.held {
            first += scene.wait(opened_a_second);
            let mut at = first;
            while at < span.end && begun < CONNECTIONS {
                at = self.connection(scene, at, span, every_at_once) + scene.about(0.01, self.every);
                begun += 1;
            }
        }
    }

    /// One connection. Returns when the server closes it, or the end.
    fn connection(&self, scene: &mut Scene, at: f64, span: Span, every_at_once: bool) -> f64 {
        let client = self.sources.next(scene);
        let client_port = scene.ephemeral_port();
        let pair = Pair { client, client_port, server: self.server, server_port: self.server_port };
        if scene.chance(self.turned_away) {
            let reception = scene.one_of(&[Reception::Silent, Reception::Silent, Reception::Refuses]);
            return scene.connection(at, &pair, &self.path, reception, &[], End::Open) + self.every;
        }
        let begun_with = if self.begun_with[1] == 0 { 0 } else { scene.count(self.begun_with[0], self.begun_with[1]) };
        let begun = Exchange { asked: begun_with, answered: 0, server_takes: 0.0, client_takes: 0.0 };
        scene.connection(at, &pair, &self.path, Reception::Accepts, &[begun], End::Open);
        let (_, empty) = frame_lengths(&pair);
        let over = (at + self.patience).min(span.end);
        // One thread serves all in turn, or each has its own clock.
        let mut next = at + if every_at_once { self.every } else { self.every * scene.between(0.1, 1.0) };
        while next < over && self.kept_with[1] > 0 {
            let data = empty + scene.count(self.kept_with[0], self.kept_with[1]);
            scene.segment(next, &pair, &self.path, false, TcpFlags::PSH.union(TcpFlags::ACK), data);
            scene.segment(next + self.path.round_trip, &pair, &self.path, true, TcpFlags::ACK, empty);
            next += self.every * scene.between(0.8, 1.2);
        }
        if self.patience.is_finite() {
            let close = scene.one_of(&[TcpFlags::FIN.union(TcpFlags::ACK), TcpFlags::RST]);
            scene.segment(over, &pair, &self.path, true, close, empty);
            scene.segment(over, &pair, &self.path, false, TcpFlags::ACK, empty);
        }
        over
    }
}

/// A header that never ends, a line more now and then.
pub fn headers(scene: &mut Scene) {
    Hold::draw(scene).run(scene);
}

/// A body that is announced large and comes by a few octets (R-U-Dead-Yet, slowhttptest -B).
pub fn bodies(scene: &mut Scene) {
    let most = scene.one_of(&[1, 8, 64]);
    let every = scene.about(0.5, 15.0);
    let hold = Hold { begun_with: [200, 700], kept_with: [1, most], every, ..Hold::draw(scene) };
    hold.run(scene);
}

/// Connections on which nothing is ever said.
pub fn silent(scene: &mut Scene) {
    let hold = Hold { begun_with: [0, 0], kept_with: [0, 0], ..Hold::draw(scene) };
    hold.run(scene);
}

/// A page is asked for and taken by a few octets: the server asks again and again whether there is room.
pub fn slow_reads(scene: &mut Scene) {
    let hold = Hold { kept_with: [0, 0], patience: f64::INFINITY, ..Hold::draw(scene) };
    let span = Span::draw(scene);
    let opened_a_second = scene.about(5.0, 300.0);
    let taken = scene.count(1, 600);
    let mut first = span.begin;
    for _ in 0..hold.held {
        first += scene.wait(opened_a_second);
        let client = hold.sources.next(scene);
        let client_port = scene.ephemeral_port();
        let pair = Pair { client, client_port, server: hold.server, server_port: hold.server_port };
        let asked = scene.count(80, 400);
        let begun = Exchange { asked, answered: taken, server_takes: 0.001, client_takes: 0.0 };
        scene.connection(first, &pair, &hold.path, Reception::Accepts, &[begun], End::Open);
        let (_, empty) = frame_lengths(&pair);
        let (mut at, mut probed_after) = (first, scene.between(0.2, 1.0));
        for _ in 0..40 {
            at += probed_after;
            if at > span.end {
                break;
            }
            // Window probes come at twice the distance each, until the client makes a little room.
            let makes_room = scene.chance(0.3);
            let data = if makes_room { taken } else { 0 };
            scene.segment(at, &pair, &hold.path, true, TcpFlags::ACK, empty + data);
            scene.segment(at + hold.path.round_trip, &pair, &hold.path, false, TcpFlags::ACK, empty);
            probed_after =
                if makes_room { scene.between(0.2, 1.0) } else { (probed_after * 2.0).min(hold.every.max(1.0)) };
        }
    }
}
