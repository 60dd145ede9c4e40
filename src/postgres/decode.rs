//! Rows of `COPY … (FORMAT binary)` become packets, straight from the bytes and without an allocation a row.
//!
//! Types are sent as they are stored and read here: a cast in SQL costs the server a third of its speed. A row that cannot
//! be used becomes a [`Rejected`]; only bytes that break the COPY format itself are an error.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::flow::batch::{Reason, Rejected};
use crate::flow::key::{FlowKey, NO_ADDRESS, Protocol};
use crate::flow::packet::{Arp, Dns, HardwareAddress, Packet, TcpFlags};
use crate::flow::time::EventTime;
use crate::postgres::column::{Kind, Role};
use crate::postgres::source::SourceColumn;
use crate::postgres::texts::TEXT_BYTES_MAX;

/// The signature, flags and extension length at the start of a binary COPY stream.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER_BYTES: usize = HEADER.len() + 8;

/// Bytes that are no binary COPY stream of the columns asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the server's COPY stream is malformed: {0}")]
pub struct MalformedStream(&'static str);

/// Decodes the rows of one COPY stream.
#[derive(Debug)]
pub struct RowDecoder<'a> {
    columns: &'a [SourceColumn],
    header_seen: bool,
    saw_long_text: bool,
}

/// A row: its id, and the packet or why there is none.
#[derive(Debug)]
pub struct Row {
    /// Value of the id column.
    pub id: i64,
    /// The packet.
    pub packet: Result<Packet, Rejected>,
}

impl<'a> RowDecoder<'a> {
    /// For a stream of these columns; the id is among them.
    pub fn new(columns: &'a [SourceColumn]) -> Self {
        Self { columns, header_seen: false, saw_long_text: false }
    }

    /// Takes the next row off `bytes`, one message of the stream. `None` at the end of the message or of the stream.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Row>, MalformedStream> {
        if !self.header_seen {
            let rest = bytes.strip_prefix(HEADER).and_then(|_| bytes.get(HEADER_BYTES..));
            *bytes = rest.ok_or(MalformedStream("no header"))?;
            self.header_seen = true;
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let count = i16::from_be_bytes(take(bytes)?);
        if count == -1 {
            return Ok(None);
        }
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(MalformedStream("another number of columns than asked for"));
        }
        self.row(bytes).map(Some)
    }

    /// Whether a text was longer than any that is used.
    pub fn saw_long_text(&self) -> bool {
        self.saw_long_text
    }

    fn row(&mut self, bytes: &mut &[u8]) -> Result<Row, MalformedStream> {
        let mut draft = Draft::default();
        let mut fault = None;
        let (mut left, mut has_long_text) = (*bytes, false);
        for column in self.columns {
            // NULL is nothing to set: whether the row can do without is asked at its end.
            let Some(value) = take_value(&mut left)? else { continue };
            has_long_text |= value.len() > TEXT_BYTES_MAX;
            if let Err(reason) = draft.set(column.role, column.kind, value) {
                fault.get_or_insert((reason, column, value));
            }
        }
        *bytes = left;
        self.saw_long_text |= has_long_text;
        let id = draft.id.ok_or(MalformedStream("a row without an id"))?;
        let reject = |reason, column: &'static str, value| Rejected { id, reason, column, value };
        let packet = match fault {
            Some((reason, column, value)) => Err(reject(reason, column.role.name(), Some(shown(column.kind, value)))),
            None => draft.packet().map_err(|(reason, role)| reject(reason, role.name(), None)),
        };
        Ok(Row { id, packet })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], MalformedStream> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(MalformedStream("a row cut short"))?;
    *bytes = rest;
    Ok(*taken)
}

fn take_value<'b>(bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, MalformedStream> {
    let length = i32::from_be_bytes(take(bytes)?);
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let (value, rest) = bytes.split_at_checked(length).ok_or(MalformedStream("a value cut short"))?;
    *bytes = rest;
    Ok(Some(value))
}

