//! Name lookups and clocks: small datagrams, asked and answered.

use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::Pair;

/// Hosts ask a resolver.
pub fn lookups(scene: &mut Scene) {
    let server = scene.any_host();
    let path = scene.path();
    for _ in 0..scene.count(1, 30) {
        let client = scene.local_host();
        let rate = scene.about(0.02, 5.0);
        let mut at = scene.wait(rate);
        while at < scene.length() {
            let client_port = scene.ephemeral_port();
            let pair = Pair { client, client_port, server, server_port: 53 };
            let (asked, answered) = (scene.count(20, 60), scene.count(40, 450));
            scene.datagram(at, &pair, &path, false, asked);
            scene.datagram(at + path.round_trip, &pair, &path, true, answered);
            at += scene.wait(rate);
        }
    }
}
