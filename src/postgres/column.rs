//! What a column of the source means, and the types it may have.

use std::fmt;

use tokio_postgres::types::Type;

/// What a column of the source table means. Its name is the column's name in the existing system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // named after the columns
pub enum Role {
    Id,
    Timestamp,
    SrcIp,
    DstIp,
    Protocol,
    Length,
    SrcPort,
    DstPort,
    TcpFlags,
    TcpSyn,
    TcpAck,
    TcpFin,
    TcpRst,
    TcpPsh,
    ArpOp,
    ArpPsrc,
    ArpPdst,
    ArpHwsrc,
    ArpHwdst,
    DnsResponse,
    DnsQname,
}

impl Role {
    /// All roles; the id is first, the text of flags before the single flags.
    pub const ALL: [Self; 21] = [
        Self::Id,
        Self::Timestamp,
        Self::SrcIp,
        Self::DstIp,
        Self::Protocol,
        Self::Length,
        Self::SrcPort,
        Self::DstPort,
        Self::TcpFlags,
        Self::TcpSyn,
        Self::TcpAck,
        Self::TcpFin,
        Self::TcpRst,
        Self::TcpPsh,
        Self::ArpOp,
        Self::ArpPsrc,
        Self::ArpPdst,
        Self::ArpHwsrc,
        Self::ArpHwdst,
        Self::DnsResponse,
        Self::DnsQname,
    ];

    /// Our name of the column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Timestamp => "timestamp",
            Self::SrcIp => "src_ip",
            Self::DstIp => "dst_ip",
            Self::Protocol => "protocol",
            Self::Length => "length",
            Self::SrcPort => "src_port",
            Self::DstPort => "dst_port",
            Self::TcpFlags => "tcp_flags",
            Self::TcpSyn => "tcp_syn",
            Self::TcpAck => "tcp_ack",
            Self::TcpFin => "tcp_fin",
            Self::TcpRst => "tcp_rst",
            Self::TcpPsh => "tcp_psh",
            Self::ArpOp => "arp_op",
            Self::ArpPsrc => "arp_psrc",
            Self::ArpPdst => "arp_pdst",
            Self::ArpHwsrc => "arp_hwsrc",
            Self::ArpHwdst => "arp_hwdst",
            Self::DnsResponse => "dns_response",
            Self::DnsQname => "dns_qname",
        }
    }

    /// Whether flowsentry cannot do without it.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Id | Self::Timestamp | Self::SrcIp | Self::DstIp | Self::Protocol | Self::Length)
    }

    /// Whether it is one of the single TCP flags.
    pub const fn is_flag(self) -> bool {
        matches!(self, Self::TcpSyn | Self::TcpAck | Self::TcpFin | Self::TcpRst | Self::TcpPsh)
    }

    /// Whether its values may be of this kind.
    pub const fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Id | Self::Length | Self::SrcPort | Self::DstPort | Self::ArpOp => kind.is_integer(),
            Self::Timestamp => matches!(kind, Kind::Float8 | Kind::Timestamp),
            Self::SrcIp | Self::DstIp | Self::ArpPsrc | Self::ArpPdst => matches!(kind, Kind::Text | Kind::Inet),
            Self::Protocol | Self::TcpFlags => matches!(kind, Kind::Text) || kind.is_integer(),
            Self::TcpSyn | Self::TcpAck | Self::TcpFin | Self::TcpRst | Self::TcpPsh | Self::DnsResponse => {
                matches!(kind, Kind::Bool)
            }
            Self::ArpHwsrc | Self::ArpHwdst => matches!(kind, Kind::Text | Kind::Macaddr),
            Self::DnsQname => matches!(kind, Kind::Text),
        }
    }

    /// The SQL types it may have, for people.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Id | Self::Length | Self::SrcPort | Self::DstPort | Self::ArpOp => "smallint, integer or bigint",
            Self::Timestamp => "double precision, timestamptz or timestamp",
            Self::SrcIp | Self::DstIp | Self::ArpPsrc | Self::ArpPdst => "text, varchar, inet or cidr",
            Self::Protocol | Self::TcpFlags => "text, varchar, smallint or integer",
            Self::TcpSyn | Self::TcpAck | Self::TcpFin | Self::TcpRst | Self::TcpPsh | Self::DnsResponse => "boolean",
            Self::ArpHwsrc | Self::ArpHwdst => "text, varchar or macaddr",
            Self::DnsQname => "text or varchar",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How values look in PostgreSQL's binary format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // named after the types
pub enum Kind {
    Int2,
    Int4,
    Int8,
    Float8,
    /// With or without time zone: the bytes are the same, and without a zone it is taken as UTC.
    Timestamp,
    /// `text`, `varchar`, `char(n)`.
    Text,
    /// The same in a database of another encoding than UTF-8: bytes, of which only ASCII is understood.
    ForeignText,
    /// `inet`, `cidr`.
    Inet,
    Bool,
    Macaddr,
}

impl Kind {
    /// Of the type with this object id, if it is one that is read.
    pub fn of(type_oid: u32) -> Option<Self> {
        Some(match Type::from_oid(type_oid)? {
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT8 => Self::Float8,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Timestamp,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => Self::Text,
            Type::INET | Type::CIDR => Self::Inet,
            Type::BOOL => Self::Bool,
            Type::MACADDR => Self::Macaddr,
            _ => return None,
        })
    }

    /// Whether it is text of some encoding.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::ForeignText)
    }

    const fn is_integer(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::COLUMN_NAMES;

    #[test]
    fn every_column_that_is_read_can_be_mapped_and_no_other() {
        assert_eq!(Role::ALL.map(Role::name).as_slice(), COLUMN_NAMES);
    }
}
