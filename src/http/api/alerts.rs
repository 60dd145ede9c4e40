//! Alerts: page by page, one with all that is known of it, and that somebody has seen it.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::flows::Flow;
use super::parameters::Parameters;
use super::problem::Problem;
use super::time::shown;
use super::{Api, body};
use crate::alert::{Severity, State as AlertState};
use crate::postgres::queries::{AlertFilter, AlertRow, Cursor, FlowRow, PostgresError, Side, WindowRow};

/// Flows that one alert is told with, at most.
const FLOWS_MAX: usize = 200;
const MICROSECOND: Duration = Duration::from_micros(1);
const PAGE: usize = 100;
const PAGE_MAX: usize = 500;
/// Longest name and note that are taken.
const NAME_CHARS_MAX: usize = 200;
const NOTE_CHARS_MAX: usize = 10_000;

/// An attack.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Alert {
    pub id: i64,
    pub source_id: i32,
    /// The address that the alert is about.
    pub subject: String,
    /// `attacker`, `victim` or `identity`.
    pub subject_kind: String,
    pub label: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `open`, `closed` or `withdrawn`.
    pub state: String,
    /// 0 to 1.
    pub confidence: f32,
    pub first_seen: String,
    pub last_seen: String,
    pub detected_at: String,
    pub updated_at: String,
    pub ended_at: Option<String>,
    pub packets: i64,
    pub bytes: i64,
    pub flows: i64,
    /// Closed windows that confirm it.
    pub windows: i32,
    /// Distinct addresses on the other side.
    pub peers: i64,
    /// Some of them.
    pub peer_sample: Vec<String>,
    /// Distinct destination ports.
    pub ports: i64,
    /// Some of them.
    pub port_sample: Vec<i32>,
    pub protocols: Vec<String>,
    /// What moved the model.
    #[schema(value_type = Option<Object>)]
    pub reasons: Option<serde_json::Value>,
    pub model_version: Option<String>,
    /// The alert that this one turned out to be a part of.
    pub merged_into: Option<i64>,
    pub acknowledged_at: Option<String>,
    pub acknowledged_by: Option<String>,
    pub note: Option<String>,
}

/// A page of alerts, the last seen first.
#[derive(Serialize, ToSchema)]
pub(super) struct Alerts {
    alerts: Vec<Alert>,
    /// What to give as `before` for the next page; null on the last one.
    next: Option<String>,
}

/// What a closed window, or a late or partial part of it, showed of an alert.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names)] // as the columns
pub(super) struct Window {
    window_start: String,
    revision: i64,
    packets: i64,
    bytes: i64,
    flows: i64,
    peers: i64,
    ports: i64,
    confidence: f32,
}

/// An alert with its evidence.
#[derive(Serialize, ToSchema)]
pub(super) struct Told {
    alert: Alert,
    /// What closed windows showed of it, the latest first; at most 500.
    windows: Vec<Window>,
    /// Stored flows of its subject in its time, the latest first; at most 200.
    stored_flows: Vec<Flow>,
    /// Why there are no flows here, if they cannot be read.
    stored_flows_problem: Option<String>,
}

/// What is known of an alert.
pub(in crate::http) struct Evidence {
    /// The alert.
    pub alert: Alert,
    /// What closed windows showed of it, the latest first.
    pub windows: Vec<WindowRow>,
    /// Stored flows of its subject in its time, the latest first.
    pub flows: Result<Vec<FlowRow>, PostgresError>,
}

/// Who has seen an alert.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledgement {
    /// Who.
    by: String,
    /// What they say; it replaces an earlier note.
    note: Option<String>,
}

