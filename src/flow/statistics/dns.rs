//! Which names are asked for by DNS. A tunnel shows as many different, long and disorderly names of one domain; a beacon that
//! makes up its domains, as many domains. Boxed: nearly all flows have no DNS.

use super::distinct::Distinct;
use super::{Family, Statistic, Unit, Value};
use crate::flow::packet::{Dns, Packet};

/// DNS messages of a flow: queries in the flow to a name server, responses in the flow from it, both among hosts that speak
/// multicast DNS. Only messages whose name was captured count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DnsNames(Option<Box<Messages>>);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Messages {
    queries: u32,
    responses: u32,
    octets: u64,
    first_label_octets: u64,
    digits: u64,
    /// In [`Dns::ENTROPY_UNIT`].
    entropy: u64,
    names: Distinct,
    domains: Distinct,
}

impl DnsNames {
    fn sum(&self, of: fn(&Messages) -> u64) -> u64 {
        self.0.as_deref().map_or(0, of)
    }

    /// Messages that ask.
    pub fn queries(&self) -> u64 {
        self.sum(|messages| messages.queries.into())
    }

    /// Messages that answer.
    pub fn responses(&self) -> u64 {
        self.sum(|messages| messages.responses.into())
    }

    /// Queries and responses.
    pub fn messages(&self) -> u64 {
        self.queries() + self.responses()
    }

    /// Σ of the octets of the names.
    pub fn octets(&self) -> u64 {
        self.sum(|messages| messages.octets)
    }

    /// Σ of the octets of the names' first labels.
    pub fn first_label_octets(&self) -> u64 {
        self.sum(|messages| messages.first_label_octets)
    }

    /// Digits in all names.
    pub fn digits(&self) -> u64 {
        self.sum(|messages| messages.digits)
    }

    /// Σ of the entropy of the names' characters, in bits.
    pub fn entropy_bits(&self) -> f64 {
        self.sum(|messages| messages.entropy) as f64 * Dns::ENTROPY_UNIT
    }

    /// Distinct names: exact up to 127, above that an estimate (standard error 9 %).
    pub fn names(&self) -> u64 {
        self.sum(|messages| messages.names.count())
    }

    /// Distinct domains, the last two labels of names; as exact as the names.
    pub fn domains(&self) -> u64 {
        self.sum(|messages| messages.domains.count())
    }
}

impl Messages {
    fn add(&mut self, dns: &Dns) {
        self.queries += u32::from(!dns.is_response);
        self.responses += u32::from(dns.is_response);
        self.octets += u64::from(dns.octets);
        self.first_label_octets += u64::from(dns.first_label_octets);
        self.digits += u64::from(dns.digits);
        self.entropy += u64::from(dns.entropy);
        self.names.insert(dns.name);
        self.domains.insert(dns.domain);
    }
}

impl Family for DnsNames {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "dns_queries",
            unit: Unit::Packets,
            ipfix: None,
            doc: "DNS messages that ask for a name.",
            stored: false,
            value: |flow| Value::Count(flow.dns.queries()),
        },
        Statistic {
            column: "dns_responses",
            unit: Unit::Packets,
            ipfix: None,
            doc: "DNS messages that answer, with the name that was asked for.",
            stored: false,
            value: |flow| Value::Count(flow.dns.responses()),
        },
        Statistic {
            column: "dns_names",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "Distinct names in the flow's DNS messages: exact up to 127, above that an estimate (standard error 9 %).",
            stored: false,
            value: |flow| Value::Count(flow.dns.names()),
        },
        Statistic {
            column: "dns_domains",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "Distinct last two labels of the names in the flow's DNS messages; as exact as dns_names.",
            stored: false,
            value: |flow| Value::Count(flow.dns.domains()),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        let Some(dns) = &packet.dns else { return };
        self.0.get_or_insert_default().add(dns);
    }

    fn merge(&mut self, other: &Self) {
        let Some(others) = &other.0 else { return };
        let messages = self.0.get_or_insert_default();
        messages.queries += others.queries;
        messages.responses += others.responses;
        messages.octets += others.octets;
        messages.first_label_octets += others.first_label_octets;
        messages.digits += others.digits;
        messages.entropy += others.entropy;
        messages.names.extend(&others.names);
        messages.domains.extend(&others.domains);
    }

    fn heap_bytes(&self) -> usize {
        let held = |messages: &Messages| messages.names.heap_bytes() + messages.domains.heap_bytes();
        self.0.as_deref().map_or(0, |messages| size_of::<Messages>() + held(messages))
    }
}
