//! Alerts and rows of `flowsentry.alerts`. They travel as one JSON array, since a statement has no arrays of arrays.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

use crate::alert::{Alert, Change, Severity, State, Subject, SubjectKind};
use crate::flow::time::EventTime;
use crate::verdict::reasons::Reasons;

/// Octets of a label, a version or a protocol's name at most; a longer one is cut.
const TEXT_BYTES_MAX: usize = 256;
/// Addresses and ports that a row lists at most.
const SAMPLE_MAX: usize = 256;

/// One row, whose order of columns [`UPSERT`] shares. Times are microseconds since 1970.
#[derive(Serialize, Debug)]
pub(super) struct Row<'a> {
    id: i64,
    subject: IpAddr,
    subject_kind: &'static str,
    label: &'a str,
    severity: &'static str,
    state: &'static str,
    confidence: f32,
    first_seen: i64,
    last_seen: i64,
    packets: i64,
    bytes: i64,
    flows: i64,
    windows: i64,
    peers: i64,
    peer_sample: &'a [IpAddr],
    ports: i64,
    port_sample: &'a [u16],
    protocols: Vec<&'a str>,
    reasons: Option<&'a Reasons>,
    model_version: Option<&'a str>,
    merged_into: Option<i64>,
    memory: &'a Value,
}

impl<'a> Row<'a> {
    /// Of an alert with this id.
    pub fn of(id: i64, alert: &'a Alert) -> Self {
        Self {
            id,
            subject: alert.subject.address,
            subject_kind: alert.subject.kind.name(),
            label: cut(&alert.label),
            severity: alert.severity.name(),
            state: alert.state.name(),
            confidence: if alert.confidence.is_finite() { alert.confidence } else { 0.0 },
            first_seen: alert.first_seen.micros(),
            last_seen: alert.last_seen.micros(),
            packets: count(alert.packets),
            bytes: count(alert.octets),
            flows: count(alert.flows),
            windows: i64::from(alert.windows).min(i64::from(i32::MAX)),
            peers: count(alert.peers),
            peer_sample: first(&alert.peer_sample),
            ports: count(alert.ports),
            port_sample: first(&alert.port_sample),
            protocols: first(&alert.protocols).iter().map(|name| cut(name)).collect(),
            reasons: alert.reasons.as_ref(),
            model_version: alert.model_version.as_deref().map(cut),
            merged_into: alert.merged_into,
            memory: &alert.memory,
        }
    }
}

/// Stores rows, new and known ones. What people wrote, and when it was detected, stays.
pub(super) const UPSERT: &str = "
    INSERT INTO flowsentry.alerts AS a
        (id, source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen, ended_at,
         packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, reasons, model_version,
         merged_into, memory)
    SELECT r.id, $1, r.subject, r.subject_kind, r.label, r.severity, r.state, r.confidence,
           'epoch'::timestamptz + r.first_seen * interval '1 microsecond',
           'epoch'::timestamptz + r.last_seen * interval '1 microsecond',
           CASE WHEN r.state <> 'open' THEN pg_catalog.clock_timestamp() END,
           r.packets, r.bytes, r.flows, r.windows, r.peers, r.peer_sample, r.ports, r.port_sample, r.protocols,
           r.reasons, r.model_version, r.merged_into, r.memory
    FROM pg_catalog.jsonb_to_recordset($2::jsonb) AS r
        (id bigint, subject inet, subject_kind text, label text, severity text, state text, confidence real,
         first_seen double precision, last_seen double precision, packets bigint, bytes bigint, flows bigint,
         windows integer, peers bigint, peer_sample inet[], ports bigint, port_sample integer[], protocols text[],
         reasons jsonb, model_version text, merged_into bigint, memory jsonb)
    ON CONFLICT (id) DO UPDATE SET
        subject = excluded.subject, subject_kind = excluded.subject_kind, label = excluded.label,
        severity = excluded.severity, state = excluded.state, confidence = excluded.confidence,
        first_seen = excluded.first_seen, last_seen = excluded.last_seen,
        updated_at = pg_catalog.clock_timestamp(),
        ended_at = CASE WHEN excluded.state <> 'open' THEN coalesce(a.ended_at, excluded.ended_at) END,
        packets = excluded.packets, bytes = excluded.bytes, flows = excluded.flows, windows = excluded.windows,
        peers = excluded.peers, peer_sample = excluded.peer_sample, ports = excluded.ports,
        port_sample = excluded.port_sample, protocols = excluded.protocols, reasons = excluded.reasons,
        model_version = excluded.model_version, merged_into = excluded.merged_into, memory = excluded.memory";

