//! Stored flows against the packets of the source, over any span of windows, in bounded memory.
//!
//! Packets come in the order of their ids, which is nearly but not quite the order of time, and a packet may be late by any
//! span. So nothing is closed here: a window's stored flows are put on the account when its first packet comes, each packet
//! is taken off, and a flow whose account is even takes no memory. A packet that comes after that makes it uneven again,
//! as it must.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::flow::invariants::Violation;
use crate::flow::key::FlowKey;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};

/// Packets and octets of a flow: those stored less those of the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Account {
    packets: i64,
    octets: i64,
    /// A stored count of octets was cut to what its column holds: nothing can be said of octets.
    clamped: bool,
}

impl Account {
    fn is_even(self) -> bool {
        self.packets == 0 && (self.clamped || self.octets == 0)
    }
}

/// What is stored of a flow, over all its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredSum {
    /// The flow.
    pub key: FlowKey,
    /// Σ `packet_count`.
    pub packets: i64,
    /// Σ `byte_count`.
    pub octets: i64,
    /// Whether one of them was cut to what its column holds.
    pub clamped: bool,
}

/// The comparison so far.
#[derive(Debug)]
pub struct Comparison {
    windows: Tumbling,
    since: EventTime,
    until: EventTime,
    begun: BTreeSet<EventTime>,
    uneven: hashbrown::HashMap<(EventTime, FlowKey), Account, foldhash::fast::RandomState>,
    uneven_max: usize,
    packets: u64,
}

impl Comparison {
    /// Of the windows of `length` that lie within `since` and `until`; at most `uneven_max` flows may differ at a time.
    pub fn new(length: Duration, since: EventTime, until: EventTime, uneven_max: usize) -> Self {
        let windows = Tumbling::new(length);
        let first = windows.window_of(since);
        let since = if first.start == since { since } else { first.end };
        let until = windows.window_of(until).start;
        let (begun, uneven) = (BTreeSet::new(), hashbrown::HashMap::default());
        Self { windows, since, until, begun, uneven, uneven_max, packets: 0 }
    }

    /// First moment compared.
    pub fn since(&self) -> EventTime {
        self.since
    }

    /// First moment no longer compared.
    pub fn until(&self) -> EventTime {
        self.until
    }

    /// The window of a packet, if it is one of those compared.
    pub fn window_of(&self, packet: &Packet) -> Option<Window> {
        (self.since <= packet.time && packet.time < self.until).then(|| self.windows.window_of(packet.time))
    }

    /// Whether the stored flows of a window are on the account.
    pub fn has_begun(&self, window: Window) -> bool {
        self.begun.contains(&window.start)
    }

    /// Puts the stored flows of a window on the account.
    pub fn begin(&mut self, window: Window, stored: impl IntoIterator<Item = StoredSum>) {
        self.begun.insert(window.start);
        for StoredSum { key, packets, octets, clamped } in stored {
            self.change(window, key, Account { packets, octets, clamped });
        }
    }

    /// Takes a packet off the account of its flow. Its window must have begun.
    pub fn take(&mut self, window: Window, packet: &Packet) {
        self.packets += 1;
        let off = Account { packets: -1, octets: -i64::from(packet.length), clamped: false };
        self.change(window, packet.key, off);
    }

    fn change(&mut self, window: Window, key: FlowKey, by: Account) {
        let entry = (window.start, key);
        let account = self.uneven.entry(entry).or_default();
        account.packets += by.packets;
        account.octets = account.octets.saturating_add(by.octets);
        account.clamped |= by.clamped;
        if account.is_even() {
            self.uneven.remove(&entry);
        }
    }

    /// Whether more flows differ than may at a time.
    pub fn is_full(&self) -> bool {
        self.uneven.len() > self.uneven_max
    }

    /// Packets compared.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Windows compared.
    pub fn window_count(&self) -> usize {
        self.begun.len()
    }

    /// The start of the first window compared.
    pub fn first_window(&self) -> Option<EventTime> {
        self.begun.first().copied()
    }

