//! Alerts, page by page, and what the windows showed of each.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{PostgresError, Queries};
use crate::flow::time::EventTime;
use crate::postgres::moment::Moment;

/// Windows of an alert that are told, at most; the latest.
const WINDOWS_MAX: i64 = 500;

/// What alerts are asked for. What is `None` matches all.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AlertFilter {
    /// Its state.
    pub state: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Its severity.
    pub severity: Option<String>,
    /// Where its subject is.
    pub subject: Option<IpNet>,
    /// Last seen from then on.
    pub since: Option<EventTime>,
    /// Last seen before then.
    pub until: Option<EventTime>,
    /// Those behind this place.
    pub before: Option<Cursor>,
}

/// A place in the list of alerts: just behind this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// When the alert was last seen.
    pub last_seen: EventTime,
    /// Its id.
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.last_seen.micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('-').ok_or(())?;
        let last_seen = micros.parse().ok().and_then(EventTime::from_micros).ok_or(())?;
        Ok(Self { last_seen, id: id.parse().map_err(|_| ())? })
    }
}

/// A row of `flowsentry.alerts`. Fields are named and explained as its columns.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // each is the column of its name
pub struct AlertRow {
    pub id: i64,
    pub source_id: i32,
    pub subject: IpAddr,
    pub subject_kind: String,
    pub label: String,
    pub severity: String,
    pub state: String,
    pub confidence: f32,
    pub first_seen: EventTime,
    pub last_seen: EventTime,
    pub detected_at: EventTime,
    pub updated_at: EventTime,
    pub ended_at: Option<EventTime>,
    pub packets: i64,
    pub bytes: i64,
    pub flows: i64,
    pub windows: i32,
    pub peers: i64,
    pub peer_sample: Vec<IpAddr>,
    pub ports: i64,
    pub port_sample: Vec<i32>,
    pub protocols: Vec<String>,
    pub reasons: Option<serde_json::Value>,
    pub model_version: Option<String>,
    pub merged_into: Option<i64>,
    pub acknowledged_at: Option<EventTime>,
    pub acknowledged_by: Option<String>,
    pub note: Option<String>,
}

pub(super) const COLUMNS: &str = "id, source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen,
    detected_at, updated_at, ended_at, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols,
    reasons, model_version, merged_into, acknowledged_at, acknowledged_by, note";

/// A row of `flowsentry.alert_windows`.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)] // each is the column of its name
pub struct WindowRow {
    pub window_start: EventTime,
    pub revision: i64,
    pub packets: i64,
    pub bytes: i64,
    pub flows: i64,
    pub peers: i64,
    pub ports: i64,
    pub confidence: f32,
}

