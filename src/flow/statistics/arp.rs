//! Who claims which address by ARP. Poisoning shows as one hardware address that claims several protocol addresses, or two
//! that claim the same. Boxed: nearly all flows have no ARP.

use std::collections::BTreeSet;

use super::{Family, Statistic, Unit, Value};
use crate::flow::packet::{HardwareAddress, Packet};

/// ARP packets of a flow. Here a flow is (sender protocol address, target protocol address).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ArpClaims(Option<Box<Claims>>);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Claims {
    requests: u32,
    replies: u32,
    /// The smallest [`MOST_CLAIMANTS`] sender hardware addresses: the smallest, so that order does not matter.
    claimants: BTreeSet<HardwareAddress>,
    /// The smallest target hardware address.
    target: Option<HardwareAddress>,
}

/// Sender hardware addresses remembered a flow: two are an alarm already.
const MOST_CLAIMANTS: usize = 8;

impl ArpClaims {
    /// ARP requests, and whatever else is no reply.
    pub fn requests(&self) -> u32 {
        self.0.as_ref().map_or(0, |claims| claims.requests)
    }

    /// ARP replies.
    pub fn replies(&self) -> u32 {
        self.0.as_ref().map_or(0, |claims| claims.replies)
    }

    /// Hardware addresses that claimed to be the flow's source, at most 8.
    pub fn claimants(&self) -> impl Iterator<Item = HardwareAddress> + '_ {
        self.0.iter().flat_map(|claims| claims.claimants.iter().copied())
    }

    fn text(address: Option<HardwareAddress>) -> Value {
        address.map_or(Value::Absent, |address| Value::Text(address.to_string().into()))
    }
}

impl Claims {
    fn claim(&mut self, address: HardwareAddress) {
        self.claimants.insert(address);
        if self.claimants.len() > MOST_CLAIMANTS {
            self.claimants.pop_last();
        }
    }

    fn target(&mut self, address: Option<HardwareAddress>) {
        self.target = [self.target, address].into_iter().flatten().min();
    }
}

impl Family for ArpClaims {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "source_mac",
            unit: Unit::Text,
            ipfix: Some("sourceMacAddress"),
            doc: "Sender hardware address of ARP packets, the smallest where several are claimed; NULL otherwise.",
            stored: true,
            value: |flow| ArpClaims::text(flow.arp.claimants().next()),
        },
        Statistic {
            column: "dest_mac",
            unit: Unit::Text,
            ipfix: Some("destinationMacAddress"),
            doc: "Target hardware address of ARP packets, the smallest where there are several; NULL otherwise.",
            stored: true,
            value: |flow| ArpClaims::text(flow.arp.0.as_ref().and_then(|claims| claims.target)),
        },
        Statistic {
            column: "arp_requests",
            unit: Unit::Packets,
            ipfix: None,
            doc: "ARP packets that are no reply.",
            stored: false,
            value: |flow| Value::Count(u64::from(flow.arp.requests())),
        },
        Statistic {
            column: "arp_replies",
            unit: Unit::Packets,
            ipfix: None,
            doc: "ARP replies.",
            stored: false,
            value: |flow| Value::Count(u64::from(flow.arp.replies())),
        },
        Statistic {
            column: "arp_claimants",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "Distinct hardware addresses that claimed the source address in this flow, at most 8.",
            stored: false,
            value: |flow| Value::Count(flow.arp.claimants().count() as u64),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        let Some(arp) = packet.arp else { return };
        let claims = self.0.get_or_insert_default();
        claims.requests += u32::from(!arp.is_reply);
        claims.replies += u32::from(arp.is_reply);
        if let Some(claimant) = arp.source_hardware {
            claims.claim(claimant);
        }
        claims.target(arp.destination_hardware);
    }

    fn merge(&mut self, other: &Self) {
        let Some(others) = &other.0 else { return };
        let claims = self.0.get_or_insert_default();
        claims.requests += others.requests;
        claims.replies += others.replies;
        others.claimants.iter().for_each(|&claimant| claims.claim(claimant));
        claims.target(others.target);
    }

    fn heap_bytes(&self) -> usize {
        // A set of up to 8 is one leaf of 11 places.
        self.0.as_ref().map_or(0, |_| size_of::<Claims>() + 11 * size_of::<HardwareAddress>() + 16)
    }
}
