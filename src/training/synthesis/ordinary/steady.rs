//! What runs at one pace for hours: voices, logs, figures, machines.

use super::habits::{beside, exchange, group, hosts, local_hosts, moments, odd_port, pair, soon};
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception};

/// Voice both ways: small equal datagrams at a steady beat on even ports, a report every few seconds (RTP, RTCP).
pub fn voices(scene: &mut Scene) {
    let path = scene.path();
    let exchange = scene.any_host();
    let data = scene.one_of(&[32, 52, 72, 92, 172, 172]);
    for client in hosts(scene, 1, 12) {
        let rate = scene.one_of(&[33.3, 50.0, 50.0, 100.0]);
        let port = u16::try_from(10_000 + 2 * scene.below(20_000)).unwrap_or(10_000);
        let pair = Pair { client_port: port, ..pair(scene, client, exchange, port ^ 64) };
        let report = Pair { client_port: port + 1, server_port: pair.server_port + 1, ..pair };
        let begin = soon(scene);
        let silent = if scene.chance(0.3) { scene.between(0.2, 0.7) } else { 0.0 };
        for number in 0..scene.count(150, 1_000) {
            let at = begin + number as f64 / rate;
            for back in [false, true] {
                if !scene.chance(silent) {
                    scene.datagram(at, &pair, &path, back, data);
                }
            }
            if number % 250 == 0 {
                scene.datagram(at, &report, &path, false, 72);
                scene.datagram(at, &report, &path, true, 72);
            }
        }
    }
}

/// A camera or a call with pictures: a picture is a train of full datagrams, thirty a second, more one way than back.
pub fn pictures(scene: &mut Scene) {
    let path = scene.path();
    for _ in 0..scene.count(1, 4) {
        let (client, server) = (scene.any_host(), scene.any_host());
        let port = scene.one_of(&[8_801, 3_479, 19_302, 5_004, 554, 9_000]);
        let pair = pair(scene, client, server, port);
        let (beat, train) = (scene.about(5.0, 30.0), scene.count(2, 20));
        let (data, is_both) = (scene.count(800, 1_300), scene.chance(0.5));
        for at in moments(scene, beat, 200) {
            for back in if is_both { &[false, true][..] } else { &[false] } {
                for number in 0..scene.count(1, train) {
                    scene.datagram(at + 0.000_2 * number as f64, &pair, &path, *back, data);
                }
                let rest = scene.count(40, data);
                scene.datagram(at + 0.005, &pair, &path, *back, rest);
            }
            scene.datagram(at + 0.006, &pair, &path, true, 50);
        }
    }
}

/// Logs and figures of many to one that never answers (syslog, `NetFlow`, `StatsD`, SNMP traps).
pub fn collector(scene: &mut Scene) {
    let server = scene.local_host();
    let path = scene.path();
    let server_port = scene.one_of(&[514, 514, 2_055, 4_739, 6_343, 8_125, 162, 9_995, 12_201]);
    let (shortest, longest) = (scene.count(20, 200), scene.count(250, 1_430));
    let is_same_port = scene.chance(0.6);
    let most = scene.about(0.1, 300.0);
    let clients = hosts(scene, 1, 400);
    let each = (6_000 / clients.len()).min(800);
    for client in clients {
        let kept = pair(scene, client, server, server_port);
        let (rate, burst) = (scene.about(0.02, most.max(0.05)), scene.count(1, 4));
        let data = (scene.count(shortest, longest), scene.chance(0.3));
        for at in moments(scene, rate, each) {
            for number in 0..=scene.below(burst) {
                let pair = if is_same_port { kept } else { pair(scene, client, server, server_port) };
                let data = if data.1 { data.0 } else { scene.count(shortest, longest) };
                scene.datagram(at + 0.000_3 * number as f64, &pair, &path, false, data);
            }
        }
    }
}

/// Figures are asked for by datagrams from every device, some questions in a row (SNMP).
pub fn figures(scene: &mut Scene) {
    let asker = scene.local_host();
    let path = scene.path();
    let period = scene.about(2.0, 60.0);
    let questions = scene.count(1, 60);
    let gone = scene.between(0.0, 0.1);
    for device in local_hosts(scene, 1, 80) {
        let (path, is_gone) = (beside(scene, &path), scene.chance(gone));
        let pair = pair(scene, asker, device, 161);
        for at in moments(scene, period.recip(), 30) {
            let mut now = at;
            for _ in 0..if is_gone { 3 } else { questions } {
                let (question, answer) = (scene.count(38, 120), scene.count(40, 1_000));
                scene.datagram(now, &pair, &path, false, question);
                if !is_gone {
                    scene.datagram(now + path.round_trip, &pair, &path, true, answer);
                }
                now += if is_gone { 1.0 } else { path.round_trip + 0.002 };
            }
        }
    }
}

