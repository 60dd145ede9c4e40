//! The web of people and programs: many short connections in bursts, or few long ones.

use super::habits::{
    beside, distant_hosts, exchange, hosts, local_hosts, moments, odd_port, pair, question, reception, requests, soon,
};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Reception};

const ENDS: &[End] = &[End::ByClient, End::ByClient, End::ByServer, End::Reset, End::Open];

/// People read: a page is a burst of connections to many servers in a second, then nothing for a while.
pub fn browsing(scene: &mut Scene) {
    let path = scene.path();
    let resolver = scene.any_host();
    let servers = distant_hosts(scene, 3, 40);
    for client in local_hosts(scene, 1, 4) {
        let reading = scene.about(3.0, 60.0);
        for at in moments(scene, reading.recip(), 5) {
            let within = scene.about(0.3, 4.0);
            for _ in 0..scene.count(2, 60) {
                let at = at + scene.between(0.0, within);
                let path = beside(scene, &path);
                let lookup = pair(scene, client, resolver, 53);
                let (asked, answered) = (scene.count(25, 60), scene.count(45, 400));
                question(scene, at, &lookup, &path, asked, answered);
                let port = if scene.chance(0.85) { 443 } else { 80 };
                let (server, exchanges) = (scene.one_of(&servers), requests(scene, port, 8, (100, 30_000)));
                let (pair, end) = (pair(scene, client, server, port), scene.one_of(ENDS));
                let reception = reception(scene, 0.01);
                scene.connection(at + path.round_trip, &pair, &path, reception, &exchanges, end);
            }
        }
    }
}

/// The same page again and again from one server, by some parallel connections each time.
pub fn pages(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.any_host());
    let path = scene.path();
    let port = scene.one_of(&[80, 443, 8080, 8443]);
    let (parallel, kept) = (scene.count(2, 8), scene.count(1, 12));
    let reading = scene.about(1.0, 40.0);
    let end = scene.one_of(ENDS);
    for at in moments(scene, reading.recip(), 40) {
        for _ in 0..parallel {
            let pair = pair(scene, client, server, port);
            let exchanges = requests(scene, port, kept, (150, 60_000));
            let at = at + scene.about(0.001, 0.4);
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
        }
    }
}

/// A program asks an interface at a steady beat, on one connection or on a new one each time; answers are equal or not.
pub fn interface_polling(scene: &mut Scene) {
    let path = scene.path();
    let server = scene.any_host();
    let port = scene.one_of(&[80, 443, 8080, 3000, 5000, 9200]);
    let answered = if scene.chance(0.5) { (180, 200) } else { (100, 20_000) };
    for client in hosts(scene, 1, 4) {
        let rate = scene.about(0.1, 20.0);
        let is_kept = scene.chance(0.5);
        let end = scene.one_of(ENDS);
        if is_kept {
            let (at, pair) = (soon(scene), pair(scene, client, server, port));
            let exchanges: Vec<_> = (0..scene.count(5, 300))
                .map(|_| exchange(scene, (150, 500), answered, (0.5 / rate, 1.5 / rate)))
                .collect();
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
            continue;
        }
        for at in moments(scene, rate, 200) {
            let pair = pair(scene, client, server, port);
            let exchanges = requests(scene, port, 1, answered);
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
        }
    }
}

/// A smart home: a hub asks its devices, or some ask the hub, for tiny states that hardly differ, a connection each.
pub fn smart_home(scene: &mut Scene) {
    let hub = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[80, 80, 8080, 8123, 8081, 5000]);
    let (asked, answered) = (scene.count(70, 350), scene.count(60, 700));
    let is_asking = scene.chance(0.5);
    let end = scene.one_of(&[End::ByServer, End::ByServer, End::ByClient, End::Reset]);
    let failing = if scene.chance(0.8) { 0.0 } else { scene.between(0.0, 0.3) };
    let devices = local_hosts(scene, 1, 25);
    let fastest = 30.0 / devices.len() as f64;
    for device in devices {
        let (client, server) = if is_asking { (hub, device) } else { (device, hub) };
        let rate = scene.about(0.05, fastest);
        for at in moments(scene, rate, 250) {
            let exchanges = [exchange(scene, (asked, asked + 9), (answered, answered + 30), (0.000_5, 0.05))];
            let pair = pair(scene, client, server, port);
            let reception = reception(scene, failing);
            scene.connection(at, &pair, &path, reception, &exchanges, end);
        }
    }
}

