//! The flow key: who sent to whom by which protocol. One direction; the answer is another flow.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};

/// (source address, destination address, protocol): RFC 7011's Flow Key of this program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FlowKey {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// As the sniffer names it.
    pub protocol: Protocol,
}

/// The address of a packet that has none, as the existing system stores it.
pub const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl FlowKey {
    /// The key of the answers.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source, protocol: self.protocol }
    }
}

/// Few and wide writes: half the price of the derived hash, which goes byte by byte.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                state.write_u64(u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits()));
            }
            (source, destination) => {
                state.write_u128(address_bits(source));
                state.write_u128(address_bits(destination));
            }
        }
        self.protocol.hash(state);
    }
}

fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The protocol column of a packet: the names that the existing sniffer writes, or any other short name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 1.
    Icmp,
    /// IP protocol 58; of the existing sniffer an echo request only.
    Icmpv6,
    /// Ethertype 0x0806.
    Arp,
    /// Everything that the sniffer does not name.
    Other,
    /// A name of the site's own, such as `DNS`.
    Named(ProtocolName),
}

/// A protocol name of 1 to 11 bytes without NUL, padded with NUL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProtocolName([u8; ProtocolName::MAX_BYTES]);

impl ProtocolName {
    /// Longest name kept, in bytes: the key stays small and needs no allocation.
    pub const MAX_BYTES: usize = 11;
}

impl Protocol {
    /// Known names in any case; other names as they are, without blanks at the end. `None` for names longer than [`ProtocolName::MAX_BYTES`] or with
    /// a NUL; no name at all is [`Protocol::Other`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_usual_name(name.as_bytes()).or_else(|| Self::from_unusual_name(name))
    }

    /// As the existing sniffer writes them. `None` for everything else, which may be the name of a protocol all the same.
    pub fn from_usual_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"TCP" => Self::Tcp,
            b"UDP" => Self::Udp,
            b"ICMP" => Self::Icmp,
            b"ICMPv6" => Self::Icmpv6,
            b"ARP" => Self::Arp,
            b"OTHER" => Self::Other,
            _ => return None,
        })
    }

    #[cold]
    fn from_unusual_name(name: &str) -> Option<Self> {
        // `char(n)` pads.
        let name = name.trim_end_matches(' ');
        for known in [Self::Tcp, Self::Udp, Self::Icmp, Self::Icmpv6, Self::Arp, Self::Other] {
            if known.name().eq_ignore_ascii_case(name) {
                return Some(known);
            }
        }
        if name.is_empty() {
            return Some(Self::Other);
        }
        let mut padded = [0; ProtocolName::MAX_BYTES];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        (!name.contains('\0')).then_some(Self::Named(ProtocolName(padded)))
    }

    /// From an IP protocol number (IANA); numbers without a name here keep their digits as the name.
    pub fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 => Self::Icmp,
            58 => Self::Icmpv6,
            other => Self::from_unusual_name(&other.to_string()).unwrap_or(Self::Other),
        }
    }

    /// The name as `traffic_data.protocol` has it.
    pub fn name(&self) -> &str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Arp => "ARP",
            Self::Other => "OTHER",
            Self::Named(ProtocolName(padded)) => {
                let length = padded.iter().position(|&byte| byte == 0).unwrap_or(padded.len());
                std::str::from_utf8(&padded[..length]).unwrap_or("OTHER")
            }
        }
    }
}

impl Hash for Protocol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Icmp => 1,
            Self::Icmpv6 => 58,
            Self::Arp => 254,
            Self::Other => 255,
            Self::Named(name) => return name.hash(state),
        });
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_names_are_kept_or_refused() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(Protocol::from_name(name).as_ref().map(Protocol::name), expected, "{name:?}");
        };
        check("TCP", Some("TCP"));
        check("udp", Some("UDP"));
        check("IcmpV6", Some("ICMPv6"));
        check("", Some("OTHER"));
        check("HTTP", Some("HTTP"));
        check("TCP     ", Some("TCP"));
        check("DNS                 ", Some("DNS"));
        check("  ", Some("OTHER"));
        check("12345678901", Some("12345678901"));
        check("123456789012", None);
        check("a\0b", None);
        assert_eq!(Protocol::from_number(47).name(), "47");
        assert_eq!(Protocol::from_number(6), Protocol::Tcp);
    }
}
