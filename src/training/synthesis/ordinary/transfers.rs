//! Much data on few connections: loads, films, updates, copies, measurements.

use super::habits::{
    beside, bulk, distant_hosts, exchange, farewell, local_hosts, moments, odd_port, pair, question, requests, soon,
};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Reception};

/// Something large is fetched or sent away.
pub fn loads(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 3) {
        let (client, server) = (scene.any_host(), scene.any_host());
        let port = scene.one_of(&[80, 443, 443, 8080, 873, 20_000]);
        let back = scene.chance(0.65);
        for _ in 0..scene.count(1, 3) {
            let (at, pair) = (soon(scene), pair(scene, client, server, port));
            let exchanges = requests(scene, port, 1, (200, 600));
            let at = scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
            let octets = scene.count(100_000, 20_000_000);
            let at = bulk(scene, at, &pair, &path, back, octets);
            farewell(scene, at, &pair, &path);
        }
    }
}

/// Films and music: a piece every few seconds on a held connection, by TCP or QUIC.
pub fn streaming(scene: &mut Scene) {
    let path = scene.path();
    let is_quic = scene.chance(0.4);
    for client in local_hosts(scene, 1, 4) {
        let (server, path) = (scene.distant_host(), beside(scene, &path));
        let pair = pair(scene, client, server, 443);
        let period = scene.about(1.5, 12.0);
        let octets = scene.count(60_000, 900_000);
        let data = scene.one_of(&[1_200, 1_250, 1_350, 1_452]);
        for at in moments(scene, period.recip(), 12) {
            let asked = scene.count(60, 1_200);
            if !is_quic {
                scene.segment(at, &pair, &path, false, TcpFlags::PSH.union(TcpFlags::ACK), 66 + asked);
                bulk(scene, at + path.round_trip, &pair, &path, true, octets);
                continue;
            }
            scene.datagram(at, &pair, &path, false, asked);
            let gap = scene.about(0.000_1, 0.005);
            for number in 0..(octets / data).min(500) {
                let at = at + path.round_trip + gap * number as f64;
                scene.datagram(at, &pair, &path, true, data);
                if number % 3 == 0 {
                    scene.datagram(at + 0.000_2, &pair, &path, false, 33);
                }
            }
        }
    }
}

/// Pages by QUIC: full datagrams both ways at first, then answers; where UDP is blocked nothing comes and TCP follows.
pub fn quic(scene: &mut Scene) {
    let path = scene.path();
    let is_blocked = scene.chance(0.15);
    let servers = distant_hosts(scene, 1, 30);
    for client in local_hosts(scene, 1, 5) {
        let rate = scene.about(0.05, 3.0);
        for at in moments(scene, rate, 60) {
            let (server, path) = (scene.one_of(&servers), beside(scene, &path));
            let pair = pair(scene, client, server, 443);
            for number in 0..scene.count(1, 3) {
                scene.datagram(at + 0.3 * number as f64 * f64::from(u8::from(is_blocked)), &pair, &path, false, 1_200);
            }
            if is_blocked {
                let exchanges = requests(scene, 443, 5, (200, 20_000));
                scene.connection(at + 0.3, &pair, &path, Reception::Accepts, &exchanges, End::ByClient);
                continue;
            }
            for number in 0..scene.count(4, 120) {
                let back = scene.chance(0.65);
                let data = if back && scene.chance(0.7) { 1_250 } else { scene.count(25, 1_250) };
                let at = at + path.round_trip + 0.002 * number as f64;
                scene.datagram(at, &pair, &path, back, data);
            }
        }
    }
}

/// A share of files (SMB, NFS): many small questions, then bulk, on one connection.
pub fn file_share(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[445, 445, 2_049, 139, 548]);
    for client in local_hosts(scene, 1, 8) {
        let mut at = soon(scene);
        let pair = pair(scene, client, server, port);
        let questions: Vec<Exchange> =
            (0..scene.count(5, 200)).map(|_| exchange(scene, (90, 400), (80, 900), (0.000_2, 0.05))).collect();
        at = scene.connection(at, &pair, &path, Reception::Accepts, &questions, End::Open);
        for _ in 0..scene.count(1, 6) {
            let (back, octets) = (scene.chance(0.6), scene.count(20_000, 4_000_000));
            at = bulk(scene, at, &pair, &path, back, octets) + scene.about(0.01, 5.0);
        }
    }
}

/// Someone measures the line with datagrams as fast as they go, one way, with hardly an answer (iperf).
pub fn measurement(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.any_host());
    let path = scene.path();
    let port = if scene.chance(0.6) { 5_201 } else { odd_port(scene) };
    let control = pair(scene, client, server, port);
    let at = soon(scene);
    let exchanges =
        [exchange(scene, (37, 160), (1, 4), (0.001, 0.05)), exchange(scene, (100, 200), (1, 2), (0.001, 0.05))];
    let mut now = scene.connection(at, &control, &path, Reception::Accepts, &exchanges, End::Open);
    let pair = pair(scene, client, server, port);
    question(scene, now, &pair, &path, 4, 4);
    let (rate, data) = (scene.about(80.0, 20_000.0), scene.one_of(&[200, 512, 1_400, 1_448, 1_460, 1_470]));
    let back = scene.chance(0.3);
    for _ in 0..scene.count(500, 8_000) {
        scene.datagram(now, &pair, &path, back, data);
        now += rate.recip();
    }
    let last = [exchange(scene, (1, 300), (1, 300), (0.001, 0.05))];
    scene.connection(now, &control, &path, Reception::Accepts, &last, End::ByClient);
}
