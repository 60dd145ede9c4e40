//! Capture files (pcap, pcapng) become the rows that a sniffer would have inserted.
//!
//! Promises: every frame becomes a row (what cannot be decoded is of protocol `OTHER`); a damaged file gives all that was
//! good before the damage, then one error that names the place; memory is bounded by one block of at most 16 MiB.
//!
//! Read by hand, since it is little and three things matter: an error must name the byte and what was expected there;
//! headers that a snap length cut short still count (etherparse wants all options of a TCP header); a resolution of time
//! in powers of two and offsets in big-endian files must hold (pcap-parser 0.17 reads neither).
//!
//! `bytes` counts them, `pcap` and `pcapng` find the frames, `link`, `network` and `dns` decode one.

mod bytes;
mod dns;
mod error;
mod link;
mod network;
mod packet;
mod pcap;
mod pcapng;
mod rows;

pub use error::CaptureError;
pub use packet::{Arp, CapturedPacket, Content, Dns, hardware_text, tcp_flags_text};
pub use rows::{Rows, rows};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::pcap_of_syns;
