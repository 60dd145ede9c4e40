//! The live page: what is going on, at a glance, and the pages behind it.
//!
//! HTML of the server, charts as SVG, one style sheet and one script, all from the binary; nothing is asked of another host,
//! and everything but live figures and changes works without the script. Promise: text from the network is shown by `text`
//! and escaped by the templates, every list is bounded, and the stream renders once for all who watch, and only while
//! somebody does.

mod advice;
mod alert;
mod alerts;
mod assets;
mod chart;
mod exceptions;
mod flows;
mod frame;
mod host;
mod hue;
mod overview;
mod search;
mod sections;
mod stream;
mod telling;
mod text;
mod words;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::api::Api;
use super::api::problem::Problem;
use super::overview::Overviews;
use super::streams::{Streams, take_place};
use frame::Wrong;
use stream::Live;

/// What the pages are made of.
#[derive(Clone)]
struct Sight {
    api: Api,
    overviews: Overviews,
    live: Live,
}

/// The pages, their stream and their files.
pub(super) fn router(api: Api, overviews: Overviews, streams: Streams) -> Router {
    let live = Live::of(api.clone(), overviews.clone());
    Router::new()
        .route("/", get(overview::overview))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", get(alert::one))
        .route("/hosts/{address}", get(host::host))
        .route("/search", get(search::search))
        .route("/exceptions", get(exceptions::list))
        .route("/events", get(stream::events).layer(from_fn_with_state(streams, take_place)))
        .route("/assets/{name}", get(assets::asset))
        .with_state(Sight { api, overviews, live })
}

/// Of a path that is none of ours.
pub(super) async fn missing(uri: Uri) -> Response {
    let path = text::shown(uri.path(), text::NAME_CHARS_MAX);
    Wrong(Problem::new(StatusCode::NOT_FOUND, format!("there is no {path}"), "the links above lead to all pages"))
        .into_response()
}
