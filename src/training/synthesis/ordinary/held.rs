//! Connections held for long with little on them: what a Slowloris attack looks like to one who counts open connections.
//!
//! Here what is asked is asked whole, answers come in the end, and the other side speaks as well.

use super::habits::{beside, exchange, farewell, hosts, moments, pair, requests, soon, tls};
use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Reception, frame_lengths};

/// Small messages go back and forth: chats, web sockets, pushed news.
pub fn messages(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[443, 443, 80, 5_222, 8_080, 4_443]);
    for client in hosts(scene, 1, 40) {
        let (at, path, pair) = (soon(scene), beside(scene, &path), pair(scene, client, server, port));
        let pause = scene.about(0.02, 20.0);
        let mut exchanges = tls(scene);
        for _ in 0..scene.count(2, 150) {
            let (asked, answered) = scene.one_of(&[((6, 300), (0, 0)), ((0, 0), (6, 2_000)), ((6, 300), (6, 300))]);
            exchanges.push(exchange(scene, asked, answered, (pause * 0.2, pause * 2.0)));
        }
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
    }
}

/// Keep-alives: an octet or none every so often, acknowledged, on connections older than the capture.
pub fn keep_alives(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[22, 443, 445, 993, 1_433, 5_223, 5_228, 5_432, 8_883]);
    let data = scene.one_of(&[0, 1, 1, 29, 35]);
    let held = scene.count(1, 12);
    for client in hosts(scene, 1, 60) {
        let rate = scene.about(0.015, 2.0);
        for _ in 0..scene.count(1, held) {
            let pair = pair(scene, client, server, port);
            let (_, empty) = frame_lengths(&pair);
            for at in moments(scene, rate, 40) {
                scene.segment(at, &pair, &path, false, TcpFlags::ACK, empty + data);
                scene.segment(at + path.round_trip, &pair, &path, true, TcpFlags::ACK, empty);
            }
        }
    }
}

/// A question that is answered when there is news, or empty after half a minute; then it is asked again.
pub fn long_polls(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[80, 443, 8_080, 3_000]);
    let patience = scene.about(2.0, 60.0);
    let each = scene.count(1, 12);
    for client in hosts(scene, 1, 50) {
        let path = beside(scene, &path);
        for _ in 0..scene.count(1, each) {
            let pair = pair(scene, client, server, port);
            let mut exchanges = requests(scene, port, 1, (100, 900));
            for _ in 0..scene.count(1, 12) {
                let news = exchange(scene, (150, 900), (80, 1_200), (0.001, 0.1));
                exchanges.push(Exchange { server_takes: scene.between(0.05, 1.0) * patience, ..news });
            }
            let (at, end) = (soon(scene), scene.one_of(&[End::Open, End::ByClient, End::ByServer]));
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
        }
    }
}

/// One source holds tens of connections to one port and uses each now and then: a proxy's pool, a browser, a test.
pub fn idle_pools(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.any_host());
    let path = scene.path();
    let port = scene.one_of(&[80, 443, 8_080, 8_000, 9_000, 5_432, 3_306]);
    let (uses, pause) = (scene.count(1, 8), scene.about(0.5, 30.0));
    let within = scene.about(0.05, 20.0);
    let begin = soon(scene);
    for _ in 0..scene.count(5, 200) {
        let pair = pair(scene, client, server, port);
        let mut exchanges = requests(scene, port, 2, (100, 4_000));
        for _ in 0..scene.below(uses + 1) {
            exchanges.push(exchange(scene, (80, 1_200), (80, 9_000), (pause * 0.1, pause * 2.0)));
        }
        let at = begin + scene.between(0.0, within);
        let end = scene.one_of(&[End::Open, End::Open, End::ByServer, End::ByClient]);
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
    }
}

/// Something is sent up a thin line: segments of any size at a slow pace, each acknowledged, and an answer at the end.
pub fn slow_uploads(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[80, 443, 8_080, 21_000]);
    for client in hosts(scene, 1, 6) {
        let path = beside(scene, &path);
        for _ in 0..scene.count(1, 6) {
            let pair = pair(scene, client, server, port);
            let (_, empty) = frame_lengths(&pair);
            let mut at = soon(scene);
            at = scene.connection(at, &pair, &path, Reception::Accepts, &[], End::Open);
            let (rate, least) = (scene.about(0.3, 60.0), scene.count(20, 1_200));
            for _ in 0..scene.count(10, 300) {
                let data = scene.count(least, 1_448);
                scene.segment(at, &pair, &path, false, TcpFlags::PSH.union(TcpFlags::ACK), empty + data);
                scene.segment(at + path.round_trip, &pair, &path, true, TcpFlags::ACK, empty);
                at += scene.wait(rate);
            }
            let answered = scene.count(100, 900);
            scene.segment(at, &pair, &path, true, TcpFlags::PSH.union(TcpFlags::ACK), empty + answered);
            farewell(scene, at + 0.01, &pair, &path);
        }
    }
}
