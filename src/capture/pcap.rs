//! The classic capture file: a header of 24 bytes, then packets behind headers of 16.

use super::CaptureError;
use super::bytes::{Bytes, MAX_BLOCK_BYTES, Order};
use super::rows::Frame;

/// tcpdump and Wireshark write no more of a frame unless the header announces it.
const USUAL_MAX_SNAP_LENGTH: usize = 262_144;

/// What the file's header says.
#[derive(Debug)]
pub struct Pcap {
    order: Order,
    /// Parts of a second that the second field of a time counts.
    units_per_second: u32,
    link_type: u16,
    max_frame: usize,
}

impl Pcap {
    /// By the first four bytes of a file; `None` if it is not of this format.
    pub fn order_and_unit(magic: [u8; 4]) -> Option<(Order, u32)> {
        match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => Some((Order::Little, 1_000_000)),
            [0xa1, 0xb2, 0xc3, 0xd4] => Some((Order::Big, 1_000_000)),
            [0x4d, 0x3c, 0xb2, 0xa1] => Some((Order::Little, 1_000_000_000)),
            [0xa1, 0xb2, 0x3c, 0x4d] => Some((Order::Big, 1_000_000_000)),
            _ => None,
        }
    }

    /// Reads the rest of the header, behind its magic number.
    pub fn open(bytes: &mut Bytes, (order, units_per_second): (Order, u32)) -> Result<Self, CaptureError> {
        bytes.append_announced(20, "a file header")?;
        let header = bytes.piece();
        let snap_length = usize::try_from(order.u32(header, 16)).unwrap_or(usize::MAX);
        // The upper bits tell of frame check sequences.
        let [_, _, high, low] = order.u32(header, 20).to_be_bytes();
        Ok(Self {
            order,
            units_per_second,
            link_type: u16::from_be_bytes([high, low]),
            max_frame: snap_length.clamp(USUAL_MAX_SNAP_LENGTH, MAX_BLOCK_BYTES),
        })
    }

    /// Reads the next frame; `None` at the end.
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Frame>, CaptureError> {
        let offset = bytes.offset();
        if !bytes.read(16, "a packet header")? {
            return Ok(None);
        }
        let [seconds, fraction, captured, wire] = [0, 4, 8, 12].map(|at| self.order.u32(bytes.piece(), at));
        let damaged = |at, expected, found| CaptureError::Damaged { offset: offset + at, expected, found };
        if fraction >= self.units_per_second {
            return Err(damaged(4, "a fraction of a second", u64::from(fraction)));
        }
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        if length > self.max_frame {
            return Err(damaged(8, "a captured length within the snap length", u64::from(captured)));
        }
        bytes.append_announced(length, "a packet")?;
        Ok(Some(Frame {
            timestamp: f64::from(seconds) + f64::from(fraction) / f64::from(self.units_per_second),
            link_type: self.link_type,
            wire_length: wire,
            data: 16..16 + length,
        }))
    }
}
