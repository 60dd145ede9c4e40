//! What a number counts or measures: of a column, and of every feature.

/// Unit of a statistic, or of a feature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number of packets.
    Packets,
    /// Octets of whole frames, or of names.
    Octets,
    /// Octets squared.
    OctetsSquared,
    /// Packets a second.
    PacketsPerSecond,
    /// Octets a second.
    OctetsPerSecond,
    /// Seconds.
    Seconds,
    /// A point in event time.
    Time,
    /// A number of distinct things, named by the column.
    Distinct,
    /// A number of flows.
    Flows,
    /// Names joined by commas, or an address as text.
    Text,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// One number divided by another of the same kind, or of a kind that is no unit.
    Quotient,
    /// Bits of entropy.
    Bits,
    /// 1 if it is so, else 0.
    Truth,
}

impl Unit {
    /// The SQL type of a column of this unit where flowsentry creates it.
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Packets | Self::Octets | Self::OctetsSquared => "bigint",
            Self::Distinct | Self::Flows | Self::Truth => "integer",
            Self::PacketsPerSecond
            | Self::OctetsPerSecond
            | Self::Seconds
            | Self::Ratio
            | Self::Quotient
            | Self::Bits => "double precision",
            Self::Time => "timestamp with time zone",
            Self::Text => "text",
        }
    }

    /// As it is written beside a number.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Packets => "packets",
            Self::Octets => "octets",
            Self::OctetsSquared => "octets²",
            Self::PacketsPerSecond => "packets/s",
            Self::OctetsPerSecond => "octets/s",
            Self::Seconds => "s",
            Self::Time => "time",
            Self::Distinct => "distinct",
            Self::Flows => "flows",
            Self::Text => "text",
            Self::Ratio => "share, 0 to 1",
            Self::Quotient => "quotient",
            Self::Bits => "bits",
            Self::Truth => "0 or 1",
        }
    }
}
