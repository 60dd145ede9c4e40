//! TCP control bits: which were seen at all, and how often those that open, refuse and end connections.

use super::{Family, Statistic, Unit, Value};
use crate::flow::packet::{Packet, TcpFlags};

/// Flags of a flow's packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpFlagCounts {
    /// Every flag that any packet had set.
    pub union: TcpFlags,
    /// Packets with SYN set, SYN-ACK included.
    pub syn: u32,
    /// Packets with SYN and ACK set.
    pub syn_ack: u32,
    /// Packets with RST set.
    pub rst: u32,
    /// Packets with FIN set.
    pub fin: u32,
}

impl TcpFlagCounts {
    /// Packets with SYN set and ACK not: attempts to open a connection.
    pub fn syn_without_ack(&self) -> u32 {
        self.syn - self.syn_ack
    }
}

impl Family for TcpFlagCounts {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "tcp_flags",
            unit: Unit::Text,
            ipfix: Some("tcpControlBits"),
            doc: "Names of all flags seen, in alphabetical order, joined by commas; NONE for none.",
            stored: true,
            value: |flow| Value::Text(flow.tcp_flags.union.names().into()),
        },
        Statistic {
            column: "connection_attempts",
            unit: Unit::Packets,
            ipfix: Some("tcpSynTotalCount"),
            doc: "Packets with SYN set, SYN-ACK included, as the existing system counts them.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.tcp_flags.syn)),
        },
        Statistic {
            column: "syn_without_ack_count",
            unit: Unit::Packets,
            ipfix: None,
            doc: "Packets with SYN set and ACK not set.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.tcp_flags.syn_without_ack())),
        },
        Statistic {
            column: "syn_ack_count",
            unit: Unit::Packets,
            ipfix: None,
            doc: "Packets with SYN and ACK set.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.tcp_flags.syn_ack)),
        },
        Statistic {
            column: "rst_count",
            unit: Unit::Packets,
            ipfix: Some("tcpRstTotalCount"),
            doc: "Packets with RST set.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.tcp_flags.rst)),
        },
        Statistic {
            column: "fin_count",
            unit: Unit::Packets,
            ipfix: Some("tcpFinTotalCount"),
            doc: "Packets with FIN set.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.tcp_flags.fin)),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        let flags = packet.tcp_flags;
        if flags == TcpFlags::NONE {
            return;
        }
        self.union = self.union.union(flags);
        self.syn += u32::from(flags.contains(TcpFlags::SYN));
        self.syn_ack += u32::from(flags.contains(TcpFlags::SYN.union(TcpFlags::ACK)));
        self.rst += u32::from(flags.contains(TcpFlags::RST));
        self.fin += u32::from(flags.contains(TcpFlags::FIN));
    }

    fn merge(&mut self, other: &Self) {
        self.union = self.union.union(other.union);
        self.syn += other.syn;
        self.syn_ack += other.syn_ack;
        self.rst += other.rst;
        self.fin += other.fin;
    }
}
