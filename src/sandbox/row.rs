//! A row as a sniffer sends it, in COPY's text format, for whatever types the table's columns have.

use std::io::Write;
use std::net::IpAddr;

use crate::capture::{Arp, CapturedPacket, Content, Dns, hardware_text, tcp_flags_text};
use crate::flow::packet::TcpFlags;

/// A packet on its way into `raw_packets`; nothing says that it makes sense.
#[derive(Clone, PartialEq, Debug)]
pub struct RawRow {
    /// What was captured. Its time is written as it is, NaN included.
    pub packet: CapturedPacket,
    /// What is wrong with the row beside its time.
    pub flaw: Option<Flaw>,
}

/// How a row is made unusable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// A source address that is none. A column of type inet cannot hold that, and gets NULL.
    Address,
    /// A length below zero.
    Length,
    /// A TCP flag that does not exist.
    TcpFlags,
}

impl From<CapturedPacket> for RawRow {
    fn from(packet: CapturedPacket) -> Self {
        Self { packet, flaw: None }
    }
}

/// What a column of `raw_packets` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    Timestamp,
    Interface,
    Source,
    Destination,
    Protocol,
    Length,
    SourcePort,
    DestinationPort,
    TcpFlags,
    TcpFlag(TcpFlags),
    IcmpType,
    IcmpCode,
    ArpOperation,
    ArpSender,
    ArpTarget,
    ArpSenderHardware,
    ArpTargetHardware,
    DnsQuery,
    DnsResponse,
    DnsName,
}

/// Every column that a sniffer fills, by its name in the existing system.
pub const COLUMNS: [(&str, Meaning); 24] = [
    ("timestamp", Meaning::Timestamp),
    ("interface", Meaning::Interface),
    ("src_ip", Meaning::Source),
    ("dst_ip", Meaning::Destination),
    ("protocol", Meaning::Protocol),
    ("length", Meaning::Length),
    ("src_port", Meaning::SourcePort),
    ("dst_port", Meaning::DestinationPort),
    ("tcp_flags", Meaning::TcpFlags),
    ("tcp_syn", Meaning::TcpFlag(TcpFlags::SYN)),
    ("tcp_ack", Meaning::TcpFlag(TcpFlags::ACK)),
    ("tcp_fin", Meaning::TcpFlag(TcpFlags::FIN)),
    ("tcp_rst", Meaning::TcpFlag(TcpFlags::RST)),
    ("tcp_psh", Meaning::TcpFlag(TcpFlags::PSH)),
    ("icmp_type", Meaning::IcmpType),
    ("icmp_code", Meaning::IcmpCode),
    ("arp_op", Meaning::ArpOperation),
    ("arp_psrc", Meaning::ArpSender),
    ("arp_pdst", Meaning::ArpTarget),
    ("arp_hwsrc", Meaning::ArpSenderHardware),
    ("arp_hwdst", Meaning::ArpTargetHardware),
    ("dns_query", Meaning::DnsQuery),
    ("dns_response", Meaning::DnsResponse),
    ("dns_qname", Meaning::DnsName),
];

/// The type of a column, as far as it changes how a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Numbers.
    Number,
    /// Text of any kind.
    Text,
    /// `inet`, `cidr`, `macaddr`: written as text, but nothing else than an address.
    Address,
    /// `boolean`.
    Boolean,
    /// Date and time.
    DateTime,
}

impl Shape {
    /// By the name in `pg_type`.
    pub fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" => Self::Number,
            "text" | "varchar" | "bpchar" => Self::Text,
            "inet" | "cidr" | "macaddr" => Self::Address,
            "bool" => Self::Boolean,
            "timestamp" | "timestamptz" => Self::DateTime,
            _ => return None,
        })
    }
}