/// What one window shows of one alert.
#[derive(Serialize, Debug)]
pub(super) struct EvidenceRow {
    alert_id: i64,
    window_start: i64,
    revision: i64,
    packets: i64,
    bytes: i64,
    flows: i64,
    peers: i64,
    ports: i64,
    confidence: f32,
}

impl EvidenceRow {
    /// Of the alert with this id.
    pub fn all_of(alert_id: i64, change: &Change) -> impl Iterator<Item = Self> {
        change.evidence.iter().map(move |evidence| Self {
            alert_id,
            window_start: evidence.window_start.micros(),
            revision: evidence.revision,
            packets: count(evidence.packets),
            bytes: count(evidence.octets),
            flows: count(evidence.flows),
            peers: count(evidence.peers),
            ports: count(evidence.ports),
            confidence: if evidence.confidence.is_finite() { evidence.confidence } else { 0.0 },
        })
    }
}

/// Stores what windows show, each once.
pub(super) const ADD_EVIDENCE: &str = "
    INSERT INTO flowsentry.alert_windows
        (alert_id, window_start, revision, packets, bytes, flows, peers, ports, confidence)
    SELECT r.alert_id, 'epoch'::timestamptz + r.window_start * interval '1 microsecond', r.revision, r.packets, r.bytes,
           r.flows, r.peers, r.ports, r.confidence
    FROM pg_catalog.jsonb_to_recordset($1::jsonb) AS r
        (alert_id bigint, window_start double precision, revision bigint, packets bigint, bytes bigint, flows bigint,
         peers bigint, ports bigint, confidence real)
    ON CONFLICT (alert_id, window_start, revision) DO NOTHING";

/// The columns that [`alert`] reads, in its order.
pub(super) const SELECT: &str = "
    SELECT id, subject, subject_kind, label, severity, confidence, (extract(epoch FROM first_seen) * 1000000)::bigint,
           (extract(epoch FROM last_seen) * 1000000)::bigint, packets, bytes, flows, windows, peers, peer_sample, ports,
           port_sample, protocols, reasons, model_version, merged_into, memory
    FROM flowsentry.alerts";

/// An open alert as it was stored. `None` where its words are none of ours, which the table's checks prevent.
pub(super) fn alert(row: &tokio_postgres::Row) -> Option<Alert> {
    let time = |column| EventTime::from_micros(row.get(column)).unwrap_or_default();
    let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    let ports: Vec<i32> = row.get(15);
    Some(Alert {
        id: Some(row.get(0)),
        subject: Subject { kind: SubjectKind::from_name(row.get(2))?, address: row.get(1) },
        label: row.get(3),
        severity: Severity::from_name(row.get(4))?,
        state: State::Open,
        confidence: row.get(5),
        first_seen: time(6),
        last_seen: time(7),
        packets: count(8),
        octets: count(9),
        flows: count(10),
        windows: u32::try_from(row.get::<_, i32>(11)).unwrap_or(0),
        peers: count(12),
        peer_sample: row.get(13),
        ports: count(14),
        port_sample: ports.into_iter().filter_map(|port| u16::try_from(port).ok()).collect(),
        protocols: row.get(16),
        // Reasons are for people: an alert whose reasons another version wrote goes on without.
        reasons: row.get::<_, Option<Value>>(17).and_then(|reasons| serde_json::from_value(reasons).ok()),
        model_version: row.get::<_, Option<&str>>(18).map(Into::into),
        merged_into: row.get(19),
        memory: row.get(20),
    })
}

/// As the column has it: no count of ours comes near its end.
pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

fn first<T>(values: &[T]) -> &[T] {
    &values[..values.len().min(SAMPLE_MAX)]
}
