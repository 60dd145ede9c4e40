//! What is said to all: nobody answers, or only one.

use std::net::{IpAddr, Ipv6Addr};

use super::habits::{group, local_hosts, moments, six};
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::Host;
use crate::training::synthesis::wire::Pair;

const ALL_HOSTS: [u8; 4] = [255; 4];

/// Hosts look for services and tell their own by multicast and broadcast (mDNS, SSDP, LLMNR, `NetBIOS`, and makers' own).
pub fn services(scene: &mut Scene) {
    let path = scene.path();
    for client in local_hosts(scene, 1, 60) {
        for _ in 0..scene.count(1, 4) {
            let (to, port, is_same_port, least, most) = scene.one_of(&[
                ([224, 0, 0, 251], 5_353, true, 30, 600),
                ([239, 255, 255, 250], 1_900, false, 90, 480),
                ([224, 0, 0, 252], 5_355, false, 20, 40),
                ([239, 255, 255, 250], 3_702, false, 600, 1_200),
                (ALL_HOSTS, 137, true, 50, 70),
                (ALL_HOSTS, 138, true, 200, 230),
                (ALL_HOSTS, 17_500, true, 100, 250),
                (ALL_HOSTS, 6_667, false, 80, 250),
            ]);
            let client_port = if is_same_port { port } else { scene.ephemeral_port() };
            let pair = Pair { client, client_port, server: group(to), server_port: port };
            let (rate, repeats, gap) = (scene.about(0.01, 1.0), scene.count(1, 8), scene.about(0.05, 2.0));
            for at in moments(scene, rate, 60) {
                for number in 0..repeats {
                    let data = scene.count(least, most);
                    scene.datagram(at + gap * number as f64, &pair, &path, false, data);
                }
            }
        }
    }
}

/// Hosts ask for an address when they come up, a few at once after a power cut; sometimes no server answers.
pub fn addresses(scene: &mut Scene) {
    let server = scene.local_host();
    let nobody = Host { hardware: scene.hardware(), ..group([0; 4]) };
    let path = scene.path();
    let is_broadcast = scene.chance(0.5);
    let answers = if scene.chance(0.85) { 0.98 } else { 0.0 };
    for host in local_hosts(scene, 1, 60) {
        let mut at = scene.wait(0.1);
        let client = if scene.chance(0.7) { nobody } else { host };
        let back_to = if is_broadcast { group(ALL_HOSTS) } else { host };
        let to = if client == nobody { group(ALL_HOSTS) } else { server };
        for _ in 0..scene.count(1, 6) {
            let (asked, answered) = (scene.count(240, 330), scene.count(300, 350));
            let ask = Pair { client, client_port: 68, server: to, server_port: 67 };
            scene.datagram(at, &ask, &path, false, asked);
            if scene.chance(answers) {
                let tell = Pair { client: back_to, client_port: 68, server, server_port: 67 };
                let takes = scene.about(0.000_5, 1.0);
                scene.datagram(at + takes, &tell, &path, true, answered);
            }
            at += scene.about(0.01, 8.0);
        }
    }
}

/// Routers and switches greet each other at a steady beat (OSPF, VRRP, IGMP, spanning tree): no ports, no answers.
pub fn greetings(scene: &mut Scene) {
    let path = scene.path();
    for router in local_hosts(scene, 1, 6) {
        let to = scene.one_of(&[[224, 0, 0, 5], [224, 0, 0, 18], [224, 0, 0, 1], [224, 0, 0, 22], [224, 0, 0, 13]]);
        let (rate, length) = (scene.about(0.05, 10.0), scene.count(42, 120));
        for at in moments(scene, rate, 1_000) {
            scene.unnamed(at, router, group(to), &path, length);
        }
    }
}

/// Neighbours of IPv6 are asked for by groups and told, routers call, groups are joined: all nameless to the sniffer.
pub fn neighbours(scene: &mut Scene) {
    let path = scene.path();
    let hosts = local_hosts(scene, 2, 80);
    let all =
        |last| Host { address: IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last)), ..group([224, 0, 0, 1]) };
    let rate = scene.about(0.2, 15.0);
    for at in moments(scene, rate, 500) {
        let (from, to) = (six(scene.one_of(&hosts)), six(scene.one_of(&hosts)));
        let length = 90 + 20 * scene.below(6);
        match scene.below(6) {
            0 => scene.unnamed(at, from, all(1), &path, 118),
            1 => scene.unnamed(at, from, all(16), &path, length),
            2 => scene.unnamed(at, from, all(2), &path, 62),
            _ => {
                let last = u16::try_from(scene.below(60_000)).unwrap_or_default();
                let asked = if scene.chance(0.6) { all(last) } else { to };
                scene.unnamed(at, from, asked, &path, 86);
                if scene.chance(0.8) {
                    scene.unnamed(at + path.round_trip, to, from, &path, 86);
                }
            }
        }
    }
}

/// A sender's pictures or prices to a group: thousands of full datagrams that nobody answers.
pub fn multicast_video(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 3) {
        let client = scene.any_host();
        let third = u8::try_from(scene.below(250)).unwrap_or(1);
        let pair = Pair {
            client,
            client_port: scene.ephemeral_port(),
            server: group([239, 1, third, 7]),
            server_port: scene.one_of(&[1_234, 5_004, 5_000, 10_000, 30_001]),
        };
        let (rate, data) = (scene.about(20.0, 1_500.0), scene.one_of(&[188, 564, 1_316, 1_328]));
        for at in moments(scene, rate, 2_500) {
            scene.datagram(at, &pair, &path, false, data);
        }
    }
}
