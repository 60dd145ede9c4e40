//! Alerts in Suricata's EVE form: an event of type `alert` a line, with a source and a destination, as readers of it want.
//!
//! An EVE alert is of one packet, ours is of an attack on many. So: one event an alert; `flow_id` is the alert's id; the
//! time is that of the first packet. Of an attacker `src_ip` is the subject and `dest_ip` the first peer that is listed, of a
//! victim the other way round. Of an identity `src_ip` is the claimed address, and nobody is called attacker or target, since
//! who is who is what is in dispute. `alert.metadata` has the figures, all as lists of texts, as there.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use super::error::ExportError;
use super::schema::Row;
use super::value::{Value, rfc3339};

/// What a label is as a signature. Numbers are of the range for local rules and never change their meaning; categories are
/// the words of Suricata's `classification.config`.
const SIGNATURES: &[(&str, u32, &str)] = &[
    ("Port Scanning", 1_947_001, "Detection of a Network Scan"),
    ("DDoS", 1_947_002, "Detection of a Denial of Service Attack"),
    ("Slowloris", 1_947_003, "Detection of a Denial of Service Attack"),
    ("Brute Force", 1_947_004, "Attempted User Privilege Gain"),
    ("DNS Tunnel", 1_947_005, "Potential Corporate Privacy Violation"),
    ("ARP Poisoning", 1_947_006, "Misc Attack"),
];
/// Labels of a site's own model get a number from here on, by a hash of their names.
const OTHERS_FROM: u32 = 1_948_000;
const OTHERS: u32 = 10_000;
const OTHER_CATEGORY: &str = "Misc Attack";

/// Writes EVE.
pub struct Eve<W: Write> {
    out: W,
}

impl<W: Write> Eve<W> {
    /// Writes nothing yet.
    pub fn begin(out: W) -> Self {
        Self { out }
    }

    /// Writes an event.
    pub fn write(&mut self, row: Row<'_>) -> Result<(), ExportError> {
        let mut line = event(&row).to_string();
        line.push('\n');
        Ok(self.out.write_all(line.as_bytes())?)
    }

    /// Writes what is left.
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn event(row: &Row<'_>) -> Json {
    let (source, destination) = ends(row);
    let mut event = Map::new();
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            event.insert(name.to_owned(), value);
        }
    };
    put("timestamp", moment(row, "first_seen").map(Json::from));
    put("flow_id", row.count("id").map(Json::from));
    put("event_type", Some("alert".into()));
    put("src_ip", source.map(Json::from));
    put("dest_ip", destination.map(Json::from));
    put("dest_port", only_port(row).map(Json::from));
    put("proto", row.texts("protocols").first().map(|name| protocol(name).into()));
    put("alert", Some(alert(row, source, destination)));
    put(
        "flow",
        Some(json!({
            "pkts_toserver": row.count("packets"),
            "bytes_toserver": row.count("bytes"),
            "start": moment(row, "first_seen"),
        })),
    );
    Json::Object(event)
}

/// Source and destination.
fn ends<'a>(row: &Row<'a>) -> (Option<&'a str>, Option<&'a str>) {
    let (subject, peer) = (row.text("subject"), row.texts("peer_sample").first().map(AsRef::as_ref));
    if row.text("subject_kind") == Some("victim") { (peer, subject) } else { (subject, peer) }
}

fn only_port(row: &Row<'_>) -> Option<i64> {
    match row.get("port_sample") {
        Value::Counts(ports) if row.count("ports") == Some(1) => ports.first().copied(),
        _ => None,
    }
}

/// As Suricata writes the names.
fn protocol(name: &str) -> String {
    match name {
        "ICMPv6" => "IPv6-ICMP".to_owned(),
        other => other.to_owned(),
    }
}

fn alert(row: &Row<'_>, source: Option<&str>, destination: Option<&str>) -> Json {
    let label = row.text("label").unwrap_or_default();
    let (number, category) = signature(label);
    let mut alert = json!({
        "action": "allowed",
        "gid": 1,
        "signature_id": number,
        "rev": 1,
        "signature": format!("FLOWSENTRY {label}"),
        "category": category,
        "severity": severity(row),
        "metadata": metadata(row),
    });
    if row.text("subject_kind") != Some("identity") {
        for (name, address) in [("source", source), ("target", destination)] {
            if let Some(address) = address {
                alert[name] = json!({ "ip": address });
            }
        }
    }
    alert
}

fn signature(label: &str) -> (u32, &'static str) {
    let known = SIGNATURES.iter().find(|(name, ..)| *name == label).map(|&(_, number, category)| (number, category));
    known.unwrap_or_else(|| (OTHERS_FROM + fnv1a(label) % OTHERS, OTHER_CATEGORY))
}

/// The same on every machine and in every version.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193))
}

/// 1 is the most severe.
fn severity(row: &Row<'_>) -> u8 {
    match row.text("severity") {
        Some("critical") => 1,
        Some("high") => 2,
        Some("medium") => 3,
        _ => 4,
    }
}

fn metadata(row: &Row<'_>) -> Json {
    let mut metadata = Map::new();
    let names = [
        "id",
        "subject",
        "subject_kind",
        "severity",
        "state",
        "confidence",
        "last_seen",
        "flows",
        "windows",
        "peers",
        "peer_sample",
        "ports",
        "port_sample",
        "protocols",
        "model_version",
        "acknowledged_by",
        "note",
    ];
    for name in names {
        let texts: Vec<Json> = match row.get(name) {
            Value::Absent => continue,
            Value::Text(text) => vec![text.as_ref().into()],
            Value::Count(count) => vec![count.to_string().into()],
            Value::Real(real) => vec![format!("{real:.3}").into()],
            Value::Time(time) => vec![rfc3339(*time).into()],
            Value::Texts(texts) => texts.iter().map(|text| text.as_ref().into()).collect(),
            Value::Counts(counts) => counts.iter().map(|count| count.to_string().into()).collect(),
            Value::Json(json) => vec![json.to_string().into()],
        };
        metadata.insert(format!("flowsentry_{name}"), Json::Array(texts));
    }
    Json::Object(metadata)
}

/// As Suricata writes times: 2017-04-07T22:24:37.251547+0000.
fn moment(row: &Row<'_>, column: &str) -> Option<String> {
    match row.get(column) {
        Value::Time(time) => Some(format!("{}+0000", rfc3339(*time).trim_end_matches('Z'))),
        _ => None,
    }
}