impl Meaning {
    /// The shapes that a value can be written in.
    pub fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Timestamp => &[Shape::Number, Shape::DateTime],
            Self::Interface | Self::DnsName => &[Shape::Text],
            Self::Source
            | Self::Destination
            | Self::ArpSender
            | Self::ArpTarget
            | Self::ArpSenderHardware
            | Self::ArpTargetHardware => &[Shape::Text, Shape::Address],
            Self::Protocol | Self::TcpFlags => &[Shape::Text, Shape::Number],
            Self::Length
            | Self::SourcePort
            | Self::DestinationPort
            | Self::IcmpType
            | Self::IcmpCode
            | Self::ArpOperation => &[Shape::Number],
            Self::TcpFlag(_) | Self::DnsQuery | Self::DnsResponse => &[Shape::Boolean],
        }
    }

    /// Appends the value of `row` in COPY's text format.
    pub fn write(self, row: &RawRow, shape: Shape, interface: &str, out: &mut Vec<u8>) {
        let packet = &row.packet;
        let content = &packet.content;
        match self {
            Self::Timestamp if shape == Shape::DateTime => date_time(packet.timestamp, out),
            Self::Timestamp => display(Some(packet.timestamp), out),
            Self::Interface => text(Some(interface), out),
            Self::Source => match row.flaw {
                Some(Flaw::Address) if shape == Shape::Address => text(None, out),
                Some(Flaw::Address) => text(Some("10.9.0.300"), out),
                _ => address(packet, |(source, _)| source, out),
            },
            Self::Destination => address(packet, |(_, destination)| destination, out),
            Self::Protocol if shape == Shape::Number => display(protocol_number(content), out),
            Self::Protocol => text(Some(content.protocol()), out),
            Self::Length if row.flaw == Some(Flaw::Length) => display(Some(-1), out),
            Self::Length => display(Some(i32::try_from(packet.length).unwrap_or(i32::MAX)), out),
            Self::SourcePort => display(content.ports().map(|(source, _)| source), out),
            Self::DestinationPort => display(content.ports().map(|(_, destination)| destination), out),
            Self::TcpFlags => tcp_flags(row, shape, out),
            Self::TcpFlag(flag) => truth(content.tcp_flags().map(|flags| flags.contains(flag)), out),
            Self::IcmpType => display(content.icmp().map(|(kind, _)| kind), out),
            Self::IcmpCode => display(content.icmp().map(|(_, code)| code), out),
            Self::ArpOperation => display(arp(content).map(|arp| arp.operation), out),
            Self::ArpSender => display(arp(content).map(|arp| arp.sender), out),
            Self::ArpTarget => display(arp(content).map(|arp| arp.target), out),
            Self::ArpSenderHardware => display(arp(content).map(|arp| hardware_text(arp.sender_hardware)), out),
            Self::ArpTargetHardware => display(arp(content).map(|arp| hardware_text(arp.target_hardware)), out),
            Self::DnsQuery => truth(dns(content).map(|dns| !dns.is_response), out),
            Self::DnsResponse => truth(dns(content).map(|dns| dns.is_response), out),
            Self::DnsName => text(dns(content).and_then(|dns| dns.name.as_deref()), out),
        }
    }
}

const NULL: &[u8] = b"\\N";

fn display(value: Option<impl std::fmt::Display>, out: &mut Vec<u8>) {
    match value {
        Some(value) => {
            let _ = write!(out, "{value}"); // memory takes everything
        }
        None => out.extend_from_slice(NULL),
    }
}

fn truth(value: Option<bool>, out: &mut Vec<u8>) {
    display(value.map(|value| if value { 't' } else { 'f' }), out);
}

fn text(value: Option<&str>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.extend_from_slice(NULL) };
    for &byte in value.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}

/// The existing system stores `0.0.0.0` for what has no address.
fn address(packet: &CapturedPacket, side: fn((IpAddr, IpAddr)) -> IpAddr, out: &mut Vec<u8>) {
    match packet.addresses {
        Some(both) => display(Some(side(both)), out),
        None => text(Some("0.0.0.0"), out),
    }
}

fn protocol_number(content: &Content) -> Option<u8> {
    match content {
        Content::Icmp { .. } => Some(1),
        Content::Tcp { .. } => Some(6),
        Content::Udp { .. } => Some(17),
        Content::Icmpv6EchoRequest { .. } => Some(58),
        Content::Arp(_) | Content::Other => None,
    }
}

fn tcp_flags(row: &RawRow, shape: Shape, out: &mut Vec<u8>) {
    let flags = row.packet.content.tcp_flags();
    match (shape, row.flaw) {
        (Shape::Number, Some(Flaw::TcpFlags)) => display(Some(-1), out),
        (Shape::Number, _) => display(flags.map(TcpFlags::bits), out),
        (_, Some(Flaw::TcpFlags)) => text(Some("SYN,XYZZY"), out),
        _ => text(flags.map(tcp_flags_text).as_deref(), out),
    }
}

fn arp(content: &Content) -> Option<&Arp> {
    if let Content::Arp(arp) = content { Some(arp) } else { None }
}

fn dns(content: &Content) -> Option<&Dns> {
    if let Content::Udp { dns, .. } = content { dns.as_ref() } else { None }
}

/// As a Julian day and a time of day in UTC, which spares a calendar; `infinity` for what is no time.
#[allow(clippy::cast_possible_truncation)] // in range: checked just before
fn date_time(seconds: f64, out: &mut Vec<u8>) {
    const JULIAN_DAY_OF_1970: i64 = 2_440_588;
    const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;
    if !(0.0..1e11).contains(&seconds) {
        return text(Some("infinity"), out);
    }
    let micros = (seconds * 1e6).round() as i64;
    let (day, of_day) = (micros / MICROS_PER_DAY, micros % MICROS_PER_DAY);
    let (second, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let day = JULIAN_DAY_OF_1970 + day;
    display(Some(format_args!("J{day} {hour:02}:{minute:02}:{second:02}.{fraction:06}+00")), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_what_copy_would_take_for_its_own() {
        let check = |value: Option<&str>, expected: &str| {
            let mut out = Vec::new();
            text(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{value:?}");
        };
        check(None, "\\N");
        check(Some(""), "");
        check(Some("\\N"), "\\\\N");
        check(Some("a\tb\nc\rd"), "a\\tb\\nc\\rd");
        check(Some("é"), "é");
    }

    #[test]
    fn times_are_written_as_julian_days() {
        let check = |seconds: f64, expected: &str| {
            let mut out = Vec::new();
            date_time(seconds, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{seconds}");
        };
        check(0.0, "J2440588 00:00:00.000000+00");
        check(1_700_000_000.25, "J2460263 22:13:20.250000+00");
        check(f64::NAN, "infinity");
        check(-1.0, "infinity");
    }
}
