//! All paths: the live page, its plain text, health, metrics, and `/api`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::access::Access;
use super::api::{self, Api};
use super::guard::Guard;
use super::history::History;
use super::overview::Overviews;
use super::page;
use super::server::Sources;
use super::sign_in;
use super::streams::Streams;
use crate::telemetry::metrics::Handle;
use crate::telemetry::status::{Snapshot, Status};

const INDEX: &str = "\
flowsentry
/         the live page, for browsers
/metrics  Prometheus
/healthz  200 while the process gets on with its work; 503: restart it
/readyz   200 while it owns its source or stands by; JSON with role, reasons and model
/api      JSON; /api/openapi.json describes it
";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(sources: Sources, history: History, access: Access, guard: Guard, streams: Streams) -> Router {
    let Sources { status, metrics, queries, window_length } = sources;
    let api = Api { queries, window_length, status: status.clone(), metrics: metrics.clone() };
    let overviews = Overviews::of(api.clone(), history);
    let pages = Router::new()
        .route("/text", get(|| async { INDEX }))
        .route("/healthz", get(health).with_state(status.clone()))
        .route("/readyz", get(readiness).with_state(status))
        .route("/metrics", get(exposition).with_state(metrics))
        .nest("/api", api::router(api.clone(), overviews.clone(), guard.body_max()))
        .merge(page::router(api, overviews, streams))
        .merge(sign_in::router(access))
        .fallback(page::missing);
    guard.around(pages, access)
}

async fn exposition(State(metrics): State<Handle>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], metrics.render()).into_response()
}

/// Whether a restart would help: not in an outage, which no restart ends.
async fn health(State(status): State<Status>) -> Response {
    match status.snapshot().stuck {
        None => "alive\n".into_response(),
        Some(stuck) => (StatusCode::SERVICE_UNAVAILABLE, format!("stuck: {stuck}\n")).into_response(),
    }
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<String>,
    #[serde(flatten)]
    snapshot: Snapshot,
}

async fn readiness(State(status): State<Status>) -> Response {
    let snapshot = status.snapshot();
    let ready = snapshot.is_ready();
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Readiness { ready, reasons: snapshot.reasons(), snapshot })).into_response()
}
