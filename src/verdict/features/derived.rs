//! Ratios: what stays the same when a network is larger, a link faster or an attack longer.
//!
//! To add one, add an entry here. A ratio whose whole is nothing is 0.

use crate::flow::context::Context;
use crate::flow::statistics::{PortSet, Statistics, Unit};

/// A feature computed from a flow and its context.
pub struct Derived {
    /// Name as a feature.
    pub name: &'static str,
    /// What it counts or measures.
    pub unit: Unit,
    /// One sentence for people.
    pub doc: &'static str,
    /// Computes it.
    pub value: fn(&Statistics, &Context) -> f64,
}

/// A part of a whole; 0 where the whole is nothing.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn of_packets(count: u32, flow: &Statistics) -> f64 {
    ratio(f64::from(count), flow.volume.packets as f64)
}

/// Beginnings of connections that the flow shows, and at least one: what comes before the window began one earlier.
fn attempts(flow: &Statistics) -> f64 {
    f64::from(flow.tcp_flags.syn.max(1))
}

const SERVICE_DNS: u16 = 53;

/// Services that people and machines log in to: FTP, SSH, Telnet, SMTP, POP, IMAP, LDAP, SMB, MQTT, databases, desktops.
static LOGIN_SERVICES: Services = Services::new(&[
    21, 22, 23, 25, 110, 143, 389, 445, 587, 993, 995, 1433, 1521, 1883, 3306, 3389, 5432, 5900, 6379, 8883,
]);

static WEB_SERVICES: Services = Services::new(&[80, 443, 8000, 8080, 8443]);

/// Ports of services. Most flows have fewer ports than there are services, so it is theirs that are looked up.
struct Services {
    ports: &'static [u16],
    /// One bit a port.
    words: [u64; Self::BEYOND as usize / 64],
}

impl Services {
    /// No service of ours is at this port or a higher one.
    const BEYOND: u16 = 8960;

    const fn new(ports: &'static [u16]) -> Self {
        let mut words = [0; Self::BEYOND as usize / 64];
        let mut index = 0;
        while index < ports.len() {
            words[ports[index] as usize / 64] |= 1 << (ports[index] % 64);
            index += 1;
        }
        Self { ports, words }
    }

    fn contains(&self, port: u16) -> bool {
        self.words.get(usize::from(port / 64)).is_some_and(|word| word & (1 << (port % 64)) != 0)
    }

    fn one_if_any(&self, ports: &PortSet) -> f64 {
        let is_any = if ports.len() as usize <= self.ports.len() {
            ports.ports().any(|port| self.contains(port))
        } else {
            self.ports.iter().any(|&service| ports.contains(service))
        };
        f64::from(u8::from(is_any))
    }
}

/// Connections that the flow shows: as many as it has ports of its sender, and at least one.
pub fn connections(flow: &Statistics) -> f64 {
    f64::from(flow.ports.source.len().max(1))
}