    /// Flows that differ, in the order of time and key.
    pub fn differences(&self) -> Vec<Difference> {
        let mut differences: Vec<_> = self
            .uneven
            .iter()
            .map(|(&(start, key), account)| Difference {
                window: self.windows.window_of(start),
                key,
                packets: account.packets,
                octets: if account.clamped { 0 } else { account.octets },
            })
            .collect();
        differences.sort_unstable_by_key(|difference| (difference.window, difference.key));
        differences
    }
}

/// A flow that is not stored as its packets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The window.
    pub window: Window,
    /// The flow.
    pub key: FlowKey,
    /// Packets stored less packets of the source.
    pub packets: i64,
    /// Octets stored less octets of the source.
    pub octets: i64,
}

impl From<Difference> for Violation {
    fn from(difference: Difference) -> Self {
        let Difference { window, key, packets, octets } = difference;
        Self::Differs { window, key, packets, octets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::key::Protocol;
    use crate::flow::packet::TcpFlags;
    use std::net::IpAddr;

    const LENGTH: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> EventTime {
        EventTime::from_micros(seconds * 1_000_000).unwrap()
    }

    fn key(last: u8) -> FlowKey {
        let address = |last| IpAddr::from([10, 0, 0, last]);
        FlowKey { source: address(last), destination: address(99), protocol: Protocol::Udp }
    }

    fn packet(seconds: i64, last: u8, length: u32) -> Packet {
        let (source_port, destination_port, tcp_flags) = (1, 2, TcpFlags::NONE);
        Packet {
            time: at(seconds),
            key: key(last),
            length,
            source_port,
            destination_port,
            tcp_flags,
            arp: None,
            dns: None,
        }
    }

    fn stored(last: u8, packets: i64, octets: i64) -> StoredSum {
        StoredSum { key: key(last), packets, octets, clamped: false }
    }

    /// Window from 30 with these stored flows and these packets: (flow, packets, octets) of the differences.
    fn differing(flows: &[StoredSum], packets: &[Packet]) -> Vec<(u8, i64, i64)> {
        let mut comparison = Comparison::new(LENGTH, at(1), at(61), 10);
        for packet in packets {
            let Some(window) = comparison.window_of(packet) else { continue };
            if !comparison.has_begun(window) {
                comparison.begin(window, flows.iter().copied());
            }
            comparison.take(window, packet);
        }
        let octet = |key: FlowKey| match key.source {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        };
        comparison.differences().iter().map(|one| (octet(one.key), one.packets, one.octets)).collect()
    }

    #[test]
    fn flows_are_compared_with_their_packets() {
        let (a, b) = (packet(31, 1, 60), packet(59, 1, 80));
        assert_eq!(differing(&[stored(1, 2, 140)], &[a, b]), []);
        assert_eq!(differing(&[stored(1, 2, 140), stored(1, 1, 60)], &[a, b, a]), [], "rows of a flow add up");
        assert_eq!(differing(&[stored(1, 3, 200)], &[a, b]), [(1, 1, 60)]);
        assert_eq!(differing(&[stored(1, 1, 60)], &[a, b]), [(1, -1, -80)]);
        assert_eq!(differing(&[], &[a]), [(1, -1, -60)]);
        assert_eq!(differing(&[stored(1, 2, 141)], &[a, b]), [(1, 0, 1)]);
        assert_eq!(differing(&[stored(2, 2, 140)], &[a, b]), [(1, -2, -140), (2, 2, 140)]);
        assert_eq!(differing(&[StoredSum { clamped: true, ..stored(1, 2, 99) }], &[a, b]), [], "octets were clamped");
    }

    #[test]
    fn windows_that_are_not_whole_within_the_span_are_left_out() {
        assert_eq!(differing(&[stored(1, 1, 60)], &[packet(2, 1, 60), packet(31, 1, 60), packet(60, 1, 60)]), []);
        let comparison = Comparison::new(LENGTH, at(60), at(90), 10);
        assert_eq!((comparison.since(), comparison.until()), (at(60), at(90)));
    }
}
