//! Stored flows of a host.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::parameters::{Parameters, wrong};
use super::problem::Problem;
use super::time::{now, shown};
use crate::postgres::queries::{FlowRow, Side};

const PAGE: usize = 100;
const PAGE_MAX: usize = 500;
/// How far back flows are looked for unless `since` says otherwise.
const USUAL_SPAN: Duration = Duration::from_hours(1);

/// What one host sent another in a window. Null where the table has no such column.
#[derive(Serialize, ToSchema)]
pub(super) struct Flow {
    window_start: String,
    window_end: Option<String>,
    src_ip: Option<String>,
    dest_ip: Option<String>,
    protocol: Option<String>,
    packet_count: Option<i64>,
    byte_count: Option<i64>,
    connection_attempts: Option<i64>,
    unique_ports: Option<i64>,
    destination_ports: Option<i64>,
    predicted_label: Option<String>,
    /// 0 to 1.
    confidence: Option<f64>,
    model_version: Option<String>,
    revision: Option<i64>,
}

/// Flows, the latest first.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names)] // what people read in JSON
pub(super) struct Flows {
    /// Windows from here on were looked at.
    since: String,
    /// Up to here.
    until: String,
    flows: Vec<Flow>,
    /// Whether there may be more than are told: ask again with an earlier `until`.
    has_more: bool,
}

/// Flows from and to a host, the latest first.
#[utoipa::path(get, path = "/api/hosts/{address}/flows",
    params(
        ("address" = String, Path),
        ("since" = Option<String>, Query, description = "windows that begin then or later; an hour before `until` if left out"),
        ("until" = Option<String>, Query, description = "windows that begin before then; now if left out"),
        ("limit" = Option<i32>, Query, description = "1 to 500; 100 if left out")
    ),
    responses((status = 200, body = Flows), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn of_host(
    State(api): State<Api>,
    Path(address): Path<String>,
    uri: Uri,
) -> Result<Json<Flows>, Problem> {
    let host: IpAddr =
        address.parse().map_err(|_| wrong("address", &address, "write an address such as 192.0.2.1 or 2001:db8::1"))?;
    let given = Parameters::of(uri.query(), &["since", "until", "limit"])?;
    let until = given.time("until")?.unwrap_or_else(now);
    let since = given.time("since")?.unwrap_or_else(|| until.saturating_sub(USUAL_SPAN));
    let limit = given.limit(PAGE, PAGE_MAX)?;
    let rows = api.queries.flows(host, Side::Both, (since, until), limit).await?;
    let has_more = rows.len() == limit;
    let flows = rows.into_iter().map(Flow::from).collect();
    Ok(Json(Flows { since: shown(since), until: shown(until), flows, has_more }))
}

impl From<FlowRow> for Flow {
    fn from(row: FlowRow) -> Self {
        Self {
            window_start: shown(row.window_start),
            window_end: row.window_end.map(shown),
            src_ip: row.src_ip,
            dest_ip: row.dest_ip,
            protocol: row.protocol,
            packet_count: row.packet_count,
            byte_count: row.byte_count,
            connection_attempts: row.connection_attempts,
            unique_ports: row.unique_ports,
            destination_ports: row.destination_ports,
            predicted_label: row.predicted_label,
            confidence: row.confidence.filter(|value| value.is_finite()),
            model_version: row.model_version,
            revision: row.revision,
        }
    }
}
