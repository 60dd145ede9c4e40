//! Which ports: how many distinct ones, and on the destination's side alone. A scan shows here first.

use super::{Family, PortSet, Statistic, Unit, Value};
use crate::flow::packet::Packet;

/// Distinct ports of a flow's packets; port 0 is no port.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ports {
    /// Ports of the sender.
    pub source: PortSet,
    /// Ports of the receiver.
    pub destination: PortSet,
}

impl Family for Ports {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "unique_ports",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "Distinct non-zero ports, source and destination together, exact.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.ports.source.union_len(&flow.ports.destination))),
        },
        Statistic {
            column: "destination_ports",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "Distinct non-zero destination ports, exact.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.ports.destination.len())),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        self.source.insert(packet.source_port);
        self.destination.insert(packet.destination_port);
    }

    fn merge(&mut self, other: &Self) {
        self.source.extend(&other.source);
        self.destination.extend(&other.destination);
    }

    fn heap_bytes(&self) -> usize {
        self.source.heap_bytes() + self.destination.heap_bytes()
    }
}
