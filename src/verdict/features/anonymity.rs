//! No feature tells which network a flow is from: with every address, hardware address and ephemeral port replaced by
//! another, and all clocks put forward, each flow has the very same features.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::tests::{folded, packets, row_among};
use crate::flow::context::Neighbours;
use crate::flow::key::{FlowKey, NO_ADDRESS};
use crate::flow::packet::{Arp, HardwareAddress, Packet};

/// Another network: each map is one to one.
#[derive(Clone, Copy, Debug)]
struct Disguise {
    /// Added to or combined with what is replaced.
    secret: u32,
    shift: Duration,
}

/// From here on systems take the ports of their side of a connection; services that features know are below.
const FIRST_EPHEMERAL: u16 = 32_768;

impl Disguise {
    /// No address stays no address: it is no part of a network.
    fn address(self, address: IpAddr) -> IpAddr {
        match address {
            NO_ADDRESS => NO_ADDRESS,
            // Times an odd number and plus another is one to one.
            IpAddr::V4(v4) => loop_past_none(v4, |v4| {
                Ipv4Addr::from_bits(v4.to_bits().wrapping_mul(0x9e37_79b1).wrapping_add(self.secret | 1))
            }),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ u128::from(self.secret) << 40).into(),
        }
    }

    fn hardware(self, address: HardwareAddress) -> HardwareAddress {
        let octets = address.octets().map(u8::reverse_bits);
        let [a, b, c, d] = self.secret.to_be_bytes();
        HardwareAddress::from_octets([octets[5], octets[4] ^ a, octets[3] ^ b, octets[2] ^ c, octets[1] ^ d, octets[0]])
    }

    fn port(self, port: u16) -> u16 {
        let Some(above) = port.checked_sub(FIRST_EPHEMERAL) else { return port };
        let secret = self.secret.to_be_bytes();
        FIRST_EPHEMERAL + (above.wrapping_mul(13) ^ u16::from_be_bytes([secret[0], secret[1]])) % FIRST_EPHEMERAL
    }

    fn key(self, key: FlowKey) -> FlowKey {
        FlowKey { source: self.address(key.source), destination: self.address(key.destination), ..key }
    }

    fn packet(self, packet: &Packet) -> Packet {
        Packet {
            time: packet.time.saturating_add(self.shift),
            key: self.key(packet.key),
            source_port: self.port(packet.source_port),
            destination_port: self.port(packet.destination_port),
            arp: packet.arp.map(|arp| Arp {
                source_hardware: arp.source_hardware.map(|address| self.hardware(address)),
                destination_hardware: arp.destination_hardware.map(|address| self.hardware(address)),
                ..arp
            }),
            ..*packet
        }
    }
}

/// Once more where the result would be no address: still one to one.
fn loop_past_none(address: Ipv4Addr, map: impl Fn(Ipv4Addr) -> Ipv4Addr) -> IpAddr {
    match map(address).into() {
        NO_ADDRESS => map(Ipv4Addr::UNSPECIFIED).into(),
        other => other,
    }
}

proptest! {
    #[test]
    fn a_feature_is_the_same_in_another_network(
        packets in prop::collection::vec(packets(), 1..120), secret: u32, seconds in 0u64..2_000_000_000,
    ) {
        // Whole seconds: bins of a second may hold other packets when a clock is off by less.
        let disguise = Disguise { secret, shift: Duration::from_secs(seconds) };
        let disguised: Vec<Packet> = packets.iter().map(|packet| disguise.packet(packet)).collect();
        let (flows, others) = (folded(&packets), folded(&disguised));
        prop_assert_eq!(flows.len(), others.len());
        let (neighbours, other_neighbours) = (Neighbours::of(&flows), Neighbours::of(&others));
        for (key, _) in &flows {
            let other = row_among(&other_neighbours, &others, &disguise.key(*key));
            prop_assert_eq!(row_among(&neighbours, &flows, key), other, "{:?}", key);
        }
    }
}

#[test]
fn a_disguise_is_one_to_one() {
    let disguise = Disguise { secret: 0x1234_5678, shift: Duration::ZERO };
    let ports: std::collections::BTreeSet<u16> = (0..=u16::MAX).map(|port| disguise.port(port)).collect();
    assert_eq!(ports.len(), 65_536);
    let addresses: std::collections::BTreeSet<IpAddr> =
        (0..100_000).map(|bits| disguise.address(Ipv4Addr::from_bits(bits).into())).collect();
    assert_eq!(addresses.len(), 100_000);
}
