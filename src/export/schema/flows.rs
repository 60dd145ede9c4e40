//! Flows as network events of the Elastic Common Schema. A flow is one direction, so its packets are those of its source.

use std::net::IpAddr;

use super::{Column, ECS_VERSION, Row, Table, What};
use crate::export::value::{Kind, Value};
use crate::flow::context;
use crate::flow::key::Protocol;
use crate::flow::packet::HardwareAddress;
use crate::flow::statistics::{self, Unit};

/// Columns that are neither of the catalogue nor of the context.
const OTHERS: &[(&str, Kind)] = &[
    ("id_num", Kind::Count),
    ("src_ip", Kind::Text),
    ("dest_ip", Kind::Text),
    ("protocol", Kind::Text),
    ("window_start", Kind::Time),
    ("window_end", Kind::Time),
    ("predicted_label", Kind::Text),
    ("confidence", Kind::Real),
    ("model_version", Kind::Text),
    ("revision", Kind::Count),
    ("source_id", Kind::Count),
    ("created_at", Kind::Time),
];

/// Statistics that have a field of the common schema, so that they get none of ours.
const MAPPED: &[&str] = &["packet_count", "byte_count", "source_mac", "dest_mac", "first_seen", "last_seen"];

pub(super) fn table() -> Table {
    let stored = |(column, unit, doc, stored): (&'static str, Unit, &'static str, bool)| {
        stored.then_some((Column { name: column, kind: kind(unit) }, doc))
    };
    let statistics: Vec<(Column, &'static str)> = statistics::catalogue()
        .map(|it| (it.column, it.unit, it.doc, it.stored))
        // Context is an estimate beyond some hundred, and a real number in the table whatever it counts.
        .chain(context::catalogue().iter().map(|it| (it.column, Unit::Ratio, it.doc, it.stored)))
        .filter_map(stored)
        .collect();
    let others = OTHERS.iter().map(|&(name, kind)| Column { name, kind });
    let columns = others.chain(statistics.iter().map(|(column, _)| *column)).collect();
    Table::new(What::Flows, columns, |fields| {
        fields.made("@timestamp", Kind::Time, "When the flow began: as event.start.", start);
        fields.always("ecs.version", ECS_VERSION, "The version of the Elastic Common Schema.");
        fields.always("event.kind", "event", "A flow is an event.");
        fields.always_all("event.category", &["network"], "It is one of the network.");
        fields.always_all("event.type", &["connection"], "It is of a connection.");
        fields.always("event.module", "flowsentry", "Who made it.");
        fields.always("event.dataset", "flowsentry.flow", "What it is one of.");
        fields.made("event.id", Kind::Text, "Key of the row, id_num.", |row| {
            Value::or_absent(row.count("id_num").map(|id| Value::text(id.to_string())))
        });
        fields.made("event.start", Kind::Time, "Time of the earliest packet; else the window's first moment.", start);
        fields.made("event.end", Kind::Time, "Time of the latest packet; else the window's end.", end);
        fields.made("event.duration", Kind::Count, "From the earliest packet to the latest, ns.", duration);
        fields.column("event.created", "created_at", "When the row was stored.");
        fields.column("source.address", "src_ip", "The sender as it is stored.");
        fields.made("source.ip", Kind::Text, "The sender, if that is an IP address.", |row| address(row, "src_ip"));
        fields.made("source.mac", Kind::Text, "Sender hardware address of ARP.", |row| hardware(row, "source_mac"));
        fields.column("source.packets", "packet_count", "Packets: all are from the source.");
        fields.column("source.bytes", "byte_count", "Octets of whole frames: all are from the source.");
        fields.column("destination.address", "dest_ip", "The receiver as it is stored.");
        fields.made("destination.ip", Kind::Text, "The receiver, if that is an IP address.", |row| {
            address(row, "dest_ip")
        });
        fields.made("destination.mac", Kind::Text, "Target hardware address of ARP.", |row| hardware(row, "dest_mac"));
        fields.made("network.type", Kind::Text, "ipv4, ipv6 or arp.", network_type);
        fields.made("network.transport", Kind::Text, "tcp, udp, icmp or ipv6-icmp.", |row| {
            Value::or_absent(row.text("protocol").and_then(transport).map(Value::fixed))
        });
        fields.made("network.iana_number", Kind::Text, "IANA's number of the transport.", |row| {
            Value::or_absent(row.text("protocol").and_then(iana_number).map(Value::text))
        });
        fields.made("network.protocol", Kind::Text, "A protocol that the sniffer names and no transport is.", |row| {
            Value::or_absent(row.text("protocol").and_then(application).map(Value::text))
        });
        fields.column("network.packets", "packet_count", "Packets of the flow in the window.");
        fields.column("network.bytes", "byte_count", "Octets of the flow's whole frames in the window.");
        fields.column("rule.version", "model_version", "Version of the model that labelled the flow.");
        fields.column("flowsentry.label", "predicted_label", "What the model takes the flow for.");
        fields.column("flowsentry.confidence", "confidence", "Probability of the label by the model, 0 to 1.");
        fields.column("flowsentry.protocol", "protocol", "Protocol as the sniffer names it.");
        fields.column("flowsentry.window.start", "window_start", "First moment of the window.");
        fields.column("flowsentry.window.end", "window_end", "First moment after the window.");
        fields.column("flowsentry.revision", "revision", "0, or the checkpoint that stored this part later.");
        fields.column("flowsentry.source_id", "source_id", "The source in flowsentry.checkpoint.");
        for (column, doc) in statistics.iter().filter(|(column, _)| !MAPPED.contains(&column.name)) {
            fields.column(format!("flowsentry.{}", column.name), column.name, doc);
        }
    })
}

fn kind(unit: Unit) -> Kind {
    match unit.sql_type() {
        "double precision" => Kind::Real,
        "text" => Kind::Text,
        "timestamp with time zone" => Kind::Time,
        _ => Kind::Count,
    }
}

/// Rows of the existing system have no times but that of their insertion.
fn start(row: &Row<'_>) -> Value {
    row.first_of(&["first_seen", "window_start", "created_at"]).clone()
}

fn end(row: &Row<'_>) -> Value {
    row.first_of(&["last_seen", "window_end", "created_at"]).clone()
}

fn duration(row: &Row<'_>) -> Value {
    match (row.get("first_seen"), row.get("last_seen")) {
        (Value::Time(first), Value::Time(last)) => {
            Value::Count(i64::try_from(last.since(*first).as_nanos()).unwrap_or(i64::MAX))
        }
        _ => Value::Absent,
    }
}

fn parsed(row: &Row<'_>, column: &str) -> Option<IpAddr> {
    row.text(column)?.parse().ok()
}

fn address(row: &Row<'_>, column: &str) -> Value {
    Value::or_absent(parsed(row, column).map(|address| Value::text(address.to_string())))
}

/// As RFC 7042 writes it and the common schema wants it: 00-00-5E-00-53-23. What is no such address stays as it is.
fn hardware(row: &Row<'_>, column: &str) -> Value {
    let shown = |text: &str| match HardwareAddress::parse(text) {
        Some(address) => address.to_string().to_uppercase().replace(':', "-"),
        None => text.to_owned(),
    };
    Value::or_absent(row.text(column).map(|text| Value::text(shown(text))))
}

fn network_type(row: &Row<'_>) -> Value {
    if row.text("protocol").and_then(Protocol::from_name) == Some(Protocol::Arp) {
        return Value::fixed("arp");
    }
    match parsed(row, "src_ip").or_else(|| parsed(row, "dest_ip")) {
        Some(IpAddr::V4(_)) => Value::fixed("ipv4"),
        Some(IpAddr::V6(_)) => Value::fixed("ipv6"),
        None => Value::Absent,
    }
}

/// IANA's keyword of a transport, in lower case.
pub(super) fn transport(protocol: &str) -> Option<&'static str> {
    match Protocol::from_name(protocol)? {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        Protocol::Icmp => Some("icmp"),
        Protocol::Icmpv6 => Some("ipv6-icmp"),
        _ => None,
    }
}

fn iana_number(protocol: &str) -> Option<String> {
    match Protocol::from_name(protocol)? {
        Protocol::Tcp => Some("6".to_owned()),
        Protocol::Udp => Some("17".to_owned()),
        Protocol::Icmp => Some("1".to_owned()),
        Protocol::Icmpv6 => Some("58".to_owned()),
        // A protocol without a name here has its number as its name.
        Protocol::Named(_) => protocol.parse::<u8>().ok().map(|number| number.to_string()),
        Protocol::Arp | Protocol::Other => None,
    }
}

/// A name of the site's own, such as DNS, in lower case.
fn application(protocol: &str) -> Option<String> {
    let is_named = matches!(Protocol::from_name(protocol)?, Protocol::Named(_));
    (is_named && iana_number(protocol).is_none()).then(|| protocol.to_lowercase())
}
