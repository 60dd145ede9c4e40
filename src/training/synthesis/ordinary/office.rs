//! An office network: many ports of one server in a second, one port of many devices, one proxy for all.

use super::habits::{
    beside, distant_hosts, exchange, hosts, local_hosts, moments, pair, question, reception, requests, soon,
};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Pair, Reception};

/// A host logs on to its domain: names, LDAP, Kerberos, the port mapper and what it points to, files; all answered.
pub fn logons(scene: &mut Scene) {
    let controller = scene.local_host();
    let path = scene.path();
    let high = u16::try_from(49_152 + scene.below(16_000)).unwrap_or(49_664);
    for client in local_hosts(scene, 1, 30) {
        let mut at = soon(scene);
        for _ in 0..scene.count(4, 30) {
            let port = scene.one_of(&[53, 53, 389, 88, 88, 88, 389, 135, high, high + 1, 445, 3_268, 464, 123]);
            let pair = pair(scene, client, controller, port);
            if [53, 123].contains(&port) || (port == 389 && scene.chance(0.4)) {
                let (asked, answered) = (scene.count(40, 220), scene.count(48, 400));
                question(scene, at, &pair, &path, asked, answered);
            } else {
                let exchanges: Vec<_> = (0..scene.count(1, if port == 88 { 1 } else { 12 }))
                    .map(|_| exchange(scene, (80, 1_900), (70, 1_900), (0.000_5, 0.05)))
                    .collect();
                let (reception, end) = (reception(scene, 0.02), scene.one_of(&[End::ByClient, End::Reset, End::Open]));
                scene.connection(at, &pair, &path, reception, &exchanges, end);
            }
            at += scene.about(0.002, 2.0);
        }
    }
}

/// All go to the web by a proxy: many connections of each to one port, and the proxy's to everywhere.
pub fn web_proxy(scene: &mut Scene) {
    let proxy = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[3_128, 8_080, 8_888, 1_080]);
    let clients = local_hosts(scene, 1, 60);
    let servers = distant_hosts(scene, 3, 150);
    let rate = scene.about(0.5, 30.0);
    let sees_both = scene.chance(0.6);
    for at in moments(scene, rate, 200) {
        let (client, server) = (scene.one_of(&clients), scene.one_of(&servers));
        let far = beside(scene, &path);
        let mut exchanges = vec![exchange(scene, (180, 600), (39, 150), (0.001, 0.1))];
        exchanges.extend(requests(scene, 443, 4, (80, 12_000)));
        let end = scene.one_of(&[End::ByClient, End::ByServer, End::Open]);
        let near_pair = pair(scene, client, proxy, port);
        scene.connection(at, &near_pair, &path, Reception::Accepts, &exchanges, end);
        if sees_both {
            let far_pair = pair(scene, proxy, server, 443);
            let reception = reception(scene, 0.02);
            scene.connection(at + 0.002, &far_pair, &far, reception, &exchanges[1..], end);
        }
    }
}

/// Telephones tell their exchange where they are and are asked whether they are still there (SIP), datagrams of a page.
pub fn telephones(scene: &mut Scene) {
    let exchange = scene.any_host();
    let path = scene.path();
    let period = scene.about(5.0, 60.0);
    let by_exchange = scene.between(0.0, 1.0);
    for client in hosts(scene, 1, 120) {
        let client_port = if scene.chance(0.7) { 5_060 } else { scene.ephemeral_port() };
        let pair = Pair { client, client_port, server: exchange, server_port: 5_060 };
        let (path, is_gone) = (beside(scene, &path), scene.chance(0.03));
        for at in moments(scene, period.recip(), 20) {
            let back = scene.chance(by_exchange);
            let (asked, answered) = (scene.count(330, 1_000), scene.count(280, 700));
            scene.datagram(at, &pair, &path, back, asked);
            if !is_gone {
                scene.datagram(at + path.round_trip, &pair, &path, !back, answered);
            }
        }
    }
}

/// A print server, or whoever looks for a printer, asks all of them by the ports that printers have.
pub fn printers(scene: &mut Scene) {
    let path = scene.path();
    let printers = local_hosts(scene, 1, 40);
    let off = scene.between(0.0, 0.3);
    let period = scene.about(5.0, 60.0);
    for client in local_hosts(scene, 1, 4) {
        for &printer in &printers {
            let is_off = scene.chance(off);
            for at in moments(scene, period.recip(), 12) {
                let state = pair(scene, client, printer, 161);
                scene.datagram(at, &state, &path, false, 45);
                if is_off {
                    continue;
                }
                scene.datagram(at + path.round_trip, &state, &path, true, 50);
                if scene.chance(0.4) {
                    let port = scene.one_of(&[9_100, 631, 515, 80, 443]);
                    let pair = pair(scene, client, printer, port);
                    let exchanges = [exchange(scene, (60, 20_000), (10, 2_000), (0.001, 0.2))];
                    scene.connection(at + 0.01, &pair, &path, Reception::Accepts, &exchanges, End::ByClient);
                }
            }
        }
    }
}

/// A program in parts: one host asks tens of ports of another, each answered with what it asked for.
pub fn parts(scene: &mut Scene) {
    let (client, server) = (scene.local_host(), scene.local_host());
    let path = scene.path();
    let first = scene.one_of(&[3_000, 5_000, 8_000, 8_080, 9_000, 30_000, 31_000]);
    let (parts, step) = (scene.count(3, 60), scene.one_of(&[1, 1, 1, 10, 7]));
    let rate = scene.about(0.5, 50.0);
    let failing = if scene.chance(0.7) { 0.0 } else { scene.between(0.0, 0.15) };
    for at in moments(scene, rate, 400) {
        let part = u16::try_from(scene.below(parts)).unwrap_or_default();
        let pair = pair(scene, client, server, first + part * step);
        let exchanges: Vec<_> =
            (0..scene.count(1, 5)).map(|_| exchange(scene, (60, 2_000), (60, 8_000), (0.000_3, 0.1))).collect();
        let (reception, end) = (reception(scene, failing), scene.one_of(&[End::ByClient, End::ByServer, End::Open]));
        scene.connection(at, &pair, &path, reception, &exchanges, end);
    }
}