/// All of them.
pub const DERIVED: &[Derived] = &[
    Derived {
        name: "syn_without_ack_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's packets with SYN set and ACK not.",
        value: |flow, _| of_packets(flow.tcp_flags.syn_without_ack(), flow),
    },
    Derived {
        name: "syn_ack_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's packets with SYN and ACK set.",
        value: |flow, _| of_packets(flow.tcp_flags.syn_ack, flow),
    },
    Derived {
        name: "rst_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's packets with RST set.",
        value: |flow, _| of_packets(flow.tcp_flags.rst, flow),
    },
    Derived {
        name: "fin_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's packets with FIN set.",
        value: |flow, _| of_packets(flow.tcp_flags.fin, flow),
    },
    Derived {
        name: "packets_per_attempt",
        unit: Unit::Packets,
        doc: "packet_count ÷ packets with SYN set, at least one of these.",
        value: |flow, _| flow.volume.packets as f64 / attempts(flow),
    },
    Derived {
        name: "octets_per_attempt",
        unit: Unit::Octets,
        doc: "byte_count ÷ packets with SYN set, at least one of these.",
        value: |flow, _| flow.volume.octets as f64 / attempts(flow),
    },
    Derived {
        name: "packets_per_active_second",
        unit: Unit::PacketsPerSecond,
        doc: "packet_count ÷ one-second bins that hold a packet.",
        value: |flow, _| ratio(flow.volume.packets as f64, f64::from(flow.timing.active_seconds())),
    },
    Derived {
        name: "attempts_per_active_second",
        unit: Unit::PacketsPerSecond,
        doc: "Packets with SYN set ÷ one-second bins that hold a packet.",
        value: |flow, _| ratio(f64::from(flow.tcp_flags.syn), f64::from(flow.timing.active_seconds())),
    },
    Derived {
        name: "length_variation",
        unit: Unit::Quotient,
        doc: "Standard deviation of frame lengths ÷ their mean.",
        value: |flow, _| {
            let mean = ratio(flow.volume.octets as f64, flow.volume.packets as f64);
            ratio(crate::flow::statistics::length_variance(flow).sqrt(), mean)
        },
    },
    Derived {
        name: "destination_ports_per_packet",
        unit: Unit::Ratio,
        doc: "Distinct destination ports ÷ packet_count.",
        value: |flow, _| of_packets(flow.ports.destination.len(), flow),
    },
    Derived {
        name: "source_ports_per_packet",
        unit: Unit::Ratio,
        doc: "Distinct source ports ÷ packet_count.",
        value: |flow, _| of_packets(flow.ports.source.len(), flow),
    },
    Derived {
        name: "source_ports_per_destination_port",
        unit: Unit::Quotient,
        doc: "Distinct source ports ÷ distinct destination ports: above 1 towards a service, below 1 from one or in a scan.",
        value: |flow, _| ratio(f64::from(flow.ports.source.len()), f64::from(flow.ports.destination.len())),
    },
    Derived {
        name: "to_name_server",
        unit: Unit::Truth,
        doc: "1 if a packet of the flow goes to port 53, DNS.",
        value: |flow, _| f64::from(u8::from(flow.ports.destination.contains(SERVICE_DNS))),
    },
    Derived {
        name: "from_name_server",
        unit: Unit::Truth,
        doc: "1 if a packet of the flow comes from port 53, DNS.",
        value: |flow, _| f64::from(u8::from(flow.ports.source.contains(SERVICE_DNS))),
    },
    Derived {
        name: "source_flows_per_destination",
        unit: Unit::Flows,
        doc: "Flows of the source ÷ distinct destinations of the source.",
        value: |_, context| ratio(context.source_flows, context.source_destinations),
    },
    Derived {
        name: "source_ports_per_destination",
        unit: Unit::Distinct,
        doc: "Distinct destination ports of the source ÷ distinct destinations of the source.",
        value: |_, context| ratio(context.source_destination_ports, context.source_destinations),
    },
    Derived {
        name: "destination_packets_per_source",
        unit: Unit::Packets,
        doc: "Packets to the flow's destination ÷ distinct sources of the destination.",
        value: |_, context| ratio(context.destination_packets, context.destination_sources),
    },
    Derived {
        name: "share_of_destination",
        unit: Unit::Ratio,
        doc: "packet_count ÷ packets to the flow's destination.",
        value: |flow, context| ratio(flow.volume.packets as f64, context.destination_packets).min(1.0),
    },
    Derived {
        name: "arp_reply_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's ARP packets that are replies.",
        value: |flow, _| {
            let replies = f64::from(flow.arp.replies());
            ratio(replies, replies + f64::from(flow.arp.requests()))
        },
    },
    Derived {
        name: "arp_replies_unrequested",
        unit: Unit::Packets,
        doc: "ARP replies beyond the requests of the opposite flow, which are the questions.",
        value: |flow, context| (f64::from(flow.arp.replies()) - context.reverse_arp_requests).max(0.0),
    },
    Derived {
        name: "to_login_service",
        unit: Unit::Truth,
        doc: "1 if a packet of the flow goes to a service with logins: FTP, SSH, Telnet, mail, LDAP, SMB, MQTT, databases, desktops.",
        value: |flow, _| LOGIN_SERVICES.one_if_any(&flow.ports.destination),
    },
    Derived {
        name: "to_web_service",
        unit: Unit::Truth,
        doc: "1 if a packet of the flow goes to port 80, 443, 8000, 8080 or 8443.",
        value: |flow, _| WEB_SERVICES.one_if_any(&flow.ports.destination),
    },
    Derived {
        name: "half_open_share",
        unit: Unit::Ratio,
        doc: "Share of the flow's SYN without ACK that no SYN with ACK answers.",
        value: |flow, context| {
            let opened = f64::from(flow.tcp_flags.syn_without_ack());
            ratio((opened - context.reverse_syn_acks).max(0.0), opened)
        },
    },
    Derived {
        name: "packets_per_connection",
        unit: Unit::Packets,
        doc: "packet_count ÷ distinct source ports, at least one of these.",
        value: |flow, _| flow.volume.packets as f64 / connections(flow),
    },
    Derived {
        name: "octets_per_connection",
        unit: Unit::Octets,
        doc: "byte_count ÷ distinct source ports, at least one of these.",
        value: |flow, _| flow.volume.octets as f64 / connections(flow),
    },
    Derived {
        name: "active_share",
        unit: Unit::Ratio,
        doc: "One-second bins that hold a packet ÷ (last_seen − first_seen + 1 s), rounded up to seconds.",
        value: |flow, _| {
            let seconds = (flow.timing.duration_seconds() + 1.0).ceil();
            ratio(f64::from(flow.timing.active_seconds()), seconds).min(1.0)
        },
    },
    Derived {
        name: "source_packets_per_flow",
        unit: Unit::Packets,
        doc: "Packets of the source ÷ its flows.",
        value: |_, context| ratio(context.source_packets, context.source_flows),
    },
    Derived {
        name: "share_of_source",
        unit: Unit::Ratio,
        doc: "packet_count ÷ packets of the flow's source.",
        value: |flow, context| ratio(flow.volume.packets as f64, context.source_packets).min(1.0),
    },
    Derived {
        name: "source_icmp_report_share",
        unit: Unit::Quotient,
        doc: "ICMP packets to the source ÷ packets of the source.",
        value: |_, context| ratio(context.source_icmp_reports, context.source_packets),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn services_are_found_among_any_number_of_ports(
            ports in prop::collection::vec(prop_oneof![any::<u16>(), 0u16..60, 8_000u16..9_000], 0..40), many in prop::option::of(0u16..4_000),
        ) {
            let mut set = PortSet::default();
            ports.iter().copied().chain(60_000..60_000 + many.unwrap_or_default()).for_each(|port| set.insert(port));
            for services in [&LOGIN_SERVICES, &WEB_SERVICES] {
                let is_any = services.ports.iter().any(|service| ports.contains(service));
                prop_assert_eq!(services.one_if_any(&set).to_bits(), f64::from(u8::from(is_any)).to_bits());
            }
        }
    }
}
