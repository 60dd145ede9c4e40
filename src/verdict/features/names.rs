//! Ratios of DNS: what a flow's names are like, however many there are. Without DNS, and where the table of packets has no
//! column of names, all are 0.

use super::derived::{Derived, ratio};
use crate::flow::statistics::{Statistics, Unit};

fn a_message(sum: f64, flow: &Statistics) -> f64 {
    ratio(sum, flow.dns.messages() as f64)
}

/// All of them.
pub const OF_NAMES: &[Derived] = &[
    Derived {
        name: "dns_share",
        unit: Unit::Ratio,
        doc: "DNS messages with a name ÷ packet_count.",
        value: |flow, _| ratio(flow.dns.messages() as f64, flow.volume.packets as f64),
    },
    Derived {
        name: "dns_per_active_second",
        unit: Unit::PacketsPerSecond,
        doc: "DNS messages with a name ÷ one-second bins that hold a packet.",
        value: |flow, _| ratio(flow.dns.messages() as f64, f64::from(flow.timing.active_seconds())),
    },
    Derived {
        name: "dns_names_per_message",
        unit: Unit::Ratio,
        doc: "Distinct names ÷ DNS messages with a name: near 1 where no name comes twice.",
        value: |flow, _| a_message(flow.dns.names() as f64, flow).min(1.0),
    },
    Derived {
        name: "dns_names_per_domain",
        unit: Unit::Quotient,
        doc: "Distinct names ÷ distinct last two labels of them.",
        value: |flow, _| ratio(flow.dns.names() as f64, flow.dns.domains() as f64),
    },
    Derived {
        name: "dns_name_length",
        unit: Unit::Octets,
        doc: "Mean length of the names, dots included.",
        value: |flow, _| a_message(flow.dns.octets() as f64, flow),
    },
    Derived {
        name: "dns_label_length",
        unit: Unit::Octets,
        doc: "Mean length of the names' first labels.",
        value: |flow, _| a_message(flow.dns.first_label_octets() as f64, flow),
    },
    Derived {
        name: "dns_name_entropy",
        unit: Unit::Bits,
        doc: "Mean Shannon entropy of the characters of a name, dots left out.",
        value: |flow, _| a_message(flow.dns.entropy_bits(), flow),
    },
    Derived {
        name: "dns_digit_share",
        unit: Unit::Ratio,
        doc: "Share of the names' characters that are digits.",
        value: |flow, _| ratio(flow.dns.digits() as f64, flow.dns.octets() as f64),
    },
];
