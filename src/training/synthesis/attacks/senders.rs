//! Who sends an attack: real or forged sources, the ports they draw, and the honest clients beside them.

use std::net::{IpAddr, Ipv4Addr};

use crate::flow::packet::HardwareAddress;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::Host;
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception};

/// A port from `low` to `high`.
pub fn port(scene: &mut Scene, low: u16, high: u16) -> u16 {
    low + u16::try_from(scene.below(usize::from(high - low) + 1)).unwrap_or(0)
}

/// An octet from `low` to `high`.
pub fn octet(scene: &mut Scene, low: u8, high: u8) -> u8 {
    low + u8::try_from(scene.below(usize::from(high - low) + 1)).unwrap_or(0)
}

/// How a program comes by its source ports.
#[derive(Clone, Copy, Debug)]
pub enum SourcePorts {
    /// The same for all.
    One(u16),
    /// The last plus one (hping3).
    Next(u16),
    /// Any, the well-known ones too (forged).
    Any,
    /// As the kernel draws for clients.
    Ephemeral,
}

impl SourcePorts {
    /// Any of them.
    pub fn draw(scene: &mut Scene) -> Self {
        match scene.below(4) {
            0 => Self::One(scene.ephemeral_port()),
            1 => Self::Next(port(scene, 1_024, 60_000)),
            2 => Self::Any,
            _ => Self::Ephemeral,
        }
    }

    /// The next one.
    pub fn next(&mut self, scene: &mut Scene) -> u16 {
        match self {
            Self::One(same) => *same,
            Self::Next(last) => {
                *last = last.checked_add(1).unwrap_or(1_024);
                *last
            }
            Self::Any => port(scene, 1, u16::MAX),
            Self::Ephemeral => scene.ephemeral_port(),
        }
    }
}

/// Whose addresses the packets carry.
#[derive(Clone, Debug)]
pub enum Sources {
    /// Hosts that exist and hear the answers.
    Real(Vec<Host>),
    /// Forged, over all of the internet.
    Internet(HardwareAddress),
    /// Forged, of one network.
    Net([u8; 2], HardwareAddress),
}

impl Sources {
    /// One host.
    pub fn one(scene: &mut Scene) -> Self {
        Self::Real(vec![scene.any_host()])
    }

    /// From `least` to `most` hosts, most often all distant.
    pub fn several(scene: &mut Scene, least: usize, most: usize) -> Self {
        let are_distant = scene.chance(0.7);
        let count = scene.count(least, most);
        Self::Real((0..count).map(|_| if are_distant { scene.distant_host() } else { scene.any_host() }).collect())
    }

    /// Addresses that nobody has, at least not the sender.
    pub fn forged(scene: &mut Scene) -> Self {
        let hardware = scene.hardware();
        if scene.chance(0.7) {
            Self::Internet(hardware)
        } else {
            Self::Net([octet(scene, 1, 223), octet(scene, 0, 255)], hardware)
        }
    }

    /// The sender of the next packet.
    pub fn next(&self, scene: &mut Scene) -> Host {
        match self {
            Self::Real(hosts) => scene.one_of(hosts),
            Self::Internet(hardware) => {
                let net = [octet(scene, 1, 223), octet(scene, 0, 255)];
                of_net(scene, net, *hardware)
            }
            Self::Net(net, hardware) => of_net(scene, *net, *hardware),
        }
    }

    /// Whether somebody hears the answers.
    pub fn are_real(&self) -> bool {
        matches!(self, Self::Real(_))
    }
}

/// Some host of a network.
pub fn of_net(scene: &mut Scene, net: [u8; 2], hardware: HardwareAddress) -> Host {
    let address = Ipv4Addr::new(net[0], net[1], octet(scene, 0, 255), octet(scene, 1, 254));
    Host { address: IpAddr::V4(address), hardware }
}

/// Honest clients of the same service, now and then. Leaves the scene ordinary.
pub fn customers(scene: &mut Scene, server: Host, server_port: u16) {
    scene.ordinary();
    for _ in 0..scene.count(1, 8) {
        let client = scene.any_host();
        let path = scene.path();
        let rate = scene.about(0.02, 0.5);
        let mut at = scene.wait(rate);
        while at < scene.length() {
            let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port };
            let exchanges: Vec<Exchange> = (0..scene.count(1, 8))
                .map(|_| Exchange {
                    asked: scene.count(60, 900),
                    answered: scene.count(100, 60_000),
                    server_takes: scene.about(0.000_5, 0.3),
                    client_takes: scene.about(0.01, 3.0),
                })
                .collect();
            let end = scene.one_of(&[End::ByClient, End::ByServer, End::Open]);
            at = scene.connection(at, &pair, &path, Reception::Accepts, &exchanges, end) + scene.wait(rate);
        }
    }
}
