//! Alerts as the Elastic Common Schema has them. Of an attacker source is the subject and destination the peer, of a victim
//! the other way round; a peer is named only where there is exactly one. Of an identity source is the claimed address.

use std::borrow::Cow;

use super::flows::transport;
use super::{Column, ECS_VERSION, Row, Table, What};
use crate::export::value::{Kind, Value};

const COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Count),
    ("source_id", Kind::Count),
    ("subject", Kind::Text),
    ("subject_kind", Kind::Text),
    ("label", Kind::Text),
    ("severity", Kind::Text),
    ("state", Kind::Text),
    ("confidence", Kind::Real),
    ("first_seen", Kind::Time),
    ("last_seen", Kind::Time),
    ("detected_at", Kind::Time),
    ("updated_at", Kind::Time),
    ("ended_at", Kind::Time),
    ("packets", Kind::Count),
    ("bytes", Kind::Count),
    ("flows", Kind::Count),
    ("windows", Kind::Count),
    ("peers", Kind::Count),
    ("peer_sample", Kind::Texts),
    ("ports", Kind::Count),
    ("port_sample", Kind::Counts),
    ("protocols", Kind::Texts),
    ("reasons", Kind::Json),
    ("model_version", Kind::Text),
    ("merged_into", Kind::Count),
    ("acknowledged_at", Kind::Time),
    ("acknowledged_by", Kind::Text),
    ("note", Kind::Text),
];

pub(super) fn table() -> Table {
    let columns = COLUMNS.iter().map(|&(name, kind)| Column { name, kind }).collect();
    Table::new(What::Alerts, columns, |fields| {
        fields.column("@timestamp", "first_seen", "When the attack began: as event.start.");
        fields.always("ecs.version", ECS_VERSION, "The version of the Elastic Common Schema.");
        fields.made("message", Kind::Text, "The alert in a sentence.", message);
        fields.always("event.kind", "alert", "An alert.");
        fields.always_all("event.category", &["intrusion_detection", "network"], "What kind of an alert.");
        fields.always_all("event.type", &["info"], "It tells, and does not block.");
        fields.always("event.module", "flowsentry", "Who made it.");
        fields.always("event.dataset", "flowsentry.alert", "What it is one of.");
        fields.made("event.id", Kind::Text, "Id of the alert.", |row| {
            Value::or_absent(row.count("id").map(|id| Value::text(id.to_string())))
        });
        fields.made("event.severity", Kind::Count, "1 low, 2 medium, 3 high, 4 critical.", severity);
        fields.column("event.start", "first_seen", "Time of the attack's first packet.");
        fields.column("event.end", "last_seen", "Time of its last packet so far.");
        fields.made("event.duration", Kind::Count, "From the first packet to the last, ns.", duration);
        fields.column("event.created", "detected_at", "When the alert was stored.");
        fields.column("rule.name", "label", "What the attack is taken for.");
        fields.always("rule.ruleset", "flowsentry", "Whose label that is.");
        fields.column("rule.version", "model_version", "Version of the model.");
        fields.made("source.ip", Kind::Text, "The attacker; of an identity the claimed address.", |row| {
            Value::or_absent(source(row).map(Value::text))
        });
        fields.made("destination.ip", Kind::Text, "The victim.", |row| {
            Value::or_absent(destination(row).map(Value::text))
        });
        fields.made("destination.port", Kind::Count, "The attacked port, if there is exactly one.", port);
        fields.made("network.transport", Kind::Text, "tcp, udp, icmp or ipv6-icmp, if there is exactly one.", |row| {
            match row.texts("protocols") {
                [one] => Value::or_absent(transport(one).map(Value::fixed)),
                _ => Value::Absent,
            }
        });
        fields.column("network.packets", "packets", "Packets of the attack.");
        fields.column("network.bytes", "bytes", "Octets of its whole frames.");
        fields.made("related.ip", Kind::Texts, "The subject, and the peers that are listed.", related);
        fields.column("flowsentry.subject.ip", "subject", "The address that the alert is about.");
        fields.column("flowsentry.subject.kind", "subject_kind", "attacker, victim or identity.");
        fields.column("flowsentry.label", "label", "What the attack is taken for.");
        fields.column("flowsentry.severity", "severity", "low, medium, high or critical.");
        fields.column("flowsentry.state", "state", "open, closed or withdrawn.");
        fields.column("flowsentry.confidence", "confidence", "Greatest confidence of a verdict, 0 to 1.");
        fields.column("flowsentry.flows", "flows", "Flows.");
        fields.column("flowsentry.windows", "windows", "Closed windows that confirm it.");
        fields.column("flowsentry.peers.count", "peers", "Distinct addresses on the other side.");
        fields.column("flowsentry.peers.sample", "peer_sample", "Some of them.");
        fields.column("flowsentry.ports.count", "ports", "Distinct destination ports.");
        fields.column("flowsentry.ports.sample", "port_sample", "Some of them.");
        fields.column("flowsentry.protocols", "protocols", "Protocols as the sniffer names them.");
        fields.column("flowsentry.reasons", "reasons", "What moved the model.");
        fields.column("flowsentry.merged_into", "merged_into", "The alert that this one is a part of.");
        fields.column("flowsentry.updated", "updated_at", "When it was stored last.");
        fields.column("flowsentry.ended", "ended_at", "When it was closed or withdrawn.");
        fields.column("flowsentry.acknowledged.at", "acknowledged_at", "When somebody acknowledged it.");
        fields.column("flowsentry.acknowledged.by", "acknowledged_by", "Who.");
        fields.column("flowsentry.note", "note", "What they wrote.");
        fields.column("flowsentry.source_id", "source_id", "The source in flowsentry.checkpoint.");
    })
}

