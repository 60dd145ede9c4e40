//! One decoded row of `raw_packets`: exactly what the statistics need, fixed in size.

use std::sync::LazyLock;

use crate::flow::key::FlowKey;
use crate::flow::time::EventTime;

mod dns;

pub use dns::Dns;

/// A packet, ready to fold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// When it was on the wire.
    pub time: EventTime,
    /// Its flow.
    pub key: FlowKey,
    /// Octets of the whole frame, at most [`Packet::MAX_LENGTH`].
    pub length: u32,
    /// 0: none.
    pub source_port: u16,
    /// 0: none.
    pub destination_port: u16,
    /// Empty where the packet is not TCP or carries none.
    pub tcp_flags: TcpFlags,
    /// Of an ARP packet.
    pub arp: Option<Arp>,
    /// Of a DNS message, where the sniffer tells which name it asks for.
    pub dns: Option<Dns>,
}

impl Packet {
    /// Octets; no frame of any link is longer, and sums of squares of shorter ones cannot overflow in a window.
    pub const MAX_LENGTH: u32 = (1 << 20) - 1;

    /// A digest by which the same row is known again after its table was rewritten or restored (FNV-1a, 64 bits).
    pub fn fingerprint(&self) -> u64 {
        let (source, destination) = (self.key.source.to_string(), self.key.destination.to_string());
        let parts: [&[u8]; 7] = [
            &self.time.micros().to_be_bytes(),
            source.as_bytes(),
            destination.as_bytes(),
            self.key.protocol.name().as_bytes(),
            &self.length.to_be_bytes(),
            &self.source_port.to_be_bytes(),
            &self.destination_port.to_be_bytes(),
        ];
        parts
            .iter()
            .flat_map(|part| part.iter())
            .fold(0xcbf2_9ce4_8422_2325, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// What an ARP packet says (RFC 826).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arp {
    /// `ar$op` is 2: a reply. Everything else counts as a request.
    pub is_reply: bool,
    /// `ar$sha`, if it could be read.
    pub source_hardware: Option<HardwareAddress>,
    /// `ar$tha`, if it could be read.
    pub destination_hardware: Option<HardwareAddress>,
}

/// A 48-bit hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HardwareAddress([u8; 6]);

impl HardwareAddress {
    /// From its octets, the first on the wire first.
    pub const fn from_octets(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Its octets, the first on the wire first.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// From `aa:bb:cc:dd:ee:ff` (or with `-`). `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 6];
        let mut count = 0;
        for part in text.split([':', '-']) {
            if part.is_empty() || part.len() > 2 {
                return None;
            }
            *octets.get_mut(count)? = u8::from_str_radix(part, 16).ok()?;
            count += 1;
        }
        (count == octets.len()).then_some(Self(octets))
    }
}

impl std::fmt::Display for HardwareAddress {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            write!(out, "{}{octet:02x}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// TCP control bits (IPFIX tcpControlBits), as in the header's 14th octet: FIN is the lowest bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TcpFlags(u8);

impl TcpFlags {
    /// No flag set.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(1);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(2);
    /// Reset.
    pub const RST: Self = Self(4);
    /// Push.
    pub const PSH: Self = Self(8);
    /// Acknowledgement field is significant.
    pub const ACK: Self = Self(16);
    /// Urgent field is significant.
    pub const URG: Self = Self(32);
    /// ECN echo.
    pub const ECE: Self = Self(64);
    /// Congestion window reduced.
    pub const CWR: Self = Self(128);

    /// Every flag with its name, in alphabetical order: the order of `traffic_data.tcp_flags`.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::ACK, "ACK"),
        (Self::CWR, "CWR"),
        (Self::ECE, "ECE"),
        (Self::FIN, "FIN"),
        (Self::PSH, "PSH"),
        (Self::RST, "RST"),
        (Self::SYN, "SYN"),
        (Self::URG, "URG"),
    ];

    /// From the header's octet.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The header's octet.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// All flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// From names joined by commas (`SYN,ACK`, blanks allowed, any case) or scapy's letters (`SA`; E is ECE, C is CWR).
    /// `None` if a name or a letter is unknown; the empty text has no flags.
    ///
    /// ```
    /// use flowsentry::flow::packet::TcpFlags;
    ///
    /// assert_eq!(TcpFlags::parse("SYN,ACK"), TcpFlags::parse("SA"));
    /// assert_eq!(TcpFlags::parse("SYN,HA"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let mut flags = Self::NONE;
        for part in text.split(',') {
            flags = flags.union(match part {
                "SYN" => Self::SYN,
                "ACK" => Self::ACK,
                "PSH" => Self::PSH,
                "FIN" => Self::FIN,
                "RST" => Self::RST,
                _ => Self::parse_unusual(part.trim())?,
            });
        }
        Some(flags)
    }

    /// What most packets of any network have. `None` for everything else, which may be flags all the same.
    pub fn parse_usual(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"ACK" => Self::ACK,
            b"PSH,ACK" => Self::PSH.union(Self::ACK),
            b"SYN" => Self::SYN,
            b"SYN,ACK" => Self::SYN.union(Self::ACK),
            b"FIN,ACK" => Self::FIN.union(Self::ACK),
            b"RST" => Self::RST,
            b"RST,ACK" => Self::RST.union(Self::ACK),
            _ => return None,
        })
    }

