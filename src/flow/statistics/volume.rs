//! How much: packets and octets.

use super::{Family, Statistic, Unit, Value};
use crate::flow::packet::Packet;

/// Packets and octets of a flow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Octets of whole frames.
    pub octets: u64,
}

impl Family for Volume {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "packet_count",
            unit: Unit::Packets,
            ipfix: Some("packetDeltaCount"),
            doc: "Packets of the flow in the window.",
            stored: true,
            value: |flow| Value::Count(flow.volume.packets),
        },
        Statistic {
            column: "byte_count",
            unit: Unit::Octets,
            ipfix: Some("layer2OctetDeltaCount"),
            doc: "Octets of the flow's whole frames in the window.",
            stored: true,
            value: |flow| Value::Count(flow.volume.octets),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        self.packets += 1;
        self.octets += u64::from(packet.length);
    }

    fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.octets += other.octets;
    }
}
