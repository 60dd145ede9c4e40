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

/// Then a stream ends, as it should and not in the middle of a word, and its page comes again: by its pass, and before the
/// connection is cut off (`server`).
pub(super) const LIFE: Duration = Duration::from_mins(4);

/// Room for event streams. Clones share it.
#[derive(Clone)]
pub(super) struct Streams {
    free: Arc<Semaphore>,
    max: usize,
}

impl Streams {
    /// Room for this many.
    pub fn at_most(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max }
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
        Body::from_stream(body.into_data_stream().take_until(sleep(LIFE)).map(move |part| {
            let _held = &place;
            part
        }))
    })
}
