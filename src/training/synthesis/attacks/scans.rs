//! Port scans: what listens where?

use crate::flow::packet::TcpFlags;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::Pair;

/// SYN to many ports of a host; who accepts is told RST (nmap -sS).
pub fn syn_ports(scene: &mut Scene) {
    let (client, server) = (scene.any_host(), scene.local_host());
    let path = scene.path();
    let ports = scene.count(50, 5_000);
    let rate = scene.about(3.0, 2_000.0);
    let is_firewalled = scene.chance(0.3);
    let is_one_source_port = scene.chance(0.6);
    let mut client_port = scene.ephemeral_port();
    let length = scene.one_of(&[54, 58, 60, 74]);
    let listens = scene.between(0.0, 0.05);
    let mut at = scene.between(0.0, 5.0);
    for _ in 0..ports {
        if !is_one_source_port {
            client_port = scene.ephemeral_port();
        }
        let server_port = u16::try_from(1 + scene.below(10_000)).unwrap_or(1);
        let pair = Pair { client, client_port, server, server_port };
        scene.segment(at, &pair, &path, false, TcpFlags::SYN, length);
        if scene.chance(listens) {
            scene.segment(at + path.round_trip, &pair, &path, true, TcpFlags::SYN.union(TcpFlags::ACK), 60);
            scene.segment(at + 2.0 * path.round_trip, &pair, &path, false, TcpFlags::RST, 54);
        } else if !is_firewalled {
            scene.segment(at + path.round_trip, &pair, &path, true, TcpFlags::RST.union(TcpFlags::ACK), 60);
        } else {
            scene.segment(at + 1.0, &pair, &path, false, TcpFlags::SYN, length);
        }
        at += scene.wait(rate);
    }
}
