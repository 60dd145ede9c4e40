//! What is going on, at a glance.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::http::overview::{Overview, Overviews};

/// What is going on: state, the last half hour, open alerts. It may be half a second old.
#[utoipa::path(get, path = "/api/overview", responses((status = 200, body = Overview)))]
pub(super) async fn overview(State(overviews): State<Overviews>) -> Response {
    Json(&*overviews.latest().await).into_response()
}