/// A web server with tens to hundreds of clients.
pub fn web_server(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[80, 443, 443, 8080]);
    let clients = hosts(scene, 10, 500);
    let (rate, kept) = (scene.about(0.5, 40.0), scene.count(1, 8));
    for at in moments(scene, rate, 300) {
        let client = scene.one_of(&clients);
        let path = beside(scene, &path);
        let parallel = if scene.chance(0.6) { 1 } else { scene.count(2, 6) };
        for _ in 0..parallel {
            let pair = pair(scene, client, server, port);
            let exchanges = requests(scene, port, kept, (120, 12_000));
            let end = scene.one_of(ENDS);
            scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end);
        }
    }
}

/// A reverse proxy sends everything on to one port behind it, a short connection each: one source, and a lot of it.
pub fn reverse_proxy(scene: &mut Scene) {
    let proxy = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[80, 8080, 8000, 9000, 3000, 5000]);
    let servers = local_hosts(scene, 1, 6);
    let (rate, most) = (scene.about(1.0, 150.0), scene.count(200, 900));
    let answered = (scene.count(80, 400), scene.count(1_000, 15_000));
    let end = scene.one_of(&[End::ByServer, End::ByServer, End::ByClient]);
    for at in moments(scene, rate, most) {
        let server = scene.one_of(&servers);
        let pair = pair(scene, proxy, server, port);
        let exchanges = [exchange(scene, (200, 1_400), answered, (0.000_3, 0.01))];
        let reception = reception(scene, 0.002);
        scene.connection(at, &pair, &path, reception, &exchanges, end);
    }
}

/// A crawler reads a site, or many sites, a few pages a second; it keeps off where it is refused.
pub fn crawler(scene: &mut Scene) {
    let client = scene.any_host();
    let path = scene.path();
    let servers = hosts(scene, 1, 150);
    let rate = scene.about(0.2, 15.0);
    let failing = scene.between(0.0, 0.1);
    for at in moments(scene, rate, 250) {
        let server = scene.one_of(&servers);
        let path = beside(scene, &path);
        let port = scene.one_of(&[80, 443, 443]);
        let pair = pair(scene, client, server, port);
        let exchanges = requests(scene, port, 3, (200, 40_000));
        let (reception, end) = (reception(scene, failing), scene.one_of(ENDS));
        scene.connection(at, &pair, &path, reception, &exchanges, end);
    }
}

/// A load balancer asks each host behind it whether it lives: a connection, perhaps a question, and gone.
pub fn health_checks(scene: &mut Scene) {
    let balancer = scene.local_host();
    let path = scene.path();
    let port = if scene.chance(0.6) { scene.one_of(&[80, 443, 8080, 3306, 22, 25, 6379]) } else { odd_port(scene) };
    let is_asking = scene.chance(0.6);
    let end = scene.one_of(&[End::Reset, End::Reset, End::ByClient]);
    let rate = scene.about(0.1, 4.0);
    for server in local_hosts(scene, 1, 40) {
        let is_down = scene.chance(0.06);
        let down = scene.one_of(&[Reception::Refuses, Reception::Silent]);
        for at in moments(scene, rate, 60) {
            let pair = pair(scene, balancer, server, port);
            let exchanges = [exchange(scene, (30, 200), (20, 400), (0.000_2, 0.01))];
            let asked = if is_asking { &exchanges[..] } else { &[] };
            let reception = if is_down { down } else { Reception::Accepts };
            scene.connection(at, &pair, &path, reception, asked, end);
        }
    }
}
