//! How the pipeline stands, and its figures.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::time::{now, shown};
use crate::telemetry::clock;
use crate::telemetry::status::{ModelState, Role, Snapshot};

/// Metrics without labels that are told, by their names without `flowsentry_`.
const FIGURES: [&str; 15] = [
    "packets_read_total",
    "packets_folded_total",
    "packets_late_total",
    "windows_stored_total",
    "checkpoints_total",
    "lag_seconds",
    "watermark_timestamp_seconds",
    "open_windows",
    "open_flows",
    "open_flow_bytes",
    "pending_ids",
    "unaccounted_packets",
    "attempts_total",
    "exceptions",
    "exceptions_unusable",
];

/// How the pipeline stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PipelineState {
    /// When this was.
    pub now: String,
    /// How long the process runs.
    pub uptime_seconds: f64,
    /// Whether it does what it is there for.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// `starting`, `standby`, `owner` or `stopping`.
    pub role: String,
    /// Why the database cannot be used.
    pub database: Option<String>,
    /// Why flows cannot be stored.
    pub sink: Option<String>,
    /// Which part does not get on.
    pub stuck: Option<String>,
    /// Highest id of a packet whose flow is stored or open.
    pub position: i64,
    /// Ids above what was read.
    pub lag_rows: Option<i64>,
    /// Version of the model that labels flows.
    pub model_version: Option<String>,
    /// Why no model labels flows.
    pub model_problem: Option<String>,
    /// Attempts since the process started.
    pub attempts: i64,
    /// Why the last attempt ended.
    pub last_error: Option<String>,
    /// Whether the source is read or polled; asleep, inserts notify.
    pub awake: bool,
    /// Metrics by their names without `flowsentry_`; two answers and `uptime_seconds` give rates. Null: not known.
    pub figures: BTreeMap<String, Option<f64>>,
}

/// How the pipeline stands.
#[utoipa::path(get, path = "/api/state", responses((status = 200, body = PipelineState)))]
pub(super) async fn state(State(api): State<Api>) -> Json<PipelineState> {
    Json(of(&api))
}

/// How the pipeline stands now.
pub(in crate::http) fn of(api: &Api) -> PipelineState {
    let snapshot = api.status.snapshot();
    let (ready, reasons) = (snapshot.is_ready(), snapshot.reasons());
    let Snapshot { role, database, sink, stuck, position, lag_rows, model, attempts, last_error, awake, .. } = snapshot;
    let (model_version, model_problem) = match model {
        ModelState::Loaded { version } => (Some(version), None),
        ModelState::Unknown { reason } => (None, Some(reason)),
    };
    PipelineState {
        now: shown(now()),
        uptime_seconds: clock::uptime().as_secs_f64(),
        ready,
        reasons,
        role: name(role).to_owned(),
        database,
        sink,
        stuck,
        position,
        lag_rows: lag_rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)),
        model_version,
        model_problem,
        attempts: i64::try_from(attempts).unwrap_or(i64::MAX),
        last_error,
        awake,
        figures: figures(&api.metrics.render()),
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Starting => "starting",
        Role::Standby => "standby",
        Role::Owner => "owner",
        Role::Stopping => "stopping",
    }
}

/// The values of [`FIGURES`] on a page of metrics.
fn figures(page: &str) -> BTreeMap<String, Option<f64>> {
    let value = |figure: &str| {
        page.lines()
            .find_map(|line| line.strip_prefix("flowsentry_")?.strip_prefix(figure)?.strip_prefix(' ')?.parse().ok())
            .filter(|value: &f64| value.is_finite())
    };
    FIGURES.into_iter().map(|figure| (figure.to_owned(), value(figure))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::ALL;

    #[test]
    fn figures_are_metrics_without_labels() {
        for figure in FIGURES {
            let metric = ALL.iter().find(|metric| metric.name.strip_prefix("flowsentry_") == Some(figure));
            assert!(metric.is_some_and(|metric| metric.label.is_none()), "{figure}");
        }
        let page = "# HELP flowsentry_open_flows Flows.\nflowsentry_open_flows_x 1\nflowsentry_open_flows 7\nflowsentry_lag_seconds NaN\n";
        assert_eq!(figures(page)["open_flows"], Some(7.0));
        assert_eq!(figures(page)["lag_seconds"], None);
    }
}
