//! Programs among themselves: data bases, sensors, monitoring, automation.

use super::habits::{beside, exchange, hosts, local_hosts, moments, odd_port, pair, reception, soon, tls};
use super::logins::ssh_login;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Reception};

const DATABASES: &[u16] = &[5_432, 3_306, 1_433, 1_521, 6_379, 27_017];

/// A pool of connections to a data base, each with a steady run of questions.
pub fn database_pools(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(DATABASES);
    for client in local_hosts(scene, 1, 5) {
        let pause = scene.about(0.01, 3.0);
        for _ in 0..scene.count(1, 20) {
            let pair = pair(scene, client, server, port);
            let mut exchanges = login(scene);
            for _ in 0..scene.count(5, 120) {
                exchanges.push(exchange(scene, (20, 1_500), (12, 15_000), (pause * 0.1, pause * 3.0)));
            }
            let at = soon(scene);
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
        }
    }
}

/// A program that connects anew for each question: login, a question or some, gone.
pub fn database_questions(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(DATABASES);
    let failing = if scene.chance(0.8) { 0.0 } else { scene.between(0.0, 0.2) };
    for client in hosts(scene, 1, 3) {
        let (rate, most) = (scene.about(0.1, 30.0), scene.count(1, 8));
        let end = scene.one_of(&[End::ByClient, End::ByClient, End::Reset]);
        for at in moments(scene, rate, 200) {
            let pair = pair(scene, client, server, port);
            let mut exchanges = login(scene);
            for _ in 0..scene.count(1, most) {
                exchanges.push(exchange(scene, (15, 900), (12, 9_000), (0.000_3, 0.05)));
            }
            let reception = reception(scene, failing);
            scene.connection(at, &pair, &path, reception, &exchanges, end);
        }
    }
}

fn login(scene: &mut Scene) -> Vec<Exchange> {
    (0..scene.count(1, 5)).map(|_| exchange(scene, (8, 250), (9, 450), (0.000_2, 0.01))).collect()
}

/// Sensors publish on a held connection (MQTT): small messages, with or without an acknowledgement.
pub fn sensors(scene: &mut Scene) {
    let broker = scene.any_host();
    let path = scene.path();
    let port = scene.one_of(&[1_883, 1_883, 8_883, 5_683]);
    let is_acknowledged = scene.chance(0.5);
    for client in local_hosts(scene, 1, 80) {
        let pair = pair(scene, client, broker, port);
        let mut exchanges = if port == 8_883 { tls(scene) } else { Vec::new() };
        exchanges.push(exchange(scene, (20, 120), (4, 5), (0.001, 0.1)));
        let pause = scene.about(0.05, 30.0);
        let data = scene.count(8, 300);
        for _ in 0..scene.count(2, 100) {
            let answered = if is_acknowledged { (4, 5) } else { (0, 0) };
            exchanges.push(exchange(scene, (data, data + 20), answered, (pause * 0.9, pause * 1.1)));
        }
        let at = soon(scene);
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
    }
}

/// Devices that connect anew for each message or lose their connection every few seconds.
pub fn reconnecting_devices(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    let port = if scene.chance(0.7) { scene.one_of(&[1_883, 8_883, 443, 80, 5_222]) } else { odd_port(scene) };
    let failing = if scene.chance(0.7) { 0.0 } else { scene.between(0.0, 0.5) };
    let end = scene.one_of(&[End::ByClient, End::ByServer, End::Reset]);
    let data = scene.count(10, 400);
    for client in local_hosts(scene, 1, 60) {
        let period = scene.about(0.5, 40.0);
        for at in moments(scene, period.recip(), 20) {
            let pair = pair(scene, client, server, port);
            let mut exchanges = vec![exchange(scene, (15, 150), (4, 60), (0.001, 0.05))];
            for _ in 0..scene.count(1, 5) {
                exchanges.push(exchange(scene, (data, data + 30), (2, 40), (0.001, 1.0)));
            }
            let reception = reception(scene, failing);
            scene.connection(at, &pair, &path, reception, &exchanges, end);
        }
    }
}