/// A packet as far as its columns have been read. Address bytes of ARP are looked at only where they are needed.
#[derive(Default)]
struct Draft<'b> {
    id: Option<i64>,
    time: Option<EventTime>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    protocol: Option<Protocol>,
    length: u32,
    source_port: u16,
    destination_port: u16,
    tcp_flags: TcpFlags,
    arp: Arp,
    arp_source: Option<(Kind, &'b [u8])>,
    arp_destination: Option<(Kind, &'b [u8])>,
    dns_response: bool,
    dns_name: Option<&'b [u8]>,
}

impl<'b> Draft<'b> {
    fn set(&mut self, role: Role, kind: Kind, value: &'b [u8]) -> Result<(), Reason> {
        match role {
            Role::Id => self.id = Some(integer(kind, value)?),
            Role::Timestamp => self.time = Some(time(kind, value)?),
            Role::SrcIp => self.source = address(kind, value)?,
            Role::DstIp => self.destination = address(kind, value)?,
            Role::Protocol => self.protocol = Some(protocol(kind, value)?),
            Role::Length => {
                let length = integer(kind, value)?;
                let length = u32::try_from(length).map_err(|_| Reason::Length)?;
                self.length = if length <= Packet::MAX_LENGTH { length } else { return Err(Reason::Length) };
            }
            Role::SrcPort => self.source_port = port(kind, value)?,
            Role::DstPort => self.destination_port = port(kind, value)?,
            Role::TcpFlags => self.tcp_flags = tcp_flags(kind, value)?,
            Role::TcpSyn => self.flag(value, TcpFlags::SYN),
            Role::TcpAck => self.flag(value, TcpFlags::ACK),
            Role::TcpFin => self.flag(value, TcpFlags::FIN),
            Role::TcpRst => self.flag(value, TcpFlags::RST),
            Role::TcpPsh => self.flag(value, TcpFlags::PSH),
            Role::ArpOp => self.arp.is_reply = integer(kind, value)? == 2,
            Role::ArpPsrc => self.arp_source = Some((kind, value)),
            Role::ArpPdst => self.arp_destination = Some((kind, value)),
            Role::ArpHwsrc => self.arp.source_hardware = hardware_address(kind, value),
            Role::ArpHwdst => self.arp.destination_hardware = hardware_address(kind, value),
            Role::DnsResponse => self.dns_response = value == [1],
            // One that no server would answer is no reason to lose the packet.
            Role::DnsQname => self.dns_name = (value.len() <= TEXT_BYTES_MAX).then_some(value),
        }
        Ok(())
    }

    fn flag(&mut self, value: &[u8], flag: TcpFlags) {
        if value == [1] {
            self.tcp_flags = self.tcp_flags.union(flag);
        }
    }

    fn packet(self) -> Result<Packet, (Reason, Role)> {
        let protocol = self.protocol.unwrap_or(Protocol::Other);
        let (source, destination) = self.addresses()?;
        Ok(Packet {
            time: self.time.ok_or((Reason::Time, Role::Timestamp))?,
            key: FlowKey { source, destination, protocol },
            length: self.length,
            source_port: self.source_port,
            destination_port: self.destination_port,
            tcp_flags: self.tcp_flags,
            arp: (protocol == Protocol::Arp).then_some(self.arp),
            dns: self.dns_name.and_then(|name| Dns::of_name(name, self.dns_response)),
        })
    }

    /// Rows without IP addresses take those of ARP; otherwise a whole LAN's ARP would be one flow.
    fn addresses(&self) -> Result<(IpAddr, IpAddr), (Reason, Role)> {
        let of_arp = |value: Option<(Kind, &[u8])>, role| match value {
            Some((kind, value)) => address(kind, value).map_err(|reason| (reason, role)),
            None => Ok(None),
        };
        let (mut source, mut destination) = (self.source, self.destination);
        if source.is_none() && destination.is_none() {
            source = of_arp(self.arp_source, Role::ArpPsrc)?;
            destination = of_arp(self.arp_destination, Role::ArpPdst)?;
        }
        Ok((source.unwrap_or(NO_ADDRESS), destination.unwrap_or(NO_ADDRESS)))
    }
}

fn integer(kind: Kind, value: &[u8]) -> Result<i64, Reason> {
    let number = match kind {
        Kind::Int2 => value.try_into().ok().map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        Kind::Int4 => value.try_into().ok().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        _ => value.try_into().ok().map(i64::from_be_bytes),
    };
    number.ok_or(Reason::Malformed)
}

fn time(kind: Kind, value: &[u8]) -> Result<EventTime, Reason> {
    let bytes = value.try_into().map_err(|_| Reason::Malformed)?;
    let time = match kind {
        Kind::Float8 => EventTime::from_unix_seconds(f64::from_be_bytes(bytes)),
        _ => EventTime::from_postgres_micros(i64::from_be_bytes(bytes)),
    };
    time.ok_or(Reason::Time)
}

/// A text of a length that makes sense; of a longer one not even the beginning counts, since it may have been cut.
fn text(kind: Kind, value: &[u8], too_long: Reason) -> Result<&str, Reason> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(too_long);
    }
    // What looks like UTF-8 in another encoding is something else, and could not be stored again.
    let text = std::str::from_utf8(value).map_err(|_| Reason::Malformed)?;
    if kind == Kind::ForeignText && !text.is_ascii() { Err(Reason::Malformed) } else { Ok(text) }
}

