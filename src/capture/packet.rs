//! One packet of a capture, as the existing sniffer sees it.

use std::net::{IpAddr, Ipv4Addr};

use crate::flow::packet::TcpFlags;

/// What a sniffer knows of a frame.
#[derive(Clone, PartialEq, Debug)]
pub struct CapturedPacket {
    /// Seconds since the Unix epoch, as the file has them.
    pub timestamp: f64,
    /// Octets of the whole frame on the wire, link header included, however much of it was captured.
    pub length: u32,
    /// Source and destination; `None` for what is not IP, ARP included.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// What it carries.
    pub content: Content,
}

/// The part of a packet that depends on its protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// TCP.
    Tcp {
        /// Of the sender.
        source_port: u16,
        /// Of the receiver.
        destination_port: u16,
        /// Control bits.
        flags: TcpFlags,
    },
    /// UDP.
    Udp {
        /// Of the sender.
        source_port: u16,
        /// Of the receiver.
        destination_port: u16,
        /// Where either port is 53 or 5353.
        dns: Option<Dns>,
    },
    /// ICMP of IPv4.
    Icmp {
        /// Such as 8, echo request.
        kind: u8,
        /// Its meaning depends on `kind`.
        code: u8,
    },
    /// ICMP of IPv6; the sniffer names an echo request only, the rest is [`Content::Other`].
    Icmpv6EchoRequest {
        /// 0, unless someone made the packet by hand.
        code: u8,
    },
    /// ARP.
    Arp(Arp),
    /// Everything else: later fragments, other protocols, frames cut short or damaged.
    Other,
}

/// RFC 826, for Ethernet and IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Hardware address of the sender.
    pub sender_hardware: [u8; 6],
    /// Address that the sender claims.
    pub sender: Ipv4Addr,
    /// Hardware address of the target, zero in a request.
    pub target_hardware: [u8; 6],
    /// Address that is asked for or answered to.
    pub target: Ipv4Addr,
}

/// The header of a DNS message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dns {
    /// Response, else query.
    pub is_response: bool,
    /// First question, without trailing dot and NUL, at most 255 characters; `None` without a question.
    pub name: Option<String>,
}

impl Content {
    /// As the sniffer names it.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "TCP",
            Self::Udp { .. } => "UDP",
            Self::Icmp { .. } => "ICMP",
            Self::Icmpv6EchoRequest { .. } => "ICMPv6",
            Self::Arp(_) => "ARP",
            Self::Other => "OTHER",
        }
    }

    /// Source and destination port of TCP and UDP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match *self {
            Self::Tcp { source_port, destination_port, .. } | Self::Udp { source_port, destination_port, .. } => {
                Some((source_port, destination_port))
            }
            _ => None,
        }
    }

    /// Type and code of ICMP.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        match *self {
            Self::Icmp { kind, code } => Some((kind, code)),
            Self::Icmpv6EchoRequest { code } => Some((super::network::ICMPV6_ECHO_REQUEST, code)),
            _ => None,
        }
    }

    /// Control bits of TCP.
    pub fn tcp_flags(&self) -> Option<TcpFlags> {
        match *self {
            Self::Tcp { flags, .. } => Some(flags),
            _ => None,
        }
    }
}

/// The sniffer's spelling of TCP flags: in the header's order, lowest bit first, joined by commas; empty for none.
pub fn tcp_flags_text(flags: TcpFlags) -> String {
    const NAMES: [(TcpFlags, &str); 8] = [
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::PSH, "PSH"),
        (TcpFlags::ACK, "ACK"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::ECE, "ECE"),
        (TcpFlags::CWR, "CWR"),
    ];
    let set: Vec<&str> = NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect();
    set.join(",")
}

/// `aa:bb:cc:dd:ee:ff`.
pub fn hardware_text(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}
