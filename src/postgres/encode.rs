//! Flows become rows of `COPY … FROM STDIN (FORMAT binary)`, in the types that the table has.

use std::fmt::{Display, Write};
use std::net::{IpAddr, Ipv4Addr};

use crate::flow::context::Context;
use crate::flow::key::FlowKey;
use crate::flow::statistics::{Statistics, Value};
use crate::flow::time::EventTime;
use crate::flow::window::Window;
use crate::postgres::sink_table::{Format, Target};
use crate::postgres::traffic_data::{Content, Field};

/// Signature, flags and extension length.
pub const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the rows.
pub const COPY_TRAILER: &[u8] = &(-1i16).to_be_bytes();

/// One row of `traffic_data`.
#[derive(Clone, Copy, Debug)]
pub struct FlowRow<'a> {
    /// Key of the flow.
    pub key: &'a FlowKey,
    /// Its packets.
    pub statistics: &'a Statistics,
    /// What its neighbours say.
    pub context: &'a Context,
    /// Its window.
    pub window: Window,
    /// 0, or the checkpoint that stores this part.
    pub revision: i64,
    /// What the model takes it for.
    pub label: &'a str,
    /// How sure the model is; `None` without a model.
    pub confidence: Option<f32>,
    /// Which model; `None` without one.
    pub model_version: Option<&'a str>,
    /// The source.
    pub source_id: i32,
    /// When it is stored.
    pub created_at: EventTime,
}

/// Appends a row. Gives how many values did not fit their column and were clamped.
pub fn append(row: &FlowRow<'_>, targets: &[Target], bytes: &mut Vec<u8>) -> u64 {
    bytes.extend_from_slice(&i16::try_from(targets.len()).unwrap_or(i16::MAX).to_be_bytes());
    targets.iter().map(|target| append_value(row, target, bytes)).sum()
}

fn append_value(row: &FlowRow<'_>, target: &Target, bytes: &mut Vec<u8>) -> u64 {
    let format = target.format;
    match target.content {
        Content::Statistic(statistic) => match (statistic.value)(row.statistics) {
            Value::Count(count) => return put_count(count, format, bytes),
            Value::Real(real) => put_real(real, format, bytes),
            Value::Time(time) => put_time(time, format, bytes),
            Value::Text(text) => put_str(&text, format, bytes),
            Value::Absent => put_null(bytes),
        },
        Content::Context(statistic) => put_real((statistic.value)(row.context), format, bytes),
        Content::Row(field) => return append_field(row, field, format, bytes),
    }
    0
}

fn append_field(row: &FlowRow<'_>, field: Field, format: Format, bytes: &mut Vec<u8>) -> u64 {
    match field {
        Field::SourceAddress => put_address(row.key.source, format, bytes),
        Field::DestinationAddress => put_address(row.key.destination, format, bytes),
        Field::Protocol => put_str(row.key.protocol.name(), format, bytes),
        Field::WindowStart => put_time(row.window.start, format, bytes),
        Field::WindowEnd => put_time(row.window.end, format, bytes),
        Field::Label => put_str(row.label, format, bytes),
        Field::Confidence => match row.confidence {
            Some(confidence) => put_real(f64::from(confidence), format, bytes),
            None => put_null(bytes),
        },
        Field::ModelVersion => match row.model_version {
            Some(version) => put_str(version, format, bytes),
            None => put_null(bytes),
        },
        Field::Revision => return put_count(row.revision.unsigned_abs(), format, bytes),
        Field::SourceId => return put_count(u64::from(row.source_id.unsigned_abs()), format, bytes),
        Field::CreatedAt => put_time(row.created_at, format, bytes),
    }
    0
}

fn put_null(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(-1i32).to_be_bytes());
}

/// A value that takes so many octets in any row.
fn put<const OCTETS: usize>(value: [u8; OCTETS], bytes: &mut Vec<u8>) {
    put_length(OCTETS, bytes);
    bytes.extend_from_slice(&value);
}

fn put_length(octets: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&i32::try_from(octets).unwrap_or(i32::MAX).to_be_bytes());
}

/// A count that does not fit its column is clamped and counted, not an error for ever.
fn put_count(count: u64, format: Format, bytes: &mut Vec<u8>) -> u64 {
    match format {
        Format::Int2 => clamped(count, i16::MAX, |value| put(value.to_be_bytes(), bytes)),
        Format::Int4 => clamped(count, i32::MAX, |value| put(value.to_be_bytes(), bytes)),
        Format::Int8 => clamped(count, i64::MAX, |value| put(value.to_be_bytes(), bytes)),
        Format::Float4 | Format::Float8 => {
            put_real(count as f64, format, bytes);
            0
        }
        Format::Text(_) | Format::Inet | Format::Timestamp => {
            put_text(count, format, bytes);
            0
        }
    }
}

