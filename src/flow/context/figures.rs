//! The figures of the context, by name. To add one, add a field and an entry, and fill it where the flows are summed up.

use crate::flow::statistics::Unit;

/// The context of one flow.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Context {
    /// Distinct destinations of the flow's source.
    pub source_destinations: f64,
    /// Distinct destination ports of the flow's source, over all its flows.
    pub source_destination_ports: f64,
    /// Flows of the flow's source.
    pub source_flows: f64,
    /// Share of the source's TCP packets that are SYN without ACK, 0 to 1.
    pub source_syn_share: f64,
    /// Distinct sources of the flow's destination.
    pub destination_sources: f64,
    /// Packets to the flow's destination.
    pub destination_packets: f64,
    /// Packets of the reverse flow ÷ packets of this flow; 0 where there is no answer.
    pub reverse_packet_ratio: f64,
    /// Share of the reverse flow's packets that have RST set, 0 to 1.
    pub reverse_rst_share: f64,
    /// The most addresses that one hardware address of this ARP flow claims in the window.
    pub hardware_claims: f64,
    /// Hardware addresses that claim this ARP flow's source address in the window.
    pub address_claimants: f64,
    /// Share of the source's flows with an answering flow, 0 to 1.
    pub source_answered_share: f64,
    /// Share of the source's flows whose answering flow has RST, 0 to 1.
    pub source_refused_share: f64,
    /// Share of the source's flows with at most [`FEW_PACKETS`] packets, 0 to 1.
    pub source_small_flow_share: f64,
    /// Flows of the source with at most [`FEW_PACKETS`] packets and no answer.
    pub source_unanswered_probes: f64,
    /// Packets of the source, over all its flows.
    pub source_packets: f64,
    /// Distinct sources that send to the flow's source.
    pub source_callers: f64,
    /// ICMP packets to the flow's source: hosts and ports that are not there are reported so.
    pub source_icmp_reports: f64,
    /// Share of the flows to the destination with at most [`FEW_PACKETS`] packets, 0 to 1.
    pub destination_small_flow_share: f64,
    /// Share of the flows to the destination with an answering flow, 0 to 1.
    pub destination_answered_share: f64,
    /// Share of the packets to the destination that are SYN without ACK, 0 to 1.
    pub destination_syn_share: f64,
    /// Distinct destinations of the flow's destination.
    pub destination_contacts: f64,
    /// Packets of the reverse flow with SYN and ACK.
    pub reverse_syn_acks: f64,
    /// ARP packets of the reverse flow that are no reply: the questions that the flow's replies may answer.
    pub reverse_arp_requests: f64,
    /// Mean frame length of the reverse flow, in octets; 0 where there is no answer.
    pub reverse_length_mean: f64,
    /// Seconds from the first to the last packet of any flow in the window: what of it was seen so far.
    pub covered_seconds: f64,
}

/// Packets up to which a flow is a probe: a question that is asked once or twice.
pub const FEW_PACKETS: u64 = 2;

/// A figure of the context.
pub struct ContextStatistic {
    /// Name as a feature, and as a column where `stored`.
    pub column: &'static str,
    /// What it counts or measures.
    pub unit: Unit,
    /// One sentence for people.
    pub doc: &'static str,
    /// Whether it is a column of `traffic_data`.
    pub stored: bool,
    /// Reads it off a context.
    pub value: fn(&Context) -> f64,
}

/// All figures of the context, in the order of the columns.
pub fn catalogue() -> &'static [ContextStatistic] {
    CATALOGUE
}

const fn entry(
    column: &'static str,
    unit: Unit,
    doc: &'static str,
    stored: bool,
    value: fn(&Context) -> f64,
) -> ContextStatistic {
    ContextStatistic { column, unit, doc, stored, value }
}

