//! All paths: the live page, its plain text, health, metrics, and `/api`.

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::api::access::Access;
use super::api::{self, Api};
use super::guard::{Guard, guard};
use super::history::History;
use super::overview::Overviews;
use super::page;
use super::server::Sources;
use crate::config::Bytes;
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

pub(super) fn router(sources: Sources, history: History, access: Access, bound: SocketAddr, body_max: Bytes) -> Router {
    let Sources { status, metrics, queries, window_length } = sources;
    let api = Api { queries, window_length, status: status.clone(), metrics: metrics.clone() };
    let overviews = Overviews::of(api.clone(), history);
    Router::new()
        .route("/text", get(|| async { INDEX }))
        .route("/healthz", get(health).with_state(status.clone()))
        .route("/readyz", get(readiness).with_state(status))
        .route("/metrics", get(exposition).with_state(metrics))
        .nest("/api", api::router(api.clone(), overviews.clone(), access, body_max))
        .merge(page::router(api, overviews))
        .fallback(page::missing)
        .layer(from_fn_with_state(Guard { bound, body_max }, guard))
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
