//! Address resolution, told from poisoning by more than a count.
//!
//! A poisoner keeps saying that addresses of others are its own. Hosts ask, are answered, tell once that they are there,
//! have several addresses, and now and then an address moves.

use super::habits::{group, local_hosts, moments, soon};
use crate::flow::packet::HardwareAddress;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};

/// All of it goes by the sniffer or is not there; answers are to one host and pass a switch's mirror only at times.
fn wire(scene: &mut Scene) -> (Path, f64) {
    let path = Path { sees_there: true, ..scene.path() };
    let answers = if scene.chance(0.7) { 0.97 } else { scene.between(0.0, 0.5) };
    (Path { round_trip: scene.about(0.000_05, 0.02), ..path }, answers)
}

/// A question to all and its answer, if it is seen; twice at times.
fn resolve(scene: &mut Scene, at: f64, (path, answers): (&Path, f64), from: Host, target: Host) {
    scene.arp(at, path, from, from.hardware, target, false);
    if scene.chance(answers) {
        scene.arp(at + path.round_trip, path, target, target.hardware, from, true);
        if scene.chance(0.02) {
            scene.arp(at + 1.5 * path.round_trip, path, target, target.hardware, from, true);
        }
    }
}

/// Hosts of a network ask for each other, most for the router, each at its own pace.
pub fn resolutions(scene: &mut Scene) {
    let (path, answers) = wire(scene);
    let hosts = local_hosts(scene, 2, 120);
    let rate = scene.about(0.01, 5.0);
    let to_router = scene.between(0.2, 0.9);
    let is_each = scene.chance(0.5);
    for host in hosts.iter().copied().take(if is_each { 120 } else { 3 }) {
        let rate = if is_each { rate / 4.0 } else { rate };
        for at in moments(scene, rate, 200) {
            let target = if scene.chance(to_router) { hosts[0] } else { scene.one_of(&hosts) };
            if target != host {
                resolve(scene, at, (&path, answers), host, target);
            }
        }
    }
}

/// Neighbours make sure of each other at a steady beat: the question goes to the one host (RFC 4861's way, in ARP).
pub fn confirmations(scene: &mut Scene) {
    let (path, _) = wire(scene);
    let router = scene.local_host();
    for host in local_hosts(scene, 1, 40) {
        let rate = scene.about(0.02, 1.0);
        let (from, to) = if scene.chance(0.5) { (host, router) } else { (router, host) };
        for at in moments(scene, rate, 80) {
            resolve(scene, at, (&path, 0.98), from, to);
        }
    }
}

/// A router or an inventory asks for all addresses of the network in a row; few are there.
pub fn inventory(scene: &mut Scene) {
    let (path, _) = wire(scene);
    let from = scene.local_host();
    let rate = scene.about(0.5, 300.0);
    let present = scene.between(0.02, 0.7);
    let repeats = scene.count(1, 3);
    let mut at = soon(scene);
    for target in local_hosts(scene, 20, 500) {
        let answers = f64::from(u8::from(scene.chance(present)));
        for number in 0..if answers > 0.0 { 1 } else { repeats } {
            resolve(scene, at + number as f64, (&path, answers), from, target);
        }
        at += scene.wait(rate);
    }
}

/// A question for one that is gone, every second or few, for as long as someone wants it.
pub fn gone_neighbours(scene: &mut Scene) {
    let (path, _) = wire(scene);
    for from in local_hosts(scene, 1, 10) {
        let gone = scene.local_host();
        let rate = scene.about(0.1, 3.0);
        for at in moments(scene, rate, 100) {
            scene.arp(at, &path, from, from.hardware, gone, false);
        }
    }
}

/// Hosts come up: three probes without a sender's address, then announcements of what they have (RFC 5227).
pub fn announcements(scene: &mut Scene) {
    let (path, answers) = wire(scene);
    let router = scene.local_host();
    let nobody = group([0; 4]);
    let is_reply = scene.chance(0.4);
    for host in local_hosts(scene, 1, 80) {
        let mut at = scene.wait(0.06);
        for _ in 0..scene.below(4) {
            scene.arp(at, &path, nobody, host.hardware, host, false);
            at += scene.between(0.7, 2.0);
        }
        for _ in 0..scene.count(1, 5) {
            scene.arp(at, &path, host, host.hardware, host, is_reply);
            at += scene.about(0.5, 3.0);
        }
        resolve(scene, at, (&path, answers), host, router);
    }
}

