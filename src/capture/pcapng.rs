//! The newer capture file: sections of blocks; each interface has its own link type and resolution of time.
//!
//! A block is its type, its length, a body, the length again. Types that carry no packet are passed over.

use super::CaptureError;
use super::bytes::{Bytes, MAX_BLOCK_BYTES, Order};
use super::rows::Frame;

/// Interfaces of a section; each costs a few bytes for as long as the section lasts.
const MAX_INTERFACES: usize = 65_536;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length before the body, the length again behind it.
const HEAD: usize = 8;
const TAIL: usize = 4;

/// The state of the section that is read.
#[derive(Debug)]
pub struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Interface {
    link_type: u16,
    units_per_second: u64,
    /// Added to every time, in seconds.
    offset: i64,
}

impl Pcapng {
    /// First bytes of every file; reads the same in both byte orders.
    pub const MAGIC: [u8; 4] = SECTION_HEADER.to_be_bytes();

    /// Reads the first block, behind its type.
    pub fn open(bytes: &mut Bytes) -> Result<Self, CaptureError> {
        let mut this = Self { order: Order::Little, interfaces: Vec::new() };
        bytes.append_announced(4, "a Section Header Block")?;
        this.read_body(bytes)?;
        Ok(this)
    }

    /// Reads up to the next frame; `None` at the end.
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Frame>, CaptureError> {
        while bytes.read(HEAD, "a block header")? {
            let offset = bytes.offset() - HEAD as u64;
            self.read_body(bytes)?;
            let frame = match self.order.u32(bytes.piece(), 0) {
                INTERFACE_DESCRIPTION => self.describe(bytes.piece(), offset).map(|()| None)?,
                ENHANCED_PACKET => Some(self.packet(bytes.piece(), offset, self.order.u32(bytes.piece(), HEAD))?),
                // Obsolete; the interface has 16 bits, the other 16 count drops.
                PACKET => Some(self.packet(bytes.piece(), offset, self.order.u16(bytes.piece(), HEAD).into())?),
                SIMPLE_PACKET => return Err(CaptureError::NoTime { offset }),
                _ => None,
            };
            if frame.is_some() {
                return Ok(frame);
            }
        }
        Ok(None)
    }

    /// Reads the body and the tail of a block whose head has been read. A section header starts a section.
    fn read_body(&mut self, bytes: &mut Bytes) -> Result<(), CaptureError> {
        let offset = bytes.offset() - HEAD as u64;
        let damaged = |at: usize, expected, found: u32| CaptureError::Damaged {
            offset: offset + at as u64,
            expected,
            found: u64::from(found),
        };
        let mut have = HEAD;
        if bytes.piece().starts_with(&Self::MAGIC) {
            bytes.append_announced(4, "the byte order of a section")?;
            have += 4;
            self.order = match bytes.piece()[HEAD..] {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                _ => return Err(damaged(HEAD, "the byte order 1a2b3c4d", Order::Big.u32(bytes.piece(), HEAD))),
            };
            self.interfaces.clear();
        }
        let announced = self.order.u32(bytes.piece(), 4);
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length < have + TAIL || length > MAX_BLOCK_BYTES || !length.is_multiple_of(4) {
            return Err(damaged(4, "the length of a block: a multiple of 4 from 12 bytes to 16 MiB", announced));
        }
        bytes.append_announced(length - have, "a block")?;
        let repeated = self.order.u32(bytes.piece(), length - TAIL);
        if repeated != announced {
            return Err(damaged(length - TAIL, "the length of the block again", repeated));
        }
        Ok(())
    }

    fn describe(&mut self, block: &[u8], offset: u64) -> Result<(), CaptureError> {
        let damaged = |expected, found: u64| CaptureError::Damaged { offset: offset + HEAD as u64, expected, found };
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(damaged("at most 65,536 interfaces", MAX_INTERFACES as u64 + 1));
        }
        let mut interface =
            Interface { link_type: self.order.u16(block, HEAD), units_per_second: 1_000_000, offset: 0 };
        let mut options = block.get(HEAD + 8..block.len() - TAIL).unwrap_or_default();
        while let Some(head) = options.first_chunk::<4>() {
            let (code, length) = (self.order.u16(head, 0), usize::from(self.order.u16(head, 2)));
            let value = options.get(4..4 + length).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (9, &[resolution]) => {
                    interface.units_per_second = units_per_second(resolution)
                        .ok_or_else(|| damaged("an if_tsresol that fits 64 bits", resolution.into()))?;
                }
                (14, [_, _, _, _, _, _, _, _]) => interface.offset = self.order.i64(value, 0),
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn packet(&self, block: &[u8], offset: u64, interface: u32) -> Result<Frame, CaptureError> {
        const FIXED: usize = HEAD + 20;
        let damaged = |at: usize, expected, found: u32| CaptureError::Damaged {
            offset: offset + at as u64,
            expected,
            found: u64::from(found),
        };
        if block.len() < FIXED + TAIL {
            return Err(damaged(4, "a packet block of 32 bytes or more", self.order.u32(block, 4)));
        }
        let [high, low, captured, wire] = [12, 16, 20, 24].map(|at| self.order.u32(block, at));
        let known = usize::try_from(interface).ok().and_then(|index| self.interfaces.get(index));
        let Some(known) = known else {
            return Err(damaged(HEAD, "an interface that the section describes", interface));
        };
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        if length > block.len() - FIXED - TAIL {
            return Err(damaged(20, "a captured length that fits the block", captured));
        }
        Ok(Frame {
            timestamp: known.timestamp(u64::from(high) << 32 | u64::from(low)),
            link_type: known.link_type,
            wire_length: wire,
            data: FIXED..FIXED + length,
        })
    }
}

impl Interface {
    fn timestamp(self, units: u64) -> f64 {
        let (whole, fraction) = (units / self.units_per_second, units % self.units_per_second);
        (whole as f64 + self.offset as f64) + fraction as f64 / self.units_per_second as f64
    }
}

/// The highest bit chooses powers of 2, else they are of 10.
fn units_per_second(resolution: u8) -> Option<u64> {
    let power = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 { 10_u64.checked_pow(power) } else { 1_u64.checked_shl(power) }
}