    fn parse_unusual(part: &str) -> Option<Self> {
        if let Some(&(flag, _)) = Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(part)) {
            return Some(flag);
        }
        if part.eq_ignore_ascii_case("none") {
            return Some(Self::NONE);
        }
        part.bytes().try_fold(Self::NONE, |flags, letter| {
            let flag = match letter {
                b'F' => Self::FIN,
                b'S' => Self::SYN,
                b'R' => Self::RST,
                b'P' => Self::PSH,
                b'A' => Self::ACK,
                b'U' => Self::URG,
                b'E' => Self::ECE,
                b'C' => Self::CWR,
                _ => return None,
            };
            Some(flags.union(flag))
        })
    }

    /// Names in alphabetical order joined by commas; `NONE` for no flags, as the existing system writes it.
    pub fn names(self) -> &'static str {
        static ALL: LazyLock<Vec<String>> = LazyLock::new(|| (0..=u8::MAX).map(TcpFlags::joined_names).collect());
        &ALL[usize::from(self.0)]
    }

    fn joined_names(bits: u8) -> String {
        let names = Self::NAMES.iter().filter(|(flag, _)| Self(bits).contains(*flag)).map(|(_, name)| *name);
        let names = names.collect::<Vec<_>>().join(",");
        if names.is_empty() { "NONE".to_owned() } else { names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_flags_are_read_as_sniffers_write_them() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(TcpFlags::parse(text).map(TcpFlags::names), expected, "{text:?}");
        };
        check("", Some("NONE"));
        check("SYN", Some("SYN"));
        check("SYN,ACK", Some("ACK,SYN"));
        check("FIN,PSH,URG", Some("FIN,PSH,URG"));
        check("syn, ack", Some("ACK,SYN"));
        check("SA", Some("ACK,SYN"));
        check("A", Some("ACK"));
        check("ECE,CWR", Some("CWR,ECE"));
        check("NONE", Some("NONE"));
        check("SYN,BAD", None);
        check("sa", None);
    }

    #[test]
    fn hardware_addresses_round_trip() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                HardwareAddress::parse(text).map(|address| address.to_string()).as_deref(),
                expected,
                "{text:?}"
            );
        };
        check("00:1b:44:11:3a:b7", Some("00:1b:44:11:3a:b7"));
        check("00-1B-44-11-3A-B7", Some("00:1b:44:11:3a:b7"));
        check("0:1:2:3:4:5", Some("00:01:02:03:04:05"));
        check("00:1b:44:11:3a", None);
        check("00:1b:44:11:3a:b7:00", None);
        check("", None);
        check("zz:1b:44:11:3a:b7", None);
    }
}