/// Alerts, the last seen first.
#[utoipa::path(get, path = "/api/alerts",
    params(
        ("state" = Option<String>, Query, description = "open, closed or withdrawn"),
        ("label" = Option<String>, Query),
        ("severity" = Option<String>, Query, description = "low, medium, high or critical"),
        ("subject" = Option<String>, Query, description = "address or CIDR"),
        ("since" = Option<String>, Query, description = "last seen from then on"),
        ("until" = Option<String>, Query, description = "last seen before then"),
        ("before" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<i32>, Query, description = "1 to 500; 100 if left out")
    ),
    responses((status = 200, body = Alerts), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Result<Json<Alerts>, Problem> {
    let names = ["state", "label", "severity", "subject", "since", "until", "before", "limit"];
    let given = Parameters::of(uri.query(), &names)?;
    let (alerts, next) = api.queries.alerts(&filter(&given)?, given.limit(PAGE, PAGE_MAX)?).await?;
    Ok(Json(Alerts { alerts: alerts.into_iter().map(Alert::from).collect(), next: next.map(|next| next.to_string()) }))
}

/// Which alerts are asked for.
pub(in crate::http) fn filter(given: &Parameters) -> Result<AlertFilter, Problem> {
    let state = |text: &str| AlertState::ALL.into_iter().map(AlertState::name).find(|name| *name == text);
    let severity = |text: &str| Severity::from_name(text).map(Severity::name);
    Ok(AlertFilter {
        state: given.read("state", "write open, closed or withdrawn", state)?.map(str::to_owned),
        label: given.text("label").map(str::to_owned),
        severity: given.read("severity", "write low, medium, high or critical", severity)?.map(str::to_owned),
        subject: given.read("subject", "write an address or a CIDR such as 192.0.2.0/24", net)?,
        since: given.time("since")?,
        until: given.time("until")?,
        before: given
            .read("before", "write `next` of the page before, as it is", |text| text.parse::<Cursor>().ok())?,
    })
}

/// One alert with its evidence and flows.
#[utoipa::path(get, path = "/api/alerts/{id}", params(("id" = i64, Path)),
    responses((status = 200, body = Told), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Told>, Problem> {
    let Evidence { alert, windows, flows } = evidence(&api, number(&id)?).await?;
    let windows = windows.into_iter().map(window).collect();
    let (stored_flows, problem) = match flows {
        Ok(flows) => (flows.into_iter().map(Flow::from).collect(), None),
        Err(error) => (Vec::new(), Some(crate::exit::chain(&error))),
    };
    Ok(Json(Told { alert, windows, stored_flows, stored_flows_problem: problem }))
}

/// Gathers what is known of an alert.
pub(in crate::http) async fn evidence(api: &Api, id: i64) -> Result<Evidence, Problem> {
    let row = api.queries.alert(id).await?.ok_or_else(|| unknown(id))?;
    let windows = api.queries.alert_windows(id).await?;
    let side = if row.subject_kind == "victim" { Side::Destination } else { Side::Source };
    // The first packet's window began before it; one of exactly that length before is none of its.
    let since = row.first_seen.saturating_sub(api.window_length).saturating_add(MICROSECOND);
    let until = row.last_seen.saturating_add(MICROSECOND);
    let flows = api.queries.flows(row.subject, side, (since, until), FLOWS_MAX).await;
    Ok(Evidence { alert: row.into(), windows, flows })
}

/// Says that somebody has seen an alert; the first to say so stays.
#[utoipa::path(post, path = "/api/alerts/{id}/acknowledge", params(("id" = i64, Path)), request_body = Acknowledgement,
    responses((status = 200, body = Alert), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Path(id): Path<String>,
    given: Result<Bytes, BytesRejection>,
) -> Result<Json<Alert>, Problem> {
    let id = number(&id)?;
    let Acknowledgement { by, note } = body::read(given)?;
    let by = body::text("by", &by, NAME_CHARS_MAX)?;
    let note = note.as_deref().map(|note| body::text("note", note, NOTE_CHARS_MAX)).transpose()?;
    let row = api.queries.acknowledge(id, by, note).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(row.into()))
}

pub(in crate::http) fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

pub(in crate::http) fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| super::parameters::wrong("id", text, "write the number of an id"))
}

fn unknown(id: i64) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no alert {id}"), "/api/alerts lists those that there are")
}

fn window(row: WindowRow) -> Window {
    Window {
        window_start: shown(row.window_start),
        revision: row.revision,
        packets: row.packets,
        bytes: row.bytes,
        flows: row.flows,
        peers: row.peers,
        ports: row.ports,
        confidence: row.confidence,
    }
}

impl From<AlertRow> for Alert {
    fn from(row: AlertRow) -> Self {
        Self {
            id: row.id,
            source_id: row.source_id,
            subject: row.subject.to_string(),
            subject_kind: row.subject_kind,
            label: row.label,
            severity: row.severity,
            state: row.state,
            confidence: row.confidence,
            first_seen: shown(row.first_seen),
            last_seen: shown(row.last_seen),
            detected_at: shown(row.detected_at),
            updated_at: shown(row.updated_at),
            ended_at: row.ended_at.map(shown),
            packets: row.packets,
            bytes: row.bytes,
            flows: row.flows,
            windows: row.windows,
            peers: row.peers,
            peer_sample: row.peer_sample.iter().map(ToString::to_string).collect(),
            ports: row.ports,
            port_sample: row.port_sample,
            protocols: row.protocols,
            reasons: row.reasons,
            model_version: row.model_version,
            merged_into: row.merged_into,
            acknowledged_at: row.acknowledged_at.map(shown),
            acknowledged_by: row.acknowledged_by,
            note: row.note,
        }
    }
}
