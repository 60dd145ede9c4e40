//! What protocols put on the wire: segments, datagrams, whole TCP connections, ARP.

use std::net::IpAddr;

use super::scene::{Host, Path, Scene, packet};
use crate::flow::key::Protocol;
use crate::flow::packet::{Arp, HardwareAddress, Packet, TcpFlags};

/// Octets of a TCP segment without data as it lies on Ethernet; a SYN has options.
pub const EMPTY_SEGMENT: usize = 66;
/// Octets of a SYN.
pub const SYN_SEGMENT: usize = 74;
/// Data of a full segment.
pub const SEGMENT_DATA: usize = 1_448;
/// Ethernet, IP and UDP headers.
pub const DATAGRAM_HEADERS: usize = 42;

/// Seconds for which an acknowledgement waits for data to travel with (RFC 1122: below 0.5; Linux: 0.04).
const DELAYED_ACK: f64 = 0.04;

/// From the one who begins to the other, with ports.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Who begins.
    pub client: Host,
    /// The client's port.
    pub client_port: u16,
    /// Whom it is sent to.
    pub server: Host,
    /// The server's port.
    pub server_port: u16,
}

/// How the server meets a SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reception {
    /// SYN with ACK.
    Accepts,
    /// RST with ACK.
    Refuses,
    /// Nothing.
    Silent,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// FIN by the client, FIN by the server.
    ByClient,
    /// FIN by the server first.
    ByServer,
    /// RST by the client.
    Reset,
    /// Not at all while one looks.
    Open,
}

/// Something that is asked and answered on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Octets of data from the client; 0: the server speaks first.
    pub asked: usize,
    /// Octets of data from the server.
    pub answered: usize,
    /// Seconds that the server takes to answer.
    pub server_takes: f64,
    /// Seconds until the client goes on.
    pub client_takes: f64,
}

impl Scene {
    /// A segment at `at`; `back`: from server to client.
    pub fn segment(&mut self, at: f64, pair: &Pair, path: &Path, back: bool, flags: TcpFlags, length: usize) {
        let segment = ported(pair, Protocol::Tcp, back, length);
        self.put(at, path, back, Packet { tcp_flags: flags, ..segment });
    }

    /// A datagram with so much data.
    pub fn datagram(&mut self, at: f64, pair: &Pair, path: &Path, back: bool, data: usize) {
        let datagram = ported(pair, Protocol::Udp, back, data + DATAGRAM_HEADERS);
        self.put(at, path, back, datagram);
    }

    /// An ICMP message of so many octets on the wire.
    pub fn icmp(&mut self, at: f64, from: Host, to: Host, path: &Path, back: bool, length: usize) {
        let (from, to) = if back { (to, from) } else { (from, to) };
        self.put(at, path, back, packet(from.address, to.address, Protocol::Icmp, length));
    }

    /// An ARP packet in which `claims` says that it is `sender`'s hardware address, about `target`.
    pub fn arp(&mut self, at: f64, path: &Path, sender: Host, claims: HardwareAddress, target: Host, is_reply: bool) {
        let length = self.one_of(&[42, 60]);
        let arp = Arp {
            is_reply,
            source_hardware: Some(claims),
            destination_hardware: Some(if is_reply { target.hardware } else { HardwareAddress::from_octets([0; 6]) }),
        };
        let packet = packet(sender.address, target.address, Protocol::Arp, length);
        self.put(at, path, false, Packet { arp: Some(arp), ..packet });
    }

