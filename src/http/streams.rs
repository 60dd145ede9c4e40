//! How many event streams there are at a time, and for how long: each keeps a connection while its page is open.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::access;
use super::api::problem::Problem;

/// Room for event streams. Clones share it.
#[derive(Clone)]
pub(super) struct Streams {
    free: Arc<Semaphore>,
    max: usize,
    life: Duration,
}

impl Streams {
    /// Room for this many. Each ends after `life`, properly and before its connection is cut off, and its page comes again:
    /// if it still may.
    pub fn at_most(max: usize, life: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max, life }
    }
}

/// A layer around what streams events: an answer keeps its place until its last part was sent, or its client is gone.
pub(super) async fn take_place(State(streams): State<Streams>, request: Request, next: Next) -> Response {
    let Ok(place) = Arc::clone(&streams.free).try_acquire_owned() else {
        let error = format!("{} streams are open, and no more may be", streams.max);
        let remedy = "close a live page, or raise http.streams_max";
        return access::refused(request.uri(), Problem::new(StatusCode::SERVICE_UNAVAILABLE, error, remedy));
    };
    next.run(request).await.map(|body| {
        Body::from_stream(body.into_data_stream().take_until(sleep(streams.life)).map(move |part| {
            let _held = &place;
            part
        }))
    })
}
