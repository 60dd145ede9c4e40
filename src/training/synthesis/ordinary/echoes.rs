//! ICMP as it is used: is it there, where does the way go, and what routers tell without being asked.

use super::habits::{beside, hosts, local_hosts, moments, odd_port, pair, soon};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::Pair;

/// Monitoring asks its hosts for an echo, some times each, at a steady beat; nearly all answer.
pub fn monitoring(scene: &mut Scene) {
    let from = scene.local_host();
    let path = scene.path();
    let (period, repeats) = (scene.about(0.5, 60.0), scene.count(1, 5));
    let length = scene.one_of(&[42, 60, 74, 98, 106, 110]);
    let gone = scene.between(0.0, 0.15);
    let gap = scene.about(0.001, 1.0);
    let spread = if scene.chance(0.5) { 0.1 } else { period };
    let begin = scene.between(0.0, period.min(20.0));
    for host in hosts(scene, 2, 80) {
        let (path, is_gone) = (beside(scene, &path), scene.chance(gone));
        let shift = begin + scene.between(0.0, spread);
        for round in 0..20u8 {
            for number in 0..repeats {
                let at = shift + period * f64::from(round) + gap * number as f64;
                scene.icmp(at, from, host, &path, false, length);
                if !is_gone {
                    scene.icmp(at + path.round_trip, from, host, &path, true, length);
                }
            }
        }
    }
}

/// Someone left an echo running: one a second or ten, one host or some, for as long as one looks, answered or not.
pub fn steady(scene: &mut Scene) {
    let path = scene.path();
    for from in local_hosts(scene, 1, 10) {
        let host = scene.any_host();
        let rate = if scene.chance(0.7) { 1.0 } else { scene.about(0.1, 20.0) };
        let length = scene.one_of(&[60, 74, 98, 98, 142, 1_042, 1_514]);
        let answers = if scene.chance(0.85) { 1.0 } else { scene.between(0.0, 0.9) };
        let path = beside(scene, &path);
        for at in moments(scene, rate, 600) {
            scene.icmp(at, from, host, &path, false, length);
            if scene.chance(answers) {
                scene.icmp(at + path.round_trip, from, host, &path, true, length);
            }
        }
    }
}

/// The way to a host: three packets for each router on it, each of which tells that their time is over.
pub fn route_tracing(scene: &mut Scene) {
    let from = scene.local_host();
    let path = scene.path();
    let routers = hosts(scene, 3, 20);
    let is_datagrams = scene.chance(0.5);
    let length = scene.one_of(&[60, 74, 92, 106]);
    for _ in 0..scene.count(1, 8) {
        let target = scene.distant_host();
        let (mut at, pause) = (soon(scene), scene.about(0.002, 1.0));
        let client_port = scene.ephemeral_port();
        let mut server_port = 33_434;
        for hop in 0..scene.count(4, 25) {
            let router = routers.get(hop).copied();
            for _ in 0..3 {
                if is_datagrams {
                    let pair = Pair { client: from, client_port, server: target, server_port };
                    scene.datagram(at, &pair, &path, false, length - 42);
                } else {
                    scene.icmp(at, from, target, &path, false, length);
                }
                if scene.chance(0.8) {
                    let answerer = router.unwrap_or(target);
                    let told = scene.one_of(&[70, 94, 102, 110]);
                    scene.icmp(at + path.round_trip, from, answerer, &path, true, told);
                }
                server_port += 1;
                at += pause * scene.between(0.5, 1.5);
            }
        }
    }
}

/// Answers to what went to closed ports and gone hosts: one host asks in vain, it or its router says so.
pub fn unreachable_reports(scene: &mut Scene) {
    let path = scene.path();
    let router = scene.any_host();
    let by_router = scene.between(0.0, 1.0);
    let server_port = if scene.chance(0.6) { scene.one_of(&[53, 123, 161, 514, 137, 5_353]) } else { odd_port(scene) };
    for client in hosts(scene, 1, 25) {
        let servers = hosts(scene, 1, 12);
        let rate = scene.about(0.05, 4.0);
        for at in moments(scene, rate, 80) {
            let server = scene.one_of(&servers);
            let pair = pair(scene, client, server, server_port);
            let data = scene.count(18, 300);
            scene.datagram(at, &pair, &path, false, data);
            let teller = if scene.chance(by_router) { router } else { server };
            // RFC 1812: as much of the datagram as fits, or its first 8 octets.
            let length = scene.one_of(&[70, 70 + data]);
            scene.icmp(at + path.round_trip, client, teller, &path, true, length);
        }
    }
}

/// A busy address gets what was never asked for: late answers, reports about packets that others sent in its name.
pub fn backscatter(scene: &mut Scene) {
    let host = scene.local_host();
    let path = scene.path();
    let rate = scene.about(0.05, 8.0);
    for at in moments(scene, rate, 300) {
        let (from, length) = (scene.distant_host(), scene.one_of(&[56, 70, 98, 110, 590]));
        scene.icmp(at, from, host, &path, false, length);
    }
}
