//! Captures made by hand, damaged at random, and recorded ones against the rows of the existing sniffer.

mod build;
mod damage;
mod files;
mod lab;
mod packets;

pub(crate) use build::pcap_of_syns;
