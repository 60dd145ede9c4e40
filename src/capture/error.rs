//! What can be wrong with a capture file, and where.

use std::io;

/// Offsets count bytes from the start of the capture; of a compressed file, of what was decompressed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The operating system, or the decompressor, gave up.
    #[error("byte {offset}: cannot read on")]
    Read {
        /// Bytes read until then.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// Neither pcap nor pcapng.
    #[error(
        "byte 0: expected a pcap or pcapng file (zstd-compressed or not), found a file that starts with {found:02x?}"
    )]
    NotACapture {
        /// Its first bytes, at most four.
        found: Vec<u8>,
    },
    /// The file ends in the middle of something.
    #[error("byte {offset}: expected {expected} of {wanted} bytes, but the file ends {found} bytes later")]
    Truncated {
        /// Where it begins.
        offset: u64,
        /// What it is.
        expected: &'static str,
        /// Its length in bytes.
        wanted: usize,
        /// How much of it is there.
        found: usize,
    },
    /// What stands there cannot be true.
    #[error("byte {offset}: expected {expected}, found {found}")]
    Damaged {
        /// Where it stands.
        offset: u64,
        /// What should.
        expected: &'static str,
        /// What does.
        found: u64,
    },
    /// A pcapng Simple Packet Block: a packet without a time has no window. The packets after it can be read.
    #[error("byte {offset}: a Simple Packet Block carries no time; its packet is left out")]
    NoTime {
        /// Where the block begins.
        offset: u64,
    },
}

impl CaptureError {
    /// Whether packets may still follow. All other errors are the last thing that a file gives.
    pub fn skips_one_packet(&self) -> bool {
        matches!(self, Self::NoTime { .. })
    }

    /// The byte that it is about.
    pub fn offset(&self) -> u64 {
        match self {
            Self::NotACapture { .. } => 0,
            Self::Read { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::NoTime { offset } => *offset,
        }
    }
}