impl Queries {
    /// Alerts, the last seen first, and where to go on if there are more.
    pub async fn alerts(
        &self,
        filter: &AlertFilter,
        limit: usize,
    ) -> Result<(Vec<AlertRow>, Option<Cursor>), PostgresError> {
        // The server plans with the values, so that what is not asked for costs nothing.
        let sql = format!(
            "SELECT {COLUMNS} FROM flowsentry.alerts
             WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR label = $2)
               AND ($3::text IS NULL OR severity = $3)
               AND ($4::inet IS NULL OR subject BETWEEN $4 AND $5::inet)
               AND ($6::timestamptz IS NULL OR last_seen >= $6) AND ($7::timestamptz IS NULL OR last_seen < $7)
               AND ($8::timestamptz IS NULL OR (last_seen, id) < ($8, $9::bigint))
             ORDER BY last_seen DESC, id DESC LIMIT $10"
        );
        let AlertFilter { state, label, severity, subject, since, until, before } = filter;
        let (first, last) = (subject.map(|net| net.network()), subject.map(|net| net.broadcast()));
        let (since, until) = (since.map(Moment::from), until.map(Moment::from));
        let (last_seen, id) = (before.map(|cursor| Moment::from(cursor.last_seen)), before.map(|cursor| cursor.id));
        let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let values: [&(dyn ToSql + Sync); 10] =
            [state, label, severity, &first, &last, &since, &until, &last_seen, &id, &one_more];
        let doing = PostgresError::doing("read the alerts");
        let rows = self.client().await?.query(&sql, &values).await.map_err(doing)?;
        let alerts: Vec<AlertRow> = rows.iter().take(limit).map(alert).collect();
        let last = alerts.last().map(|alert| Cursor { last_seen: alert.last_seen, id: alert.id });
        Ok((alerts, last.filter(|_| rows.len() > limit)))
    }

    /// One alert.
    pub async fn alert(&self, id: i64) -> Result<Option<AlertRow>, PostgresError> {
        let sql = format!("SELECT {COLUMNS} FROM flowsentry.alerts WHERE id = $1");
        let doing = PostgresError::doing("read the alert");
        Ok(self.client().await?.query_opt(&sql, &[&id]).await.map_err(doing)?.as_ref().map(alert))
    }

    /// What closed windows showed of an alert, the latest first.
    pub async fn alert_windows(&self, id: i64) -> Result<Vec<WindowRow>, PostgresError> {
        let sql = "SELECT window_start, revision, packets, bytes, flows, peers, ports, confidence
                   FROM flowsentry.alert_windows WHERE alert_id = $1 ORDER BY window_start DESC, revision DESC LIMIT $2";
        let doing = PostgresError::doing("read the windows of the alert");
        let rows = self.client().await?.query(sql, &[&id, &WINDOWS_MAX]).await.map_err(doing)?;
        let window = |row: &Row| WindowRow {
            window_start: row.get::<_, Moment>(0).clamped(),
            revision: row.get(1),
            packets: row.get(2),
            bytes: row.get(3),
            flows: row.get(4),
            peers: row.get(5),
            ports: row.get(6),
            confidence: row.get(7),
        };
        Ok(rows.iter().map(window).collect())
    }

    /// Somebody has seen an alert. The first to say so stays, and so does their note, unless there is a new one.
    pub async fn acknowledge(&self, id: i64, by: &str, note: Option<&str>) -> Result<Option<AlertRow>, PostgresError> {
        let sql = format!(
            "UPDATE flowsentry.alerts
             SET acknowledged_at = coalesce(acknowledged_at, pg_catalog.clock_timestamp()),
                 acknowledged_by = coalesce(acknowledged_by, $2), note = coalesce($3, note)
             WHERE id = $1 RETURNING {COLUMNS}"
        );
        let doing = PostgresError::doing("acknowledge the alert");
        Ok(self.client().await?.query_opt(&sql, &[&id, &by, &note]).await.map_err(doing)?.as_ref().map(alert))
    }
}

pub(super) fn alert(row: &Row) -> AlertRow {
    let moment = |column: usize| row.get::<_, Moment>(column).clamped();
    let later = |column: usize| row.get::<_, Option<Moment>>(column).map(Moment::clamped);
    AlertRow {
        id: row.get(0),
        source_id: row.get(1),
        subject: row.get(2),
        subject_kind: row.get(3),
        label: row.get(4),
        severity: row.get(5),
        state: row.get(6),
        confidence: row.get(7),
        first_seen: moment(8),
        last_seen: moment(9),
        detected_at: moment(10),
        updated_at: moment(11),
        ended_at: later(12),
        packets: row.get(13),
        bytes: row.get(14),
        flows: row.get(15),
        windows: row.get(16),
        peers: row.get(17),
        peer_sample: row.get(18),
        ports: row.get(19),
        port_sample: row.get(20),
        protocols: row.get(21),
        reasons: row.get(22),
        model_version: row.get(23),
        merged_into: row.get(24),
        acknowledged_at: later(25),
        acknowledged_by: row.get(26),
        note: row.get(27),
    }
}
