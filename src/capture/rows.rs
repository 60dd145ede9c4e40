//! The frames of a file, one decoded row after the other.

use std::io::Read;
use std::ops::Range;

use super::CaptureError;
use super::bytes::Bytes;
use super::network;
use super::packet::CapturedPacket;
use super::pcap::Pcap;
use super::pcapng::Pcapng;

/// A frame in the piece that [`Bytes`] read last.
pub struct Frame {
    /// Seconds since the Unix epoch.
    pub timestamp: f64,
    /// How its link header looks.
    pub link_type: u16,
    /// Octets on the wire.
    pub wire_length: u32,
    /// Where in the piece its captured octets are.
    pub data: Range<usize>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

enum State<'a> {
    Unopened(Box<dyn Read + Send + 'a>),
    Open(Bytes<'a>, Format),
    Done,
}

/// The packets of a capture in the file's order: see [`rows`].
pub struct Rows<'a>(State<'a>);

/// Reads a pcap or pcapng file, zstd-compressed or not. All packets before a damage are given, then one error, then
/// nothing; only [`CaptureError::skips_one_packet`] is followed by more packets.
pub fn rows<'a>(reader: impl Read + Send + 'a) -> Rows<'a> {
    Rows(State::Unopened(Box::new(reader)))
}

impl Iterator for Rows<'_> {
    type Item = Result<CapturedPacket, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.read().transpose()?;
        if result.as_ref().is_err_and(|error| !error.skips_one_packet()) {
            self.0 = State::Done;
        }
        Some(result)
    }
}

impl Rows<'_> {
    fn read(&mut self) -> Result<Option<CapturedPacket>, CaptureError> {
        if matches!(self.0, State::Unopened(_))
            && let State::Unopened(reader) = std::mem::replace(&mut self.0, State::Done)
        {
            let mut bytes = Bytes::open(reader)?;
            let format = Format::open(&mut bytes)?;
            self.0 = State::Open(bytes, format);
        }
        let State::Open(bytes, format) = &mut self.0 else { return Ok(None) };
        let frame = match format {
            Format::Pcap(pcap) => pcap.next(bytes)?,
            Format::Pcapng(pcapng) => pcapng.next(bytes)?,
        };
        Ok(frame.map(|frame| {
            let octets = bytes.piece().get(frame.data).unwrap_or_default();
            let (addresses, content) = network::decode(frame.link_type, octets);
            CapturedPacket { timestamp: frame.timestamp, length: frame.wire_length, addresses, content }
        }))
    }
}

impl Format {
    fn open(bytes: &mut Bytes) -> Result<Self, CaptureError> {
        let not_a_capture = |found: &[u8]| CaptureError::NotACapture { found: found.to_vec() };
        match bytes.read(4, "a file header") {
            Ok(_) => {}
            Err(CaptureError::Truncated { .. }) => return Err(not_a_capture(bytes.piece())),
            Err(error) => return Err(error),
        }
        let Some(&magic) = bytes.piece().first_chunk::<4>() else { return Err(not_a_capture(bytes.piece())) };
        if magic == Pcapng::MAGIC {
            return Ok(Self::Pcapng(Pcapng::open(bytes)?));
        }
        match Pcap::order_and_unit(magic) {
            Some(order_and_unit) => Ok(Self::Pcap(Pcap::open(bytes, order_and_unit)?)),
            None => Err(not_a_capture(&magic)),
        }
    }
}
