//! How long the packets are: extremes, mean and spread of frame lengths.

use super::{Family, Statistic, Statistics, Unit, Value};
use crate::flow::packet::Packet;

/// Lengths of a flow's packets; their sum is in the family `Volume`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketLength {
    shortest: u32,
    longest: u32,
    /// Σ length² in octets²; packets are at most [`Packet::MAX_LENGTH`] long, so 2²⁴ of the longest fit.
    sum_of_squares: u64,
}

impl Default for PacketLength {
    fn default() -> Self {
        Self { shortest: u32::MAX, longest: 0, sum_of_squares: 0 }
    }
}

/// Population variance of packet lengths, in octets²; 0 for a single packet.
///
/// σ² = (n·Σx² − (Σx)²) / n², from exact integer sums (Σx² is IPFIX octetDeltaSumOfSquares, element 198).
pub fn variance(flow: &Statistics) -> f64 {
    let packets = u128::from(flow.volume.packets.max(1));
    let sum = u128::from(flow.volume.octets);
    let spread = (packets * u128::from(flow.packet_length.sum_of_squares)).saturating_sub(sum * sum);
    spread as f64 / (packets * packets) as f64
}

impl Family for PacketLength {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "length_min",
            unit: Unit::Octets,
            ipfix: Some("minimumIpTotalLength"),
            doc: "Length of the shortest frame.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.packet_length.shortest.min(flow.packet_length.longest))),
        },
        Statistic {
            column: "length_max",
            unit: Unit::Octets,
            ipfix: Some("maximumIpTotalLength"),
            doc: "Length of the longest frame.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.packet_length.longest)),
        },
        Statistic {
            column: "length_mean",
            unit: Unit::Octets,
            ipfix: None,
            doc: "Mean frame length: byte_count ÷ packet_count.",
            stored: false,
            value: |flow| Value::Real(flow.volume.octets as f64 / flow.volume.packets.max(1) as f64),
        },
        Statistic {
            column: "length_sum_of_squares",
            unit: Unit::OctetsSquared,
            ipfix: Some("octetDeltaSumOfSquares"),
            doc: "Σ length²: with packet_count and byte_count it gives the variance, and it adds up over rows.",
            stored: true,
            value: |flow| Value::Count(flow.packet_length.sum_of_squares),
        },
        Statistic {
            column: "length_deviation",
            unit: Unit::Octets,
            ipfix: None,
            doc: "Population standard deviation of frame lengths.",
            stored: false,
            value: |flow| Value::Real(variance(flow).sqrt()),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        self.shortest = self.shortest.min(packet.length);
        self.longest = self.longest.max(packet.length);
        let square = u64::from(packet.length) * u64::from(packet.length);
        self.sum_of_squares = self.sum_of_squares.saturating_add(square);
    }

    fn merge(&mut self, other: &Self) {
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
    }
}
