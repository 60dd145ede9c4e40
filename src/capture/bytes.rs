//! Reads a capture piece by piece and knows at which byte it is; decompresses zstd on the way.

use std::io::{BufReader, Cursor, Read};

use super::CaptureError;

/// No block of a capture is larger: whoever claims so is damaged, and cannot make us allocate it. (Frames of link types
/// that we decode stay below 256 KiB.)
pub const MAX_BLOCK_BYTES: usize = 16 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A capture's bytes, decompressed, and the piece that was read last.
pub struct Bytes<'a> {
    input: Box<dyn Read + Send + 'a>,
    offset: u64,
    piece: Vec<u8>,
}

impl<'a> Bytes<'a> {
    /// # Errors
    /// [`CaptureError::Read`] if the first bytes cannot be read.
    pub fn open(mut input: impl Read + Send + 'a) -> Result<Self, CaptureError> {
        let at_start = |source| CaptureError::Read { offset: 0, source };
        let mut magic = Vec::with_capacity(4);
        input.by_ref().take(4).read_to_end(&mut magic).map_err(at_start)?;
        let compressed = magic == ZSTD_MAGIC;
        let whole = Cursor::new(magic).chain(input);
        let input: Box<dyn Read + Send + 'a> = if compressed {
            Box::new(BufReader::new(zstd::stream::read::Decoder::new(whole).map_err(at_start)?))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, whole))
        };
        Ok(Self { input, offset: 0, piece: Vec::new() })
    }

    /// Reads the next `wanted` bytes, called `expected` in errors, in place of the last piece.
    /// False if the file ends exactly here.
    ///
    /// # Errors
    /// [`CaptureError::Truncated`] if it ends in between, [`CaptureError::Read`].
    pub fn read(&mut self, wanted: usize, expected: &'static str) -> Result<bool, CaptureError> {
        self.piece.clear();
        self.append(wanted, expected)
    }

    /// Like [`Bytes::read`], but behind what the last piece holds already.
    pub fn append(&mut self, wanted: usize, expected: &'static str) -> Result<bool, CaptureError> {
        let before = self.piece.len();
        let result = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.piece);
        let found = self.piece.len() - before;
        let offset = self.offset;
        self.offset += found as u64;
        match result {
            Ok(_) if found == wanted => Ok(true),
            Ok(_) if found == 0 => Ok(false),
            Ok(_) => Err(CaptureError::Truncated { offset, expected, wanted, found }),
            Err(source) => Err(CaptureError::Read { offset: self.offset, source }),
        }
    }

    /// Like [`Bytes::append`] where the file may not end: something has announced these bytes.
    pub fn append_announced(&mut self, wanted: usize, expected: &'static str) -> Result<(), CaptureError> {
        let offset = self.offset;
        if wanted == 0 || self.append(wanted, expected)? {
            return Ok(());
        }
        Err(CaptureError::Truncated { offset, expected, wanted, found: 0 })
    }

    /// The piece that was read last.
    pub fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// The byte behind the last piece.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// How a file writes its integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// The integer at `at`; 0 where `piece` is too short, which callers rule out by reading enough.
    pub fn u16(self, piece: &[u8], at: usize) -> u16 {
        let octets = array(piece, at);
        if self == Self::Little { u16::from_le_bytes(octets) } else { u16::from_be_bytes(octets) }
    }

    /// The integer at `at`; 0 where `piece` is too short, which callers rule out by reading enough.
    pub fn u32(self, piece: &[u8], at: usize) -> u32 {
        let octets = array(piece, at);
        if self == Self::Little { u32::from_le_bytes(octets) } else { u32::from_be_bytes(octets) }
    }

    /// The integer at `at`; 0 where `piece` is too short, which callers rule out by reading enough.
    pub fn i64(self, piece: &[u8], at: usize) -> i64 {
        let octets = array(piece, at);
        if self == Self::Little { i64::from_le_bytes(octets) } else { i64::from_be_bytes(octets) }
    }
}

fn array<const N: usize>(piece: &[u8], at: usize) -> [u8; N] {
    piece.get(at..at + N).and_then(|octets| octets.try_into().ok()).unwrap_or([0; N])
}