    /// A whole connection from `at` on. Returns when it is over.
    pub fn connection(
        &mut self,
        at: f64,
        pair: &Pair,
        path: &Path,
        reception: Reception,
        exchanges: &[Exchange],
        end: End,
    ) -> f64 {
        let half = path.round_trip;
        let (syn, empty) = frame_lengths(pair);
        self.segment(at, pair, path, false, TcpFlags::SYN, syn);
        let mut now = at + half;
        match reception {
            Reception::Accepts => self.segment(now, pair, path, true, TcpFlags::SYN.union(TcpFlags::ACK), syn),
            Reception::Refuses => {
                self.segment(now, pair, path, true, TcpFlags::RST.union(TcpFlags::ACK), 60);
                return now;
            }
            Reception::Silent => {
                // RFC 6298: again after a second, then after twice as long.
                self.segment(at + 1.0, pair, path, false, TcpFlags::SYN, syn);
                self.segment(at + 3.0, pair, path, false, TcpFlags::SYN, syn);
                return at + 7.0;
            }
        }
        self.segment(now, pair, path, false, TcpFlags::ACK, empty);
        for (number, exchange) in exchanges.iter().enumerate() {
            let is_told = exchange.answered == 0 || exchange.server_takes > DELAYED_ACK;
            now = self.data(now, pair, path, false, exchange.asked, is_told);
            now += half + exchange.server_takes;
            let goes_on = exchanges.get(number + 1).is_some_and(|next| next.asked > 0);
            let is_told = !goes_on || exchange.client_takes > DELAYED_ACK;
            now = self.data(now, pair, path, true, exchange.answered, is_told);
            now += exchange.client_takes;
        }
        let fin = TcpFlags::FIN.union(TcpFlags::ACK);
        match end {
            End::ByClient | End::ByServer => {
                let server_first = end == End::ByServer;
                self.segment(now, pair, path, server_first, fin, empty);
                self.segment(now + half, pair, path, !server_first, fin, empty);
                self.segment(now + half, pair, path, server_first, TcpFlags::ACK, empty);
                now + half
            }
            End::Reset => {
                self.segment(now, pair, path, false, TcpFlags::RST.union(TcpFlags::ACK), 60);
                now
            }
            End::Open => now,
        }
    }

    /// Data in full segments, acknowledged every second one; `is_told`: the last by itself, not by the data that answers
    /// it, as some do always. Returns when the last is sent.
    fn data(&mut self, at: f64, pair: &Pair, path: &Path, back: bool, octets: usize, is_told: bool) -> f64 {
        let (_, empty) = frame_lengths(pair);
        let is_told = is_told || self.chance(0.2);
        let mut left = octets;
        let mut now = at;
        let mut number = 0;
        while left > 0 {
            let data = left.min(SEGMENT_DATA);
            left -= data;
            let flags = if left == 0 { TcpFlags::PSH.union(TcpFlags::ACK) } else { TcpFlags::ACK };
            self.segment(now, pair, path, back, flags, empty + data);
            number += 1;
            let is_acknowledged = if left == 0 { is_told } else { number % 2 == 0 };
            if is_acknowledged {
                self.segment(now + path.round_trip, pair, path, !back, TcpFlags::ACK, empty);
            }
            now += if number % 10 == 0 { path.round_trip } else { 0.000_05 };
        }
        now
    }

    /// A packet of a protocol that the sniffer has no name for, of so many octets on the wire.
    pub fn unnamed(&mut self, at: f64, from: Host, to: Host, path: &Path, length: usize) {
        self.put(at, path, false, packet(from.address, to.address, Protocol::Other, length));
    }
}

fn ported(pair: &Pair, protocol: Protocol, back: bool, length: usize) -> Packet {
    let there = ((pair.client, pair.client_port), (pair.server, pair.server_port));
    let ((from, from_port), (to, to_port)) = if back { (there.1, there.0) } else { there };
    Packet { source_port: from_port, destination_port: to_port, ..packet(from.address, to.address, protocol, length) }
}

/// Octets of a SYN and of a segment without data, with the TCP options of the client's system; padded to 60 by some.
pub fn frame_lengths(pair: &Pair) -> (usize, usize) {
    const SYSTEMS: [(usize, usize); 8] = [
        (SYN_SEGMENT, EMPTY_SEGMENT),
        (SYN_SEGMENT, EMPTY_SEGMENT),
        (SYN_SEGMENT, EMPTY_SEGMENT),
        (66, 54),
        (66, 60),
        (62, 60),
        (58, 54),
        (78, 66),
    ];
    // The same host has the same system all the time.
    match pair.client.address {
        IpAddr::V4(address) => SYSTEMS[usize::from(address.octets()[3]) % SYSTEMS.len()],
        IpAddr::V6(_) => (SYN_SEGMENT + 20, EMPTY_SEGMENT + 20),
    }
}
