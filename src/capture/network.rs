//! IPv4, IPv6, ARP and what they carry, read at fixed offsets: a snap length of 68 cuts TCP's options off, and the ports
//! and flags before them still count.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link::{ARP, IPV4, IPV6, be16};
use super::packet::{Arp, Content};
use super::{dns, link};
use crate::flow::packet::TcpFlags;

pub const ICMPV6_ECHO_REQUEST: u8 = 128;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

type Addresses = Option<(IpAddr, IpAddr)>;

/// Addresses and content of a frame; no addresses and [`Content::Other`] where it cannot be decoded.
pub fn decode(link_type: u16, frame: &[u8]) -> (Addresses, Content) {
    let decoded = link::network_layer(link_type, frame).and_then(|(ether_type, packet)| match ether_type {
        IPV4 => ipv4(packet),
        IPV6 => ipv6(packet),
        ARP => Some((None, Content::Arp(arp(packet)?))),
        _ => None,
    });
    decoded.unwrap_or((None, Content::Other))
}

fn ipv4(packet: &[u8]) -> Option<(Addresses, Content)> {
    let header = packet.first_chunk::<20>()?;
    let address = |at: usize| IpAddr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let addresses = Some((address(12), address(16)));
    let is_later_fragment = be16(header, 6)? & 0x1fff != 0;
    let header_length = (usize::from(header[0] & 15) * 4).max(20);
    let content = match packet.get(header_length..) {
        Some(payload) if !is_later_fragment => transport_of_ipv4(header[9], payload),
        _ => None,
    };
    Some((addresses, content.unwrap_or(Content::Other)))
}

fn transport_of_ipv4(protocol: u8, payload: &[u8]) -> Option<Content> {
    match protocol {
        ICMP => {
            let &[kind, code, _, _] = payload.first_chunk()?;
            Some(Content::Icmp { kind, code })
        }
        _ => transport(protocol, payload),
    }
}

fn ipv6(packet: &[u8]) -> Option<(Addresses, Content)> {
    let header = packet.first_chunk::<40>()?;
    let address = |at: usize| Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(header.get(at..at + 16)?).ok()?)));
    let addresses = Some((address(8)?, address(24)?));
    let content = behind_extensions(header[6], &packet[40..]).and_then(|(protocol, payload)| match protocol {
        ICMPV6 => match *payload.first_chunk()? {
            [ICMPV6_ECHO_REQUEST, code, _, _] => Some(Content::Icmpv6EchoRequest { code }),
            _ => None,
        },
        _ => transport(protocol, payload),
    });
    Some((addresses, content.unwrap_or(Content::Other)))
}

/// The protocol and the payload behind IPv6's extension headers; `None` for a later fragment or headers cut short.
/// Every header is at least 8 octets, so a frame bounds the loop.
fn behind_extensions(mut next: u8, mut rest: &[u8]) -> Option<(u8, &[u8])> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const DESTINATION: u8 = 60;
    while matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION) {
        let header = rest.first_chunk::<8>()?;
        let is_fragment = next == FRAGMENT;
        if is_fragment && be16(header, 2)? >> 3 != 0 {
            return None;
        }
        let length = if is_fragment { 8 } else { (usize::from(header[1]) + 1) * 8 };
        next = header[0];
        rest = rest.get(length..)?;
    }
    Some((next, rest))
}

fn transport(protocol: u8, payload: &[u8]) -> Option<Content> {
    match protocol {
        TCP => {
            let header = payload.first_chunk::<20>()?;
            Some(Content::Tcp {
                source_port: be16(header, 0)?,
                destination_port: be16(header, 2)?,
                flags: TcpFlags::from_bits(header[13]),
            })
        }
        UDP => {
            let (header, body) = payload.split_first_chunk::<8>()?;
            let (source_port, destination_port) = (be16(header, 0)?, be16(header, 2)?);
            let is_dns = [source_port, destination_port].iter().any(|port| matches!(port, 53 | 5353));
            let dns = if is_dns { dns::decode(body) } else { None };
            Some(Content::Udp { source_port, destination_port, dns })
        }
        _ => None,
    }
}

fn arp(packet: &[u8]) -> Option<Arp> {
    let arp = packet.first_chunk::<28>()?;
    let hardware = |at: usize| [arp[at], arp[at + 1], arp[at + 2], arp[at + 3], arp[at + 4], arp[at + 5]];
    let address = |at: usize| Ipv4Addr::new(arp[at], arp[at + 1], arp[at + 2], arp[at + 3]);
    Some(Arp {
        operation: be16(arp, 6)?,
        sender_hardware: hardware(8),
        sender: address(14),
        target_hardware: hardware(18),
        target: address(24),
    })
}
