//! The catalogue of features: every number that a model may be told about a flow, by its name.
//!
//! It follows the catalogues of `flow`: a new statistic is a feature at once. Promise: nothing here tells which network the
//! flow is from. No address, no point in time, no number of an ephemeral port; so what is learnt in one network holds in
//! another. Every feature is finite and not negative, whatever the packets were.

use std::fmt;

use crate::flow::context::{self, Context, ContextStatistic};
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::TcpFlags;
use crate::flow::statistics::{self, DnsNames, Family as _, Statistic, Statistics, Unit, Value};
use crate::verdict::features::derived::{DERIVED, Derived};
use crate::verdict::features::names::OF_NAMES;

pub use derived::connections;

mod derived;
mod names;

/// A number that a model may be told about a flow.
#[derive(Clone, Debug)]
pub struct Feature {
    /// What model files call it.
    pub name: String,
    /// What it counts or measures.
    pub unit: Unit,
    /// One sentence for people: how it is computed.
    pub doc: String,
    /// Which kind of number it is.
    pub family: Family,
    /// Whether flows are stored with it, as a column of `traffic_data` of the same name.
    pub stored: bool,
    read: Read,
}

/// Which kind of number a feature is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// A statistic of the flow's own packets.
    Statistic,
    /// Whether a TCP flag was set.
    TcpFlag,
    /// Which protocol it is.
    Protocol,
    /// What other flows of the window say of its source and destination.
    Context,
    /// A ratio of statistics and figures of the context.
    Ratio,
    /// What its DNS names are like.
    Dns,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Statistic, Self::TcpFlag, Self::Protocol, Self::Context, Self::Ratio, Self::Dns];
}

/// Where the number is read off.
#[derive(Clone, Copy, Debug)]
enum Read {
    Statistic(fn(&Statistics) -> Value),
    TcpFlag(TcpFlags),
    Protocol(ProtocolKind),
    Context(fn(&Context) -> f64),
    Derived(fn(&Statistics, &Context) -> f64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ProtocolKind {
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Arp,
    Other,
}

impl ProtocolKind {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Tcp, "tcp"),
        (Self::Udp, "udp"),
        (Self::Icmp, "icmp"),
        (Self::Icmpv6, "icmpv6"),
        (Self::Arp, "arp"),
        (Self::Other, "other"),
    ];

    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Icmpv6 => Self::Icmpv6,
            Protocol::Arp => Self::Arp,
            Protocol::Other | Protocol::Named(_) => Self::Other,
        }
    }
}

/// Every feature that there is: flow statistics by their column, then TCP flags, protocols, context, ratios, DNS.
pub fn catalogue() -> Vec<Feature> {
    let statistics = statistics::catalogue()
        .filter(|statistic| !matches!(statistic.unit, Unit::Time | Unit::Text))
        .map(Feature::of_statistic);
    let flags = TcpFlags::NAMES.iter().map(|&(flag, name)| {
        let doc = format!("1 if a packet of the flow has {name} set.");
        Feature::truth(format!("tcp_flag_{}", name.to_lowercase()), doc, Family::TcpFlag, Read::TcpFlag(flag))
    });
    let protocols = ProtocolKind::NAMES.iter().map(|&(kind, name)| {
        let doc = format!("1 if the flow's protocol is {name}.");
        Feature::truth(format!("protocol_{name}"), doc, Family::Protocol, Read::Protocol(kind))
    });
    let context = context::catalogue().iter().map(Feature::of_context);
    let ratios = DERIVED.iter().map(|entry| Feature::of_derived(entry, Family::Ratio));
    let names = OF_NAMES.iter().map(|entry| Feature::of_derived(entry, Family::Dns));
    statistics.chain(flags).chain(protocols).chain(context).chain(ratios).chain(names).collect()
}

impl Feature {
    fn of_statistic(statistic: &Statistic) -> Self {
        let is_of_dns = DnsNames::STATISTICS.iter().any(|of_dns| of_dns.column == statistic.column);
        Self {
            name: statistic.column.to_owned(),
            unit: statistic.unit,
            doc: statistic.doc.to_owned(),
            family: if is_of_dns { Family::Dns } else { Family::Statistic },
            stored: statistic.stored,
            read: Read::Statistic(statistic.value),
        }
    }

