//! Services that one logs in to, used as they are meant to be.

use super::habits::{beside, bulk, exchange, farewell, hosts, moments, odd_port, pair, question, reception, soon, tls};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception};

/// Versions, keys and one login of SSH, as every client that may come in does them.
pub fn ssh_login(scene: &mut Scene) -> Vec<Exchange> {
    let mut exchanges = vec![
        exchange(scene, (0, 0), (21, 45), (0.000_2, 0.01)),
        exchange(scene, (21, 45), (0, 0), (0.000_2, 0.01)),
        exchange(scene, (700, 1_600), (700, 1_200), (0.001, 0.05)),
        exchange(scene, (48, 1_300), (400, 1_600), (0.001, 0.05)),
        exchange(scene, (16, 60), (0, 0), (0.000_2, 0.01)),
        exchange(scene, (40, 64), (40, 64), (0.000_5, 0.1)),
    ];
    // None, keys that do not fit, the one that does.
    for _ in 0..scene.count(1, 4) {
        exchanges.push(exchange(scene, (60, 700), (36, 400), (0.000_5, 0.2)));
    }
    exchanges
}

/// One types: a key stroke and its echo, pauses, now and then a screen full (SSH, Telnet).
pub fn terminals(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 5) {
        let (client, server) = (scene.any_host(), scene.any_host());
        let port = scene.one_of(&[22, 22, 22, 2_222, 23]);
        let pair = pair(scene, client, server, port);
        let is_cipher = port != 23;
        let mut exchanges = if is_cipher { ssh_login(scene) } else { Vec::new() };
        if scene.chance(0.2) {
            // Mistyped, and again.
            exchanges.push(exchange(scene, (84, 148), (52, 84), (1.0, 6.0)));
        }
        let key = if is_cipher { (36, 52) } else { (1, 2) };
        for _ in 0..scene.count(5, 400) {
            let answered = if scene.chance(0.1) { (100, 20_000) } else { key };
            let thinks = if scene.chance(0.1) { (0.5, 12.0) } else { (0.05, 0.4) };
            exchanges.push(exchange(scene, key, answered, thinks));
        }
        let (at, end) = (soon(scene), scene.one_of(&[End::Open, End::Open, End::ByClient]));
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
    }
}

/// A far screen (RDP, VNC): small moves there, pictures back, at the pace of a hand.
pub fn screens(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 4) {
        let (client, server) = (scene.any_host(), scene.any_host());
        let port = scene.one_of(&[3_389, 3_389, 5_900, 5_901]);
        let pair = pair(scene, client, server, port);
        let mut exchanges = vec![exchange(scene, (12, 50), (12, 30), (0.001, 0.1))];
        exchanges.extend(tls(scene));
        for _ in 0..scene.count(4, 12) {
            exchanges.push(exchange(scene, (16, 600), (16, 500), (0.001, 0.5)));
        }
        let pause = scene.about(0.02, 0.5);
        for _ in 0..scene.count(20, 500) {
            let answered = if scene.chance(0.6) { (30, 900) } else { (900, 15_000) };
            exchanges.push(exchange(scene, (10, 120), answered, (pause * 0.3, pause * 3.0)));
        }
        let at = soon(scene);
        scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
    }
}

/// Copies by SSH (scp, rsync, git): some connections, one after another or side by side, each with bulk.
pub fn copies(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.any_host());
    let path = scene.path();
    let port = if scene.chance(0.85) { 22 } else { odd_port(scene) };
    let most = scene.count(20_000, 10_000_000);
    let is_side_by_side = scene.chance(0.4);
    let back = scene.chance(0.4);
    let mut at = soon(scene);
    let begin = at;
    for _ in 0..scene.count(1, 15) {
        let pair = pair(scene, client, server, port);
        let exchanges = ssh_login(scene);
        at = scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, End::Open);
        let octets = scene.count(5_000, most);
        at = bulk(scene, at, &pair, &path, back, octets);
        farewell(scene, at, &pair, &path);
        at = if is_side_by_side { begin + scene.about(0.01, 2.0) } else { at + scene.about(0.05, 10.0) };
    }
}

