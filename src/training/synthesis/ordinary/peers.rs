//! One with many: peers, gateways, players, callers.

use super::habits::{
    beside, bulk, distant_hosts, exchange, hosts, local_hosts, moments, odd_port, pair, question, reception, requests,
    soon,
};
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{End, Pair, Reception};

/// A peer asks hundreds of others by datagrams from one port to odd ports (DHT, Gnutella, eDonkey); many are gone.
pub fn swarm_questions(scene: &mut Scene) {
    let client = scene.any_host();
    let path = scene.path();
    let client_port = odd_port(scene);
    let usual = scene.one_of(&[6_881, 6_346, 4_672, 33_033]);
    let peers: Vec<(Host, u16)> =
        distant_hosts(scene, 20, 900).iter().map(|&peer| (peer, peer_port(scene, usual))).collect();
    let rate = scene.about(0.5, 100.0);
    let answers = scene.between(0.1, 0.8);
    let calls = scene.between(0.0, 0.6);
    for at in moments(scene, rate, 2_500) {
        let (server, server_port) = scene.one_of(&peers);
        let path = beside(scene, &path);
        let pair = Pair { client, client_port, server, server_port };
        // Those who ask begin as well as the one who is asked.
        let back = scene.chance(calls);
        let (asked, answered) = (scene.count(15, 150), scene.count(25, 600));
        scene.datagram(at, &pair, &path, back, asked);
        if scene.chance(if back { 0.9 } else { answers }) {
            scene.datagram(at + path.round_trip, &pair, &path, !back, answered);
        }
    }
}

fn peer_port(scene: &mut Scene, usual: u16) -> u16 {
    if scene.chance(0.3) { usual } else { odd_port(scene) }
}

/// A peer tries connections to many on odd ports; a third or more are refused or silent, some carry bulk for long.
pub fn swarm_connections(scene: &mut Scene) {
    let client = scene.any_host();
    let path = scene.path();
    let usual = scene.one_of(&[6_881, 6_346, 4_662, 51_413]);
    let failing = scene.between(0.1, 0.8);
    let (rate, loads) = (scene.about(0.2, 25.0), scene.between(0.0, 0.3));
    for at in moments(scene, rate, 250) {
        let (server, path) = (scene.distant_host(), beside(scene, &path));
        let server_port = peer_port(scene, usual);
        let pair = pair(scene, client, server, server_port);
        let mut exchanges = vec![exchange(scene, (68, 600), (68, 600), (0.001, 0.2))];
        for _ in 0..scene.below(8) {
            exchanges.push(exchange(scene, (5, 300), (5, 2_000), (0.01, 3.0)));
        }
        let reception = reception(scene, failing);
        let over = scene.connection(at, &pair, &path, reception, &exchanges, End::Open);
        if reception == Reception::Accepts && scene.chance(loads) {
            let (back, octets) = (scene.chance(0.6), scene.count(16_000, 1_500_000));
            bulk(scene, over, &pair, &path, back, octets);
        }
    }
}

/// Many peers call one that listens on an odd port, again and again, also after it stopped listening.
pub fn swarm_callers(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let server_port = odd_port(scene);
    let callers = distant_hosts(scene, 10, 600);
    let rate = scene.about(0.2, 25.0);
    let (datagrams, answers) = (scene.between(0.0, 1.0), scene.one_of(&[0.0, 0.9, 0.9]));
    for at in moments(scene, rate, 800) {
        let (client, path) = (scene.one_of(&callers), beside(scene, &path));
        let mut pair = pair(scene, client, server, server_port);
        if scene.chance(datagrams) {
            pair.client_port = odd_port(scene);
            let (asked, answered) = (scene.count(20, 150), scene.count(20, 400));
            scene.datagram(at, &pair, &path, false, asked);
            if scene.chance(answers) {
                scene.datagram(at + path.round_trip, &pair, &path, true, answered);
            }
            continue;
        }
        let exchanges = [exchange(scene, (68, 300), (68, 900), (0.01, 3.0))];
        let reception = reception(scene, 1.0 - answers);
        scene.connection(at, &pair, &path, reception, &exchanges, End::ByServer);
    }
}

/// One address with the traffic of all hosts behind it, to hundreds of others by all kinds of protocols.
pub fn gateway(scene: &mut Scene) {
    let gateway = scene.any_host();
    let path = scene.path();
    let servers = distant_hosts(scene, 30, 500);
    let rate = scene.about(1.0, 60.0);
    let failing = scene.between(0.0, 0.08);
    for at in moments(scene, rate, 700) {
        let (server, path) = (scene.one_of(&servers), beside(scene, &path));
        match scene.below(8) {
            0..4 => {
                let port = scene.one_of(&[443, 443, 443, 80, 8_080, 993, 5_223, 22]);
                let pair = pair(scene, gateway, server, port);
                let exchanges = requests(scene, port, 5, (60, 20_000));
                let (reception, end) =
                    (reception(scene, failing), scene.one_of(&[End::ByClient, End::Reset, End::Open]));
                scene.connection(at, &pair, &path, reception, &exchanges, end);
            }
            4..6 => {
                let port = scene.one_of(&[53, 53, 123, 3_478, 443]);
                let pair = pair(scene, gateway, server, port);
                let (asked, answered) = (scene.count(20, 200), scene.count(40, 900));
                question(scene, at, &pair, &path, asked, answered);
            }
            6 => talk(scene, at, gateway, server, &path),
            _ => {
                scene.icmp(at, gateway, server, &path, false, 98);
                scene.icmp(at + path.round_trip, gateway, server, &path, true, 98);
            }
        }
    }
}