/// Some announce themselves for ever: hypervisors, clusters, cheap devices.
pub fn steady_announcements(scene: &mut Scene) {
    let (path, _) = wire(scene);
    let is_reply = scene.chance(0.5);
    let all = Host { hardware: HardwareAddress::from_octets([255; 6]), ..group([255; 4]) };
    for host in local_hosts(scene, 1, 12) {
        let rate = scene.about(0.015, 0.3);
        let to = if is_reply && scene.chance(0.3) { all } else { host };
        for at in moments(scene, rate, 100) {
            scene.arp(at, &path, host, host.hardware, to, is_reply);
        }
    }
}

/// One interface has several addresses and answers for all: aliases, a router, a proxy for those behind it (RFC 1027).
pub fn several_addresses(scene: &mut Scene) {
    let (path, answers) = wire(scene);
    let server = scene.local_host();
    let is_proxy = scene.chance(0.4);
    let addresses: Vec<Host> = (0..if is_proxy { scene.count(4, 60) } else { scene.count(2, 8) })
        .map(|_| Host { hardware: server.hardware, ..scene.local_host() })
        .collect();
    for client in local_hosts(scene, 1, 40) {
        let rate = scene.about(0.01, 1.0);
        for at in moments(scene, rate, 60) {
            let address = scene.one_of(&addresses);
            let (from, target) = if scene.chance(0.75) { (client, address) } else { (address, client) };
            resolve(scene, at, (&path, answers), from, target);
        }
    }
}

/// An address moves to another interface, once or there and back, and the new one tells all (VRRP, clusters, migration).
pub fn failovers(scene: &mut Scene) {
    let (path, answers) = wire(scene);
    let clients = local_hosts(scene, 1, 50);
    let is_reply = scene.chance(0.5);
    for _ in 0..scene.count(1, 4) {
        let mut owner = scene.local_host();
        let other = scene.hardware();
        let mut moves: Vec<f64> = (0..scene.one_of(&[1, 1, 1, 2])).map(|_| soon(scene)).collect();
        moves.sort_by(f64::total_cmp);
        let rate = scene.about(0.05, 3.0);
        for at in moments(scene, rate, 150) {
            if moves.first().is_some_and(|&when| when < at) {
                let when = moves.remove(0);
                owner.hardware = if owner.hardware == other { scene.hardware() } else { other };
                for number in 0..scene.count(1, 5) {
                    scene.arp(when + number as f64 * 0.5, &path, owner, owner.hardware, owner, is_reply);
                }
            }
            let client = scene.one_of(&clients);
            resolve(scene, at, (&path, answers), client, owner);
        }
    }
}

/// A mirror shows the answers of some hosts and not the questions; a few answer twice, by two ways.
pub fn answers_alone(scene: &mut Scene) {
    let (path, _) = wire(scene);
    let targets = local_hosts(scene, 1, 30);
    let twice = if scene.chance(0.6) { 0.0 } else { scene.between(0.0, 0.5) };
    for from in local_hosts(scene, 1, 30) {
        let rate = scene.about(0.005, 0.2);
        for at in moments(scene, rate, 60) {
            let target = scene.one_of(&targets);
            scene.arp(at, &path, target, target.hardware, from, true);
            if scene.chance(twice) {
                scene.arp(at + path.round_trip, &path, target, target.hardware, from, true);
            }
        }
    }
}

/// Two hosts have one address by mistake: both answer when it is asked for, each defends it once.
pub fn address_conflict(scene: &mut Scene) {
    let (path, _) = wire(scene);
    let first = scene.local_host();
    let second = Host { hardware: scene.hardware(), ..first };
    let clients = local_hosts(scene, 1, 20);
    let begin = soon(scene);
    scene.arp(begin, &path, group([0; 4]), second.hardware, first, false);
    for _ in 0..scene.count(1, 3) {
        let at = begin + scene.about(0.001, 3.0);
        scene.arp(at, &path, second, second.hardware, second, false);
        scene.arp(at + path.round_trip, &path, first, first.hardware, first, false);
    }
    for _ in 0..scene.count(1, 12) {
        let (at, client) = (begin + scene.wait(0.3), scene.one_of(&clients));
        resolve(scene, at, (&path, 1.0), client, first);
        if scene.chance(0.5) {
            scene.arp(at + 1.3 * path.round_trip, &path, second, second.hardware, client, true);
        }
    }
}