/// A controller asks its machines on held connections for ever the same (Modbus, S7, EtherNet/IP, IEC 104, DNP3).
pub fn machines(scene: &mut Scene) {
    let controller = scene.local_host();
    let path = scene.path();
    let port = scene.one_of(&[502, 502, 102, 44_818, 2_404, 20_000, 4_840]);
    let (asked, answered) = (scene.count(8, 60), scene.count(9, 250));
    let is_kept = scene.chance(0.8);
    for machine in local_hosts(scene, 1, 20) {
        let rate = scene.about(0.5, 300.0);
        let varies = if scene.chance(0.5) { 1 } else { 24 };
        let begin = soon(scene) * 0.3;
        let questions: Vec<Exchange> = (0..scene.count(20, 300))
            .map(|_| Exchange {
                server_takes: 0.2 / rate,
                ..exchange(scene, (asked, asked + 3), (answered, answered + varies), (0.6 / rate, 0.9 / rate))
            })
            .collect();
        if is_kept {
            let pair = pair(scene, controller, machine, port);
            scene.connection(begin, &pair, &path, Reception::Accepts, &questions, End::Open);
            continue;
        }
        let rate = rate.min(10.0);
        for at in moments(scene, rate, 200) {
            let pair = pair(scene, controller, machine, port);
            scene.connection(at, &pair, &path, Reception::Accepts, &questions[..2], End::ByClient);
        }
    }
}

/// States of machines in datagrams at a fixed beat, to one or to a group, answered by the like or not at all (EtherNet/IP).
pub fn machine_states(scene: &mut Scene) {
    let path = scene.path();
    let controller = scene.local_host();
    let is_group = scene.chance(0.3);
    for machine in local_hosts(scene, 1, 12) {
        let to = if is_group { group([239, 192, 1, 32]) } else { controller };
        let pair = Pair { client: machine, client_port: 2_222, server: to, server_port: 2_222 };
        let (beat, data) = (scene.about(2.0, 250.0), scene.count(18, 250));
        for at in moments(scene, beat, 500) {
            scene.datagram(at, &pair, &path, false, data);
            if !is_group {
                scene.datagram(at + 0.4 / beat, &pair, &path, true, data);
            }
        }
    }
}

/// Clocks of a plant and guards of a substation: nameless packets at a fixed beat, many more after an event (PTP, GOOSE).
pub fn nameless(scene: &mut Scene) {
    let path = scene.path();
    for sender in local_hosts(scene, 1, 8) {
        let to = scene.one_of(&[group([224, 0, 1, 129]), group([0; 4]), group([255; 4])]);
        let from = if to == group([0; 4]) { to } else { sender };
        let (beat, length) = (scene.about(0.2, 1_000.0), scene.count(60, 300));
        for at in moments(scene, beat, 1_000) {
            scene.unnamed(at, from, to, &path, length);
        }
        let event = soon(scene);
        for number in 0..scene.below(12) {
            scene.unnamed(event + 0.002 * f64::from(1u32 << number), from, to, &path, length);
        }
    }
}

/// Two programs side by side tell each other that they live (clusters, heartbeats, gossip).
pub fn heartbeats(scene: &mut Scene) {
    let path = scene.path();
    let port = if scene.chance(0.5) { scene.one_of(&[694, 5_405, 7_946, 8_301, 8_472]) } else { odd_port(scene) };
    let members = local_hosts(scene, 2, 20);
    let (rate, data) = (scene.about(0.3, 15.0), scene.count(20, 250));
    for client in members.iter().copied() {
        for at in moments(scene, rate, 200) {
            let server = scene.one_of(&members);
            if server == client {
                continue;
            }
            let pair = Pair { client, client_port: port, server, server_port: port };
            let (asked, answered) = (data + scene.below(200), data.min(40));
            scene.datagram(at, &pair, &path, false, asked);
            scene.datagram(at + path.round_trip, &pair, &path, true, answered);
        }
    }
}