/// Some datagrams of many lengths both ways on odd ports.
fn talk(scene: &mut Scene, at: f64, client: Host, server: Host, path: &Path) {
    let port = odd_port(scene);
    let pair = pair(scene, client, server, port);
    let (mut now, pause) = (at, scene.about(0.005, 0.3));
    for _ in 0..scene.count(3, 80) {
        let (back, data) = (scene.chance(0.5), scene.count(20, 1_250));
        scene.datagram(now, &pair, path, back, data);
        now += scene.wait(pause.recip());
    }
}

/// A call finds its way: a server is asked for the own address, then candidates are tried, then voice goes (STUN, WebRTC).
pub fn calls(scene: &mut Scene) {
    let path = scene.path();
    let helpers = distant_hosts(scene, 1, 5);
    for client in local_hosts(scene, 1, 3) {
        let mut at = soon(scene);
        let client_port = odd_port(scene);
        for &helper in &helpers {
            let asked = Pair { client, client_port, server: helper, server_port: 3_478 };
            question(scene, at, &asked, &path, 28, 76);
        }
        for _ in 0..scene.count(1, 20) {
            let candidate = Pair { client, client_port, server: scene.any_host(), server_port: odd_port(scene) };
            for number in 0..scene.count(1, 7) {
                scene.datagram(at + 0.1 * f64::from(1 << number), &candidate, &path, false, 100);
            }
        }
        let pair = Pair { client, client_port, server: scene.any_host(), server_port: odd_port(scene) };
        let (rate, most) = (scene.about(15.0, 120.0), scene.count(60, 300));
        let until = at + scene.about(3.0, 60.0);
        while at < until {
            let (back, data) = (scene.chance(0.5), scene.count(50, most));
            scene.datagram(at, &pair, &path, back, data);
            at += scene.wait(2.0 * rate);
        }
    }
}

/// Everything in one tunnel: datagrams (or segments, or nameless packets) of all lengths between two ends.
pub fn tunnel(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.any_host());
    let path = scene.path();
    let port = scene.one_of(&[1_194, 51_820, 500, 4_500, 443, 4_789, 1_701]);
    let pair = Pair { client_port: port, ..pair(scene, client, server, port) };
    let is_nameless = scene.chance(0.25);
    let largest = scene.count(300, 1_430);
    for _ in 0..scene.count(3, 30) {
        // A burst of what goes through.
        let (mut at, rate, back_share) = (soon(scene), scene.about(1.0, 900.0), scene.between(0.1, 0.9));
        for _ in 0..scene.count(5, 400) {
            let back = scene.chance(back_share);
            let data = if scene.chance(0.4) { largest } else { scene.count(32, largest) };
            if !is_nameless {
                scene.datagram(at, &pair, &path, back, data);
            } else if back {
                scene.unnamed(at, server, client, &path, data + 54);
            } else {
                scene.unnamed(at, client, server, &path, data + 54);
            }
            at += scene.wait(rate);
        }
    }
}

/// Players and their server: small datagrams at the beat of the game, and the list of servers asked before.
pub fn games(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let server_port = scene.one_of(&[27_015, 7_777, 3_074, 19_132, 30_120]);
    let beat = scene.about(8.0, 66.0);
    for client in hosts(scene, 1, 24) {
        let (path, pair) = (beside(scene, &path), pair(scene, client, server, server_port));
        let begin = soon(scene);
        if scene.chance(0.3) {
            for number in 0..scene.count(10, 150) {
                let other = Pair { server: scene.distant_host(), ..pair };
                let at = begin + 0.02 * number as f64;
                scene.datagram(at, &other, &path, false, 25);
                if scene.chance(0.7) {
                    scene.datagram(at + 0.05, &other, &path, true, 150);
                }
            }
        }
        let (up, down) = (scene.count(20, 90), scene.count(60, 600));
        for at in moments(scene, beat, 300) {
            let (asked, answered) = (scene.count(20, up), scene.count(40, down));
            scene.datagram(begin + at, &pair, &path, false, asked);
            scene.datagram(begin + at + 0.5 / beat, &pair, &path, true, answered);
        }
    }
}

/// Hosts look for updates at one time: a few connections to a few content servers each, most without much to fetch.
pub fn updates(scene: &mut Scene) {
    let path = scene.path();
    let servers = distant_hosts(scene, 2, 12);
    let begin = soon(scene);
    let within = scene.about(0.5, 40.0);
    for client in local_hosts(scene, 1, 30) {
        let mut at = begin + scene.between(0.0, within);
        for _ in 0..scene.count(1, 8) {
            let (server, port) = (scene.one_of(&servers), scene.one_of(&[443, 443, 80]));
            let path = beside(scene, &path);
            let pair = pair(scene, client, server, port);
            let exchanges = requests(scene, port, 5, (150, 8_000));
            at = scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::ByClient);
            if scene.chance(0.1) {
                let octets = scene.count(100_000, 3_000_000);
                at = bulk(scene, at, &pair, &path, true, octets);
            }
        }
    }
}