/// Builders fetch by SSH (git, backups of settings): a login, a question and what comes, again and again.
pub fn fetches(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    let port = if scene.chance(0.8) { 22 } else { odd_port(scene) };
    let largest = scene.count(800, 200_000);
    let clients = hosts(scene, 1, 15);
    let fastest = (3.0 / clients.len() as f64).max(0.06);
    for client in clients {
        let rate = scene.about(0.03, fastest);
        for at in moments(scene, rate, 60) {
            let pair = pair(scene, client, server, port);
            let mut exchanges = ssh_login(scene);
            for _ in 0..scene.count(1, 6) {
                exchanges.push(exchange(scene, (50, 900), (60, largest), (0.001, 0.1)));
            }
            let end = scene.one_of(&[End::ByClient, End::ByClient, End::ByServer]);
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
        }
    }
}

/// Clients ask for mail every so often and for each of their boxes (IMAP, POP), or keep a connection for it.
pub fn mail_polling(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    let port = scene.one_of(&[110, 143, 993, 995]);
    let failing = if scene.chance(0.8) { 0.0 } else { scene.between(0.0, 0.4) };
    for client in hosts(scene, 1, 60) {
        let (period, boxes) = (scene.about(4.0, 90.0), scene.count(1, 4));
        let path = beside(scene, &path);
        for at in moments(scene, period.recip(), 6) {
            for number in 0..boxes {
                let mut exchanges = if port > 900 { tls(scene) } else { Vec::new() };
                exchanges.push(exchange(scene, (0, 0), (20, 150), (0.001, 0.05)));
                for _ in 0..scene.count(3, 14) {
                    exchanges.push(exchange(scene, (6, 90), (20, 700), (0.000_5, 0.08)));
                }
                if scene.chance(0.3) {
                    exchanges.push(exchange(scene, (20, 60), (1_500, 80_000), (0.001, 0.1)));
                }
                let pair = pair(scene, client, server, port);
                let reception = reception(scene, failing);
                scene.connection(at + 0.1 * number as f64, &pair, &path, reception, &exchanges, End::ByClient);
            }
        }
    }
}

/// A mail server takes mail from many and sends it to many, some of whom are not there.
pub fn mail_server(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let peers = hosts(scene, 5, 150);
    let resolver = scene.any_host();
    let rate = scene.about(0.05, 6.0);
    let (sends, failing) = (scene.between(0.0, 0.7), scene.between(0.0, 0.15));
    for at in moments(scene, rate, 250) {
        let (peer, path) = (scene.one_of(&peers), beside(scene, &path));
        let is_sent = scene.chance(sends);
        let (client, to) = if is_sent { (server, peer) } else { (peer, server) };
        let lookup = pair(scene, server, resolver, 53);
        question(scene, at, &lookup, &path, 40, 120);
        let port = if is_sent { 25 } else { scene.one_of(&[25, 25, 587, 465]) };
        let pair = pair(scene, client, to, port);
        let mut exchanges = vec![exchange(scene, (0, 0), (30, 150), (0.001, 0.1))];
        for _ in 0..scene.count(3, 9) {
            exchanges.push(exchange(scene, (10, 120), (10, 250), (0.001, 0.2)));
        }
        exchanges.push(exchange(scene, (900, 90_000), (20, 90), (0.001, 0.2)));
        let reception = if is_sent { reception(scene, failing) } else { Reception::Accepts };
        scene.connection(at + path.round_trip, &pair, &path, reception, &exchanges, End::ByClient);
    }
}

/// One login of FTP, then a data connection for each file and each list, to ports that nobody knew before.
pub fn file_transfers(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 3) {
        let (client, server) = (scene.any_host(), scene.any_host());
        let control = pair(scene, client, server, 21);
        let is_active = scene.chance(0.25);
        let mut commands = vec![exchange(scene, (0, 0), (20, 300), (0.001, 0.1))];
        let files = scene.count(1, 60);
        let pause = scene.about(0.02, 3.0);
        for _ in 0..3 + 3 * files {
            commands.push(exchange(scene, (6, 60), (20, 90), (pause * 0.2, pause)));
        }
        let at = soon(scene);
        let over = scene.connection(at, &control, &path, Reception::Accepts, &commands, End::ByClient);
        let largest = scene.count(500, 300_000);
        for _ in 0..files {
            let begin = scene.between(at, over);
            let passive = pair(scene, client, server, 0);
            let port = odd_port(scene);
            let data = if is_active {
                Pair { client: server, client_port: 20, server: client, server_port: port }
            } else {
                Pair { server_port: port, ..passive }
            };
            let file = exchange(scene, (0, 0), (50, largest), (0.000_2, 0.01));
            scene.connection(begin, &data, &path, Reception::Accepts, &[file], End::ByServer);
        }
    }
}
