//! What goes wrong every day: services that are down, hosts that are gone, connections cut off by the capture.

use super::habits::{beside, exchange, hosts, local_hosts, moments, odd_port, pair, requests, six, soon};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Reception, frame_lengths};

const SERVICES: &[u16] = &[22, 25, 80, 443, 445, 1_433, 1_883, 3_306, 3_389, 5_432, 6_379, 8_080, 9_100, 9_200];

/// A service is down: its clients try again, ever more seldom or at a steady beat, and are refused or hear nothing.
pub fn service_down(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    let port = scene.one_of(SERVICES);
    let reception = scene.one_of(&[Reception::Refuses, Reception::Silent]);
    let comes_back = if scene.chance(0.3) { scene.between(0.3, 1.0) * scene.length() } else { f64::INFINITY };
    for client in hosts(scene, 1, 40) {
        let (mut pause, growth) = (scene.about(0.05, 15.0), scene.one_of(&[1.0, 1.0, 1.5, 2.0]));
        let mut at = soon(scene);
        for _ in 0..scene.count(2, 200) {
            let pair = pair(scene, client, server, port);
            let exchanges = requests(scene, port, 4, (50, 5_000));
            let reception = if at < comes_back { reception } else { Reception::Accepts };
            at = scene.connection(at, &pair, &path, reception, &exchanges, End::ByClient);
            at += pause * scene.between(0.8, 1.2);
            pause *= growth;
        }
    }
}

/// One host tries a few others that are gone, now and then: old printers, sleeping machines, stale peers.
pub fn dead_hosts(scene: &mut Scene) {
    let path = scene.path();
    for client in local_hosts(scene, 1, 8) {
        let rate = scene.about(0.03, 2.0);
        let dead = hosts(scene, 1, 25);
        let port = if scene.chance(0.7) { scene.one_of(SERVICES) } else { odd_port(scene) };
        let silent = scene.between(0.3, 1.0);
        for at in moments(scene, rate, 80) {
            let server = scene.one_of(&dead);
            let pair = pair(scene, client, server, port);
            let reception = if scene.chance(silent) { Reception::Silent } else { Reception::Refuses };
            scene.connection(at, &pair, &path, reception, &[], End::Open);
        }
    }
}

/// Two addresses of each server are tried, a moment apart; the one that answers first is taken (RFC 8305).
pub fn happy_eyeballs(scene: &mut Scene) {
    let path = scene.path();
    let client = scene.local_host();
    let works = scene.chance(0.5);
    let rate = scene.about(0.1, 5.0);
    for at in moments(scene, rate, 150) {
        let server = scene.distant_host();
        let path = beside(scene, &path);
        let (first, second) = (pair(scene, six(client), six(server), 443), pair(scene, client, server, 443));
        let exchanges = requests(scene, 443, 5, (100, 20_000));
        if works {
            scene.connection(at, &first, &path, Reception::Accepts, &exchanges, End::ByClient);
            if path.round_trip > 0.25 {
                scene.connection(at + 0.25, &second, &path, Reception::Accepts, &[], End::Reset);
            }
        } else {
            scene.segment(at, &first, &path, false, TcpFlags::SYN, 94);
            let after = at + scene.about(0.05, 0.3);
            scene.connection(after, &second, &path, Reception::Accepts, &exchanges, End::ByClient);
        }
    }
}

/// The capture begins in the middle: data, farewells and resets of connections whose beginning nobody saw.
pub fn leftovers(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[443, 80, 22, 3_389, 5_432, 8_080]);
    let fin = TcpFlags::FIN.union(TcpFlags::ACK);
    for client in hosts(scene, 1, 80) {
        for _ in 0..scene.count(1, 12) {
            let (pair, mut at) = (pair(scene, client, server, port), scene.wait(0.05));
            let (_, empty) = frame_lengths(&pair);
            for _ in 0..scene.below(12) {
                let (back, data) = (scene.chance(0.5), scene.count(1, 1_448));
                scene.segment(at, &pair, &path, back, TcpFlags::PSH.union(TcpFlags::ACK), empty + data);
                scene.segment(at + path.round_trip, &pair, &path, !back, TcpFlags::ACK, empty);
                at += scene.about(0.001, 3.0);
            }
            let back = scene.chance(0.4);
            match scene.below(4) {
                0 => scene.segment(at, &pair, &path, back, TcpFlags::RST, 54),
                1 => scene.segment(at, &pair, &path, back, TcpFlags::RST.union(TcpFlags::ACK), 60),
                2 => {
                    scene.segment(at, &pair, &path, back, fin, empty);
                    scene.segment(at + path.round_trip, &pair, &path, !back, TcpFlags::RST, 54);
                }
                _ => {
                    scene.segment(at, &pair, &path, back, fin, empty);
                    scene.segment(at + path.round_trip, &pair, &path, !back, fin, empty);
                    scene.segment(at + path.round_trip, &pair, &path, back, TcpFlags::ACK, empty);
                }
            }
        }
    }
}

/// Connections that a browser opens in case they are needed: nothing is said on most of them, and they time out.
pub fn spare_connections(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[80, 443, 8_080]);
    for client in hosts(scene, 1, 20) {
        let rate = scene.about(0.02, 1.0);
        for at in moments(scene, rate, 40) {
            for _ in 0..scene.count(1, 6) {
                let pair = pair(scene, client, server, port);
                let idle = scene.about(2.0, 60.0);
                let mut only = exchange(scene, (100, 700), (200, 9_000), (0.001, 0.1));
                if scene.chance(0.6) {
                    (only.asked, only.answered) = (0, 0);
                }
                let exchanges = [Exchange { client_takes: idle, ..only }];
                let end = scene.one_of(&[End::ByServer, End::ByClient, End::Open]);
                scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
            }
        }
    }
}
