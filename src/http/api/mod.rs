//! `/api`: alerts, flows and state as JSON for programs; described by the document at `/api/openapi.json`.
//!
//! Reads but for acknowledging alerts and editing exceptions, which need a token (`super::access`). Names are those of the columns,
//! times are RFC 3339 in UTC. Every answer is bounded; whatever fails is `{"error": …, "remedy": …}`.

pub(super) mod alerts;
mod body;
mod exceptions;
mod flows;
mod overview;
pub(super) mod parameters;
pub(super) mod problem;
pub(super) mod state;
pub(super) mod time;

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use utoipa::OpenApi;

use problem::Problem;

use super::overview::Overviews;
use crate::config::Bytes;
use crate::postgres::queries::Queries;
use crate::telemetry::metrics::Handle;
use crate::telemetry::status::Status;

/// What the handlers ask.
#[derive(Clone)]
pub(super) struct Api {
    pub queries: Queries,
    /// Length of a window.
    pub window_length: Duration,
    pub status: Status,
    pub metrics: Handle,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "flowsentry",
        description = "Alerts, flows and state. Times are RFC 3339 in UTC. Changes need `Authorization: Bearer <token>` \
                       (http.token_file); so do reads where the server listens elsewhere than on loopback."
    ),
    paths(
        alerts::list,
        alerts::one,
        alerts::acknowledge,
        flows::of_host,
        state::state,
        overview::overview,
        exceptions::list,
        exceptions::try_one,
        exceptions::add,
        exceptions::remove
    )
)]
struct Document;

pub(super) fn router(api: Api, overviews: Overviews, body_max: Bytes) -> Router {
    let body_max = usize::try_from(body_max.get()).unwrap_or(usize::MAX);
    Router::new()
        .route("/openapi.json", get(|| async { Json(Document::openapi()) }))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", get(alerts::one))
        .route("/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/hosts/{address}/flows", get(flows::of_host))
        .route("/state", get(state::state))
        .route("/overview", get(overview::overview).with_state(overviews))
        .route("/exceptions", get(exceptions::list).post(exceptions::add))
        .route("/exceptions/try", post(exceptions::try_one))
        .route("/exceptions/{id}", delete(exceptions::remove))
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method", DOCUMENT)
        })
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is no such path", DOCUMENT) })
        .with_state(api)
        .layer(DefaultBodyLimit::max(body_max))
}

const DOCUMENT: &str = "/api/openapi.json lists all";