const CATALOGUE: &[ContextStatistic] = &[
    entry(
        "source_destinations",
        Unit::Distinct,
        "Distinct destinations of the source in the window.",
        true,
        |context| context.source_destinations,
    ),
    entry(
        "source_destination_ports",
        Unit::Distinct,
        "Distinct destination ports of the source in the window.",
        true,
        |context| context.source_destination_ports,
    ),
    entry("source_flows", Unit::Flows, "Flows of the source in the window.", false, |context| context.source_flows),
    entry(
        "source_syn_share",
        Unit::Ratio,
        "Share of the source's packets that are SYN without ACK.",
        false,
        |context| context.source_syn_share,
    ),
    entry(
        "destination_sources",
        Unit::Distinct,
        "Distinct sources of the destination in the window.",
        true,
        |context| context.destination_sources,
    ),
    entry("destination_packets", Unit::Packets, "Packets to the destination in the window.", false, |context| {
        context.destination_packets
    }),
    entry(
        "reverse_packet_ratio",
        Unit::Quotient,
        "Packets of the answering flow ÷ packets of the flow.",
        true,
        |context| context.reverse_packet_ratio,
    ),
    entry(
        "reverse_rst_share",
        Unit::Ratio,
        "Share of the answering flow's packets that have RST set.",
        false,
        |context| context.reverse_rst_share,
    ),
    entry(
        "hardware_claims",
        Unit::Distinct,
        "Most addresses that one hardware address of the ARP flow claims.",
        false,
        |context| context.hardware_claims,
    ),
    entry(
        "address_claimants",
        Unit::Distinct,
        "Hardware addresses that claim the ARP flow's source address.",
        false,
        |context| context.address_claimants,
    ),
    entry("source_answered_share", Unit::Ratio, "Share of the source's flows that are answered.", false, |context| {
        context.source_answered_share
    }),
    entry(
        "source_refused_share",
        Unit::Ratio,
        "Share of the source's flows that are answered with RST.",
        false,
        |context| context.source_refused_share,
    ),
    entry(
        "source_small_flow_share",
        Unit::Ratio,
        "Share of the source's flows with one or two packets.",
        false,
        |context| context.source_small_flow_share,
    ),
    entry(
        "source_unanswered_probes",
        Unit::Flows,
        "Flows of the source with one or two packets and no answer.",
        false,
        |context| context.source_unanswered_probes,
    ),
    entry("source_packets", Unit::Packets, "Packets of the source in the window.", false, |context| {
        context.source_packets
    }),
    entry(
        "source_callers",
        Unit::Distinct,
        "Distinct sources that send to the source in the window.",
        false,
        |context| context.source_callers,
    ),
    entry("source_icmp_reports", Unit::Packets, "ICMP packets to the source in the window.", false, |context| {
        context.source_icmp_reports
    }),
    entry(
        "destination_small_flow_share",
        Unit::Ratio,
        "Share of the flows to the destination with one or two packets.",
        false,
        |context| context.destination_small_flow_share,
    ),
    entry(
        "destination_answered_share",
        Unit::Ratio,
        "Share of the flows to the destination that are answered.",
        false,
        |context| context.destination_answered_share,
    ),
    entry(
        "destination_syn_share",
        Unit::Ratio,
        "Share of the packets to the destination that are SYN without ACK.",
        false,
        |context| context.destination_syn_share,
    ),
    entry(
        "destination_contacts",
        Unit::Distinct,
        "Distinct destinations of the destination in the window.",
        false,
        |context| context.destination_contacts,
    ),
    entry("reverse_syn_acks", Unit::Packets, "Packets of the answering flow with SYN and ACK.", false, |context| {
        context.reverse_syn_acks
    }),
    entry("reverse_arp_requests", Unit::Packets, "ARP requests of the answering flow.", false, |context| {
        context.reverse_arp_requests
    }),
    entry("reverse_length_mean", Unit::Octets, "Mean frame length of the answering flow.", false, |context| {
        context.reverse_length_mean
    }),
    entry(
        "covered_seconds",
        Unit::Seconds,
        "From the first to the last packet of any flow in the window.",
        false,
        |context| context.covered_seconds,
    ),
];
