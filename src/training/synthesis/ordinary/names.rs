//! Names and clocks: small datagrams, asked and answered.

use super::habits::{beside, distant_hosts, hosts, local_hosts, moments, pair, question};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::Pair;

/// Hosts ask a resolver.
pub fn lookups(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    for client in local_hosts(scene, 1, 30) {
        let rate = scene.about(0.02, 5.0);
        for at in moments(scene, rate, 300) {
            let pair = pair(scene, client, server, 53);
            let (asked, answered) = (scene.count(20, 60), scene.count(40, 450));
            question(scene, at, &pair, &path, asked, answered);
        }
    }
}

/// A recursive resolver asks the servers of hundreds of zones, few of them twice; some never answer.
pub fn recursion(scene: &mut Scene) {
    let resolver = scene.local_host();
    let path = scene.path();
    let servers = distant_hosts(scene, 20, 800);
    let rate = scene.about(0.5, 80.0);
    let unanswered = scene.between(0.0, 0.2);
    let is_one_port = scene.chance(0.1);
    let port = scene.ephemeral_port();
    for at in moments(scene, rate, 3_000) {
        let server = scene.one_of(&servers);
        let path = beside(scene, &path);
        let client_port = if is_one_port { port } else { scene.ephemeral_port() };
        let pair = Pair { client: resolver, client_port, server, server_port: 53 };
        let (asked, answered) = (scene.count(25, 80), scene.count(45, 1_400));
        if scene.chance(unanswered) {
            scene.datagram(at, &pair, &path, false, asked);
            let again = at + scene.about(0.3, 2.0);
            scene.datagram(again, &pair, &path, false, asked);
        } else {
            question(scene, at, &pair, &path, asked, answered);
        }
    }
}

/// Hundreds of clients send one or a few questions each to a clock or a name server that many use.
pub fn popular_server(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let is_clock = scene.chance(0.6);
    let clients = hosts(scene, 30, 1_500);
    let rate = scene.about(0.5, 120.0);
    let answers = if scene.chance(0.7) { 1.0 } else { scene.between(0.5, 1.0) };
    let comes_once = scene.chance(0.5);
    for (number, at) in moments(scene, rate, 3_000).into_iter().enumerate() {
        let next = if comes_once { clients.get(number).copied() } else { Some(scene.one_of(&clients)) };
        let Some(client) = next else { break };
        let mut pair = pair(scene, client, server, if is_clock { 123 } else { 53 });
        if is_clock && scene.chance(0.4) {
            pair.client_port = 123;
        }
        let path = beside(scene, &path);
        let (asked, answered) = if is_clock { (48, 48) } else { (scene.count(20, 70), scene.count(40, 500)) };
        scene.datagram(at, &pair, &path, false, asked);
        if scene.chance(answers) {
            scene.datagram(at + path.round_trip, &pair, &path, true, answered);
        }
    }
}

/// Hosts ask the clocks of a pool: a handful of datagrams at the beginning, then seldom.
pub fn clocks(scene: &mut Scene) {
    let path = scene.path();
    let servers = distant_hosts(scene, 1, 8);
    let data = scene.one_of(&[48, 48, 48, 68]);
    for client in local_hosts(scene, 1, 40) {
        let client_port = if scene.chance(0.5) { 123 } else { scene.ephemeral_port() };
        let (period, first) = (scene.about(1.0, 64.0), scene.one_of(&[1, 1, 4, 8]));
        for server in servers.iter().copied() {
            let path = beside(scene, &path);
            let pair = Pair { client, client_port, server, server_port: 123 };
            for at in moments(scene, period.recip(), 60) {
                question(scene, at, &pair, &path, data, data);
            }
            for number in 1..first {
                question(scene, 2.0 * f64::from(number), &pair, &path, data, data);
            }
        }
    }
}

/// Long names of content networks, reputation and block lists: each question unlike the others, answers short or long.
pub fn long_names(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    let (shortest, longest) = (scene.count(35, 70), scene.count(80, 180));
    let texts = if scene.chance(0.5) { 0.0 } else { scene.between(0.1, 1.0) };
    for client in local_hosts(scene, 1, 5) {
        let (rate, burst) = (scene.about(0.05, 10.0), scene.count(1, 8));
        let is_one_port = scene.chance(0.15);
        let port = scene.ephemeral_port();
        for at in moments(scene, rate, 300) {
            for number in 0..=scene.below(burst) {
                let client_port = if is_one_port { port } else { scene.ephemeral_port() };
                let pair = Pair { client, client_port, server, server_port: 53 };
                let asked = scene.count(shortest, longest);
                let answered = asked + if scene.chance(texts) { scene.count(40, 900) } else { scene.count(16, 160) };
                question(scene, at + 0.003 * number as f64, &pair, &path, asked, answered);
            }
        }
    }
}

/// A mail server looks up what it needs to believe a sender: policies, keys and block lists, a handful for each mail.
pub fn mail_lookups(scene: &mut Scene) {
    let (client, server) = (scene.local_host(), scene.any_host());
    let path = scene.path();
    let rate = scene.about(0.03, 3.0);
    for at in moments(scene, rate, 150) {
        let mut now = at;
        for _ in 0..scene.count(3, 18) {
            let pair = pair(scene, client, server, 53);
            // PTR and A, block lists without an entry, SPF, DKIM.
            let (asked, answered) = match scene.below(4) {
                0 => (scene.count(30, 60), scene.count(50, 150)),
                1 => (scene.count(40, 75), scene.count(100, 160)),
                2 => (scene.count(28, 50), scene.count(80, 800)),
                _ => (scene.count(50, 110), scene.count(200, 1_300)),
            };
            question(scene, now, &pair, &path, asked, answered);
            now += path.round_trip + scene.about(0.000_5, 0.2);
        }
    }
}