/// `None` for the ways in which the existing system writes "no address".
fn address(kind: Kind, value: &[u8]) -> Result<Option<IpAddr>, Reason> {
    let address = if kind == Kind::Inet { inet(value)? } else { address_text(kind, value)? };
    Ok(address.filter(|&address| address != NO_ADDRESS))
}

fn address_text(kind: Kind, value: &[u8]) -> Result<Option<IpAddr>, Reason> {
    if let Some(v4) = ipv4(value) {
        return Ok(Some(IpAddr::V4(v4)));
    }
    match text(kind, value, Reason::Address)?.trim() {
        "" | "0" => Ok(None),
        other => other.parse().map(Some).map_err(|_| Reason::Address),
    }
}

/// Dotted decimal, the shape of nearly every address; anything unusual is left to the slower way.
fn ipv4(value: &[u8]) -> Option<Ipv4Addr> {
    let (a, rest) = octet(value)?;
    let (b, rest) = octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = octet(rest.strip_prefix(b".")?)?;
    rest.is_empty().then(|| Ipv4Addr::new(a, b, c, d))
}

/// The number of up to three digits at the beginning, and what comes after them.
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |index: usize| {
        let digit = text.get(index)?.wrapping_sub(b'0');
        (digit < 10).then_some(digit)
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else { return Some((first, &text[1..])) };
    let two = first * 10 + second;
    let Some(third) = digit(2) else { return Some((two, &text[2..])) };
    Some((two.checked_mul(10)?.checked_add(third)?, &text[3..]))
}

/// Family, prefix length, is-cidr, length of the address, address (`network_send`).
fn inet(value: &[u8]) -> Result<Option<IpAddr>, Reason> {
    match value {
        [2, _, _, 4, octets @ ..] => octets.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        [3, _, _, 16, octets @ ..] => octets.try_into().ok().map(|octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => None,
    }
    .map(Some)
    .ok_or(Reason::Malformed)
}

fn protocol(kind: Kind, value: &[u8]) -> Result<Protocol, Reason> {
    if kind.is_text() {
        if let Some(usual) = Protocol::from_usual_name(value) {
            return Ok(usual);
        }
        return Protocol::from_name(text(kind, value, Reason::Protocol)?).ok_or(Reason::Protocol);
    }
    u8::try_from(integer(kind, value)?).map(Protocol::from_number).map_err(|_| Reason::Protocol)
}

fn port(kind: Kind, value: &[u8]) -> Result<u16, Reason> {
    u16::try_from(integer(kind, value)?).map_err(|_| Reason::Port)
}

fn tcp_flags(kind: Kind, value: &[u8]) -> Result<TcpFlags, Reason> {
    if kind.is_text() {
        if let Some(usual) = TcpFlags::parse_usual(value) {
            return Ok(usual);
        }
        return TcpFlags::parse(text(kind, value, Reason::TcpFlags)?).ok_or(Reason::TcpFlags);
    }
    u8::try_from(integer(kind, value)? & 0xff).map(TcpFlags::from_bits).map_err(|_| Reason::TcpFlags)
}

/// An unreadable hardware address is no reason to lose the packet.
fn hardware_address(kind: Kind, value: &[u8]) -> Option<HardwareAddress> {
    match kind {
        Kind::Macaddr => value.try_into().ok().map(HardwareAddress::from_octets),
        _ => std::str::from_utf8(value).ok().and_then(|text| HardwareAddress::parse(text.trim_end_matches(' '))),
    }
}

/// A value as text for `rejected_packets`, cut to [`Rejected::VALUE_BYTES`].
fn shown(kind: Kind, value: &[u8]) -> String {
    // A float with an exponent where it would be long.
    let float = |bytes| format!("{:?}", f64::from_be_bytes(bytes));
    let known = match kind {
        Kind::Int2 | Kind::Int4 | Kind::Int8 => integer(kind, value).ok().map(|number| number.to_string()),
        Kind::Float8 => value.try_into().ok().map(float),
        Kind::Timestamp => value.try_into().ok().map(|bytes| match i64::from_be_bytes(bytes) {
            i64::MAX => "infinity".to_owned(),
            i64::MIN => "-infinity".to_owned(),
            micros => format!("{micros} µs since 2000-01-01"),
        }),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let cut = &value[..value.len().min(Rejected::VALUE_BYTES)];
        // Neither NUL nor, in other encodings than UTF-8, the sign for what is no character can be stored as text.
        match String::from_utf8_lossy(cut) {
            Cow::Borrowed(text) if !text.contains('\0') && (kind != Kind::ForeignText || text.is_ascii()) => {
                text.to_owned()
            }
            text => text.replace(
                |sign: char| matches!(sign, '\0' | '\u{fffd}') || (kind == Kind::ForeignText && !sign.is_ascii()),
                "?",
            ),
        }
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