fn clamped<T: TryFrom<u64>>(count: u64, most: T, put: impl FnOnce(T)) -> u64 {
    let value = T::try_from(count);
    let is_clamped = value.is_err();
    put(value.unwrap_or(most));
    u64::from(is_clamped)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rates are rounded where the column wants integers
fn put_real(real: f64, format: Format, bytes: &mut Vec<u8>) {
    match format {
        Format::Float8 => put(real.to_be_bytes(), bytes),
        Format::Float4 => put((real as f32).to_be_bytes(), bytes),
        Format::Int2 | Format::Int4 | Format::Int8 => {
            put_count(real.round().max(0.0) as u64, format, bytes);
        }
        Format::Text(_) | Format::Inet | Format::Timestamp => put_text(real, format, bytes),
    }
}

fn put_time(time: EventTime, format: Format, bytes: &mut Vec<u8>) {
    match format {
        Format::Timestamp => put(time.postgres_micros().to_be_bytes(), bytes),
        _ => put_real(time.unix_seconds(), format, bytes),
    }
}

/// As `network_recv` reads it: family (`PGSQL_AF_INET` 2, IPv6 3), prefix length, is-cidr, length of the address, address.
fn put_address(address: IpAddr, format: Format, bytes: &mut Vec<u8>) {
    match (format, address) {
        (Format::Inet, IpAddr::V4(v4)) => {
            let [a, b, c, d] = v4.octets();
            put([2, 32, 0, 4, a, b, c, d], bytes);
        }
        (Format::Inet, IpAddr::V6(v6)) => {
            put_length(20, bytes);
            bytes.extend_from_slice(&[3, 128, 0, 16]);
            bytes.extend_from_slice(&v6.octets());
        }
        (Format::Text(None), IpAddr::V4(v4)) => put_dotted_decimal(v4, bytes),
        _ => put_text(address, format, bytes),
    }
}

/// What the formatter of the standard library gives, in a sixth of its time: of every row two are written.
fn put_dotted_decimal(address: Ipv4Addr, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    put_length(0, bytes);
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            bytes.push(b'.');
        }
        if octet >= 100 {
            bytes.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            bytes.push(b'0' + octet / 10 % 10);
        }
        bytes.push(b'0' + octet % 10);
    }
    set_length(start, bytes);
}

/// Text as it is, where there is room for it.
fn put_str(text: &str, format: Format, bytes: &mut Vec<u8>) {
    match format {
        // No text has more characters than octets.
        Format::Text(width) if width.is_none_or(|width| text.len() <= width) => {
            put_length(text.len(), bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        _ => put_text(text, format, bytes),
    }
}

/// Text, cut to the column's width; NULL where the column is of a type that text cannot be.
fn put_text(text: impl Display, format: Format, bytes: &mut Vec<u8>) {
    let Format::Text(width) = format else { return put_null(bytes) };
    let start = bytes.len();
    put_length(0, bytes);
    let mut sink = Bounded { bytes, left: width.unwrap_or(usize::MAX) };
    if write!(sink, "{text}").is_err() {
        tracing::trace!("a text was cut to the width of its column");
    }
    set_length(start, bytes);
}

/// Of the value that begins at `start` and has just been written.
fn set_length(start: usize, bytes: &mut [u8]) {
    let length = i32::try_from(bytes.len() - start - 4).unwrap_or(i32::MAX);
    bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Takes characters until there is no more room.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    left: usize,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if text.len() <= self.left {
            self.bytes.extend_from_slice(text.as_bytes());
            self.left -= text.len();
            return Ok(());
        }
        let end = text.char_indices().nth(self.left).map_or(text.len(), |(index, _)| index);
        self.bytes.extend_from_slice(&text.as_bytes()[..end]);
        self.left = 0;
        if end < text.len() { Err(std::fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(put: impl Fn(&mut Vec<u8>), expected: &[u8]) {
        let mut bytes = Vec::new();
        put(&mut bytes);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn values_take_the_shape_of_their_column() {
        check(|bytes| assert_eq!(put_count(7, Format::Int4, bytes), 0), &[0, 0, 0, 4, 0, 0, 0, 7]);
        check(|bytes| assert_eq!(put_count(1 << 40, Format::Int4, bytes), 1), &[0, 0, 0, 4, 127, 255, 255, 255]);
        check(|bytes| put_text("abc", Format::Text(None), bytes), b"\0\0\0\x03abc");
        check(|bytes| put_text("äöü", Format::Text(Some(2)), bytes), "\0\0\0\x04äö".as_bytes());
        check(|bytes| put_text("abc", Format::Int4, bytes), &[255, 255, 255, 255]);
        check(
            |bytes| put_address(IpAddr::from([10, 0, 0, 1]), Format::Inet, bytes),
            &[0, 0, 0, 8, 2, 32, 0, 4, 10, 0, 0, 1],
        );
        check(|bytes| put_address(IpAddr::from([10, 0, 0, 1]), Format::Text(None), bytes), b"\0\0\0\x0810.0.0.1");
        for address in [[0, 9, 10, 99], [100, 101, 199, 255], [1, 20, 200, 0]].map(IpAddr::from) {
            let mut written = Vec::new();
            put_text(address, Format::Text(None), &mut written);
            check(|bytes| put_address(address, Format::Text(None), bytes), &written);
        }
        check(|bytes| put_address(IpAddr::from([10, 0, 0, 1]), Format::Text(Some(4)), bytes), b"\0\0\0\x0410.0");
        check(|bytes| put_real(1.6, Format::Int2, bytes), &[0, 0, 0, 2, 0, 2]);
    }
}