    fn truth(name: String, doc: String, family: Family, read: Read) -> Self {
        Self { name, unit: Unit::Truth, doc, family, stored: false, read }
    }

    fn of_context(entry: &ContextStatistic) -> Self {
        Self {
            name: entry.column.to_owned(),
            unit: entry.unit,
            doc: entry.doc.to_owned(),
            family: Family::Context,
            stored: entry.stored,
            read: Read::Context(entry.value),
        }
    }

    fn of_derived(entry: &Derived, family: Family) -> Self {
        Self {
            name: entry.name.to_owned(),
            unit: entry.unit,
            doc: entry.doc.to_owned(),
            family,
            stored: false,
            read: Read::Derived(entry.value),
        }
    }
}

/// The features that one model wants, in its order.
#[derive(Clone, Debug)]
pub struct Features {
    names: Vec<String>,
    reads: Vec<Read>,
}

/// A model wants features that this program does not have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct UnknownFeatures {
    /// Their names.
    pub names: Vec<String>,
}

impl fmt::Display for UnknownFeatures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unknown features: {}", self.names.join(", "))
    }
}

impl Features {
    /// Finds features by their names.
    ///
    /// # Errors
    /// [`UnknownFeatures`] with every name that the catalogue lacks.
    pub fn resolve(names: &[String]) -> Result<Self, UnknownFeatures> {
        let catalogue = catalogue();
        let mut reads = Vec::with_capacity(names.len());
        let mut unknown = Vec::new();
        for name in names {
            match catalogue.iter().find(|feature| feature.name == *name) {
                Some(feature) => reads.push(feature.read),
                None => unknown.push(name.clone()),
            }
        }
        if unknown.is_empty() {
            Ok(Self { names: names.to_vec(), reads })
        } else {
            Err(UnknownFeatures { names: unknown })
        }
    }

    /// Names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.reads.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    /// Appends one flow's row.
    pub fn append(&self, key: &FlowKey, flow: &Statistics, context: &Context, rows: &mut Vec<f32>) {
        self.append_all(&[(key, flow, context)], rows);
    }

    /// Appends a row a flow. Runs for every flow of every window: so some flows are read together, one feature after the
    /// other, which is foreseen where a row at a time is guessed.
    pub fn append_all(&self, flows: &[Told<'_>], rows: &mut Vec<f32>) {
        for flows in flows.chunks(TOGETHER) {
            let start = rows.len();
            rows.resize(start + flows.len() * self.len(), 0.0);
            for (column, read) in self.reads.iter().enumerate() {
                let places = rows[start..].iter_mut().skip(column).step_by(self.len());
                read.of_all(flows, places);
            }
        }
    }
}

/// What is told of a flow: by its key, its packets and its neighbours.
pub type Told<'a> = (&'a FlowKey, &'a Statistics, &'a Context);

/// Flows that are read together: as many as a processor's nearest cache has room for.
const TOGETHER: usize = 32;

impl Read {
    /// Writes the number of each flow to its place.
    fn of_all<'a>(self, flows: &[Told<'_>], places: impl Iterator<Item = &'a mut f32>) {
        match self {
            Self::Statistic(value) => fill(flows, places, |(_, flow, _)| value(flow).number().unwrap_or_default()),
            Self::TcpFlag(flag) => fill(flows, places, |(_, flow, _)| one_if(flow.tcp_flags.union.contains(flag))),
            Self::Protocol(kind) => fill(flows, places, |(key, ..)| one_if(ProtocolKind::of(key.protocol) == kind)),
            Self::Context(value) => fill(flows, places, |(.., context)| value(context)),
            Self::Derived(value) => fill(flows, places, |(_, flow, context)| value(flow, context)),
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // the model computes in single precision
fn fill<'a>(flows: &[Told<'_>], places: impl Iterator<Item = &'a mut f32>, number: impl Fn(Told<'_>) -> f64) {
    for (place, &flow) in places.zip(flows) {
        *place = number(flow) as f32;
    }
}

fn one_if(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// Features of some flows, row by row.
#[derive(Clone, PartialEq, Debug)]
pub struct Matrix {
    /// Features a row.
    pub columns: usize,
    /// Row-major, as the features are: not transformed.
    pub values: Vec<f32>,
}

impl Matrix {
    /// Number of flows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or_default()
    }
}

#[cfg(test)]
mod anonymity;
#[cfg(test)]
mod tests;