fn severity(row: &Row<'_>) -> Value {
    let names = ["low", "medium", "high", "critical"];
    let step = row.text("severity").and_then(|name| names.iter().position(|it| *it == name));
    Value::or_absent(step.and_then(|step| i64::try_from(step + 1).ok()).map(Value::Count))
}

fn duration(row: &Row<'_>) -> Value {
    match (row.get("first_seen"), row.get("last_seen")) {
        (Value::Time(first), Value::Time(last)) => {
            Value::Count(i64::try_from(last.since(*first).as_nanos()).unwrap_or(i64::MAX))
        }
        _ => Value::Absent,
    }
}

fn is_victim(row: &Row<'_>) -> bool {
    row.text("subject_kind") == Some("victim")
}

fn only_peer<'a>(row: &Row<'a>) -> Option<&'a str> {
    match row.texts("peer_sample") {
        [one] if row.count("peers") == Some(1) => Some(one),
        _ => None,
    }
}

fn source<'a>(row: &Row<'a>) -> Option<&'a str> {
    if is_victim(row) { only_peer(row) } else { row.text("subject") }
}

fn destination<'a>(row: &Row<'a>) -> Option<&'a str> {
    if is_victim(row) { row.text("subject") } else { only_peer(row) }
}

fn port(row: &Row<'_>) -> Value {
    match row.get("port_sample") {
        Value::Counts(ports) if ports.len() == 1 && row.count("ports") == Some(1) => Value::Count(ports[0]),
        _ => Value::Absent,
    }
}

fn related(row: &Row<'_>) -> Value {
    let mut all: Vec<Cow<'static, str>> = row.text("subject").map(|it| it.to_owned().into()).into_iter().collect();
    all.extend(row.texts("peer_sample").iter().filter(|peer| Some(peer.as_ref()) != row.text("subject")).cloned());
    Value::Texts(all)
}

fn message(row: &Row<'_>) -> Value {
    let (Some(label), Some(subject)) = (row.text("label"), row.text("subject")) else { return Value::Absent };
    let [packets, peers] = ["packets", "peers"].map(|name| row.count(name).unwrap_or(0));
    let others = if peers == 1 { "address" } else { "addresses" };
    Value::text(match row.text("subject_kind") {
        Some("victim") => format!("{label} on {subject} by {peers} {others}, {packets} packets"),
        Some("identity") => format!("{label}: several hardware addresses claim {subject}, {packets} packets"),
        _ => format!("{label} by {subject} on {peers} {others}, {packets} packets"),
    })
}