/// Monitoring: every so often a look at the same few services of all hosts, or a login to ask how they are.
pub fn monitoring(scene: &mut Scene) {
    let watcher = scene.local_host();
    let path = scene.path();
    let logs_in = scene.chance(0.35);
    let services: Vec<u16> = (0..scene.count(1, 6))
        .map(|_| {
            scene.one_of(&[22, 25, 53, 80, 110, 143, 161, 443, 445, 3_306, 3_389, 5_432, 5_666, 8_080, 9_100, 10_050])
        })
        .collect();
    let period = scene.about(4.0, 60.0);
    let spread = if scene.chance(0.5) { 0.05 } else { period };
    let failing = scene.between(0.0, 0.08);
    let end = scene.one_of(&[End::ByClient, End::Reset]);
    let begin = scene.between(0.0, period.min(20.0));
    for host in local_hosts(scene, 2, 50) {
        let reception = reception(scene, failing);
        let shift = scene.between(0.0, spread);
        for round in 0..8u8 {
            let mut at = begin + shift + period * f64::from(round);
            for port in if logs_in { &[22][..] } else { &services } {
                let pair = pair(scene, watcher, host, *port);
                let mut exchanges = if logs_in { ssh_login(scene) } else { login(scene) };
                for _ in 0..if logs_in { scene.count(3, 14) } else { 0 } {
                    exchanges.push(exchange(scene, (36, 300), (36, 3_000), (0.000_5, 0.1)));
                }
                let asked = if logs_in || scene.chance(0.7) { &exchanges[..] } else { &[] };
                at = scene.connection(at, &pair, &path, reception, asked, end) + scene.about(0.001, 0.2);
            }
        }
    }
}

/// An administrator's tool logs in to one host after another, some at a time, and does the same on each.
pub fn automation(scene: &mut Scene) {
    let from = scene.any_host();
    let path = scene.path();
    let port = scene.one_of(&[22, 22, 22, 5_986]);
    let (tasks, most) = (scene.count(1, 8), scene.count(300, 30_000));
    let failing = scene.between(0.0, 0.08);
    let is_kept = scene.chance(0.6);
    let mut start = soon(scene);
    let each = scene.about(0.05, 4.0);
    for host in hosts(scene, 3, 60) {
        let (path, reception) = (beside(scene, &path), reception(scene, failing));
        start += scene.about(each * 0.3, each);
        let mut at = start;
        for task in 0..tasks {
            let mut exchanges = if is_kept && task > 0 { Vec::new() } else { ssh_login(scene) };
            for _ in 0..scene.count(2, 12) {
                exchanges.push(exchange(scene, (60, most), (40, 2_000), (0.002, 0.5)));
            }
            let pair = pair(scene, from, host, port);
            at = scene.connection(at, &pair, &path, reception, &exchanges, End::ByClient) + scene.about(0.01, 1.0);
        }
    }
}

/// Figures are fetched from all targets at a steady beat, on kept connections or new ones (Prometheus).
pub fn scrapes(scene: &mut Scene) {
    let collector = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[9_100, 9_090, 8_080, 10_250, 443, 6_443]);
    let period = scene.about(1.0, 20.0);
    let is_kept = scene.chance(0.5);
    let answered = (scene.count(300, 3_000), scene.count(4_000, 30_000));
    for target in local_hosts(scene, 3, 60) {
        let is_dead = scene.chance(0.03);
        let begin = scene.between(0.0, period);
        if is_kept && !is_dead {
            let pair = pair(scene, collector, target, port);
            let asked: Vec<Exchange> =
                (0..15).map(|_| exchange(scene, (150, 400), answered, (period * 0.98, period))).collect();
            scene.connection(begin, &pair, &path, Reception::Accepts, &asked, End::Open);
            continue;
        }
        for round in 0..20u8 {
            let pair = pair(scene, collector, target, port);
            let asked = [exchange(scene, (150, 400), answered, (0.000_5, 0.01))];
            let reception = if is_dead { Reception::Silent } else { Reception::Accepts };
            scene.connection(begin + period * f64::from(round), &pair, &path, reception, &asked, End::ByClient);
        }
    }
}
