//! The catalogue of flow statistics: what is kept of a flow's packets, one family of shared state a file.
//!
//! Promise: `fold` and `merge` commute and associate. Any order and any split of the same packets give equal state, which
//! is what makes replay, partial rows and many workers exact. So all state is integers (octets, µs, Σ, Σ²) and sets.
//!
//! To add a statistic, add it to its family's file; a new family adds one name to `families!`. Column, adoption DDL, COPY
//! list, JSON field, reference page and the split/merge property test follow from the catalogue.

mod arp;
mod distinct;
mod dns;
mod packet_length;
mod port_set;
mod ports;
mod tcp_flags;
mod timing;
mod unit;
mod volume;

pub use arp::ArpClaims;
pub use dns::DnsNames;
pub use packet_length::{PacketLength, variance as length_variance};
pub use port_set::PortSet;
pub use ports::Ports;
pub use tcp_flags::TcpFlagCounts;
pub use timing::Timing;
pub use unit::Unit;
pub use volume::Volume;

use std::borrow::Cow;

use crate::flow::packet::Packet;
use crate::flow::time::EventTime;

/// State that some statistics share.
pub trait Family: Default + Clone + Eq {
    /// What users see of this state.
    const STATISTICS: &'static [Statistic];
    /// Adds one packet.
    fn fold(&mut self, packet: &Packet);
    /// Adds all packets of `other`.
    fn merge(&mut self, other: &Self);
    /// Octets held outside the value itself; they count towards the memory bound of open flows.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// One statistic of a flow: a column of `traffic_data`, a field of JSON, perhaps a feature.
pub struct Statistic {
    /// Column and field name.
    pub column: &'static str,
    /// What the number counts or measures.
    pub unit: Unit,
    /// IPFIX information element of the same meaning, if there is one.
    pub ipfix: Option<&'static str>,
    /// One sentence for people.
    pub doc: &'static str,
    /// Whether it is a column of `traffic_data`; otherwise it is only computed for features.
    pub stored: bool,
    /// Reads it off the state.
    pub value: fn(&Statistics) -> Value,
}

/// The value of a statistic.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A count or an exact sum.
    Count(u64),
    /// A measure.
    Real(f64),
    /// A point in event time.
    Time(EventTime),
    /// Text.
    Text(Cow<'static, str>),
    /// Nothing to say, stored as NULL.
    Absent,
}

impl Value {
    /// The value as a number, for features; `None` for text, times and absence.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Real(real) => Some(*real),
            Self::Time(_) | Self::Text(_) | Self::Absent => None,
        }
    }
}

macro_rules! families {
    ($($field:ident: $family:ty),* $(,)?) => {
        /// Everything that is kept of a flow's packets.
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub struct Statistics {
            $(#[doc = concat!("The family `", stringify!($family), "`.")] pub $field: $family,)*
        }

        impl Statistics {
            /// Adds one packet.
            pub fn fold(&mut self, packet: &Packet) {
                $(self.$field.fold(packet);)*
            }

            /// Adds all packets of `other`.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field.merge(&other.$field);)*
            }

            /// Octets held outside the value itself.
            pub fn heap_bytes(&self) -> usize {
                0 $(+ self.$field.heap_bytes())*
            }
        }

        /// All statistics, in the order of the columns.
        pub fn catalogue() -> impl Iterator<Item = &'static Statistic> {
            [$(<$family as Family>::STATISTICS),*].into_iter().flatten()
        }
    };
}

families! {
    volume: Volume,
    timing: Timing,
    tcp_flags: TcpFlagCounts,
    ports: Ports,
    packet_length: PacketLength,
    arp: ArpClaims,
    dns: DnsNames,
}

impl Statistics {
    /// Of one packet.
    pub fn of(packet: &Packet) -> Self {
        let mut statistics = Self::default();
        statistics.fold(packet);
        statistics
    }
}

#[cfg(test)]
mod tests;
