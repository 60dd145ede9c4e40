//! Accepts connections, a bounded number at a time, each for a bounded time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info, warn};

use super::access::Access;
use super::guard::Guard;
use super::history::{History, SAMPLE};
use super::patient::Patient;
use super::routes;
use super::sign_in::Peer;
use super::streams::Streams;
use super::token::TokenError;
use crate::config::{Http, Listen};
use crate::postgres::queries::Queries;
use crate::telemetry::metrics::Handle;
use crate::telemetry::status::Status;

const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// What the kernel keeps of an answer that is not read.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Wait after a connection could not be accepted, as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// HTTP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be bound.
    #[error("http.listen = \"{address}\" cannot be listened on; set another address, or \"off\"")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Where answers come from.
#[derive(Clone)]
pub struct Sources {
    /// How things stand.
    pub status: Status,
    /// The figures.
    pub metrics: Handle,
    /// The database.
    pub queries: Queries,
    /// Length of a window.
    pub window_length: Duration,
}

/// How long a client may take.
#[derive(Clone, Copy)]
struct Patience {
    /// For the head of a request, silence before it included: a client that dribbles must not keep a connection.
    head: Duration,
    /// For the body of a request.
    body: Duration,
    /// To read some of an answer that waits to be read.
    reading: Duration,
    /// For a stream of events.
    stream: Duration,
    /// For a connection as a whole; then it is closed after the request at hand.
    connection: Duration,
    /// For a request at hand to finish, once its connection is to be closed.
    closing: Duration,
}

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    body: Duration::from_secs(10),
    reading: Duration::from_secs(20),
    stream: Duration::from_mins(4),
    connection: Duration::from_mins(5),
    closing: Duration::from_secs(5),
};

/// Serves until `stop` completes, on tasks of the caller's runtime. Returns the address, whose port is a free one if 0
/// was asked for; `None` if HTTP is off.
pub async fn serve(
    settings: &Http,
    sources: Sources,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Option<SocketAddr>, HttpError> {
    serve_with(settings, sources, stop, PATIENCE).await
}

async fn serve_with(
    settings: &Http,
    sources: Sources,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Patience,
) -> Result<Option<SocketAddr>, HttpError> {
    let Listen::On(address) = settings.listen else { return Ok(None) };
    let bind_error = |source| HttpError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let bound = listener.local_addr().map_err(bind_error)?;
    let access = Access::of(settings.token_file.as_deref(), bound)?;
    let history = History::default();
    let looks = watch_figures(history.clone(), sources.metrics.clone());
    let guard = Guard::of(settings, bound, patience.body);
    let router =
        routes::router(sources, history, access, guard, Streams::at_most(settings.streams_max, patience.stream));
    info!(address = %bound, "serving metrics and health over HTTP");
    let served = accept(listener, router, settings.connections_max, stop, patience);
    tokio::spawn(async move {
        tokio::select! {
            () = served => {}
            () = looks => {}
        }
    });
    Ok(Some(bound))
}

/// Keeps the figures of the last half hour; ends never.
async fn watch_figures(history: History, metrics: Handle) {
    let mut ticks = interval(SAMPLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        history.sample(&metrics);
    }
}

/// Past the limit new connections wait in the kernel's queue.
async fn accept(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    stop: impl Future<Output = ()>,
    patience: Patience,
) {
    let free = Arc::new(Semaphore::new(connections_max));
    let (_open, closing) = watch::channel(()); // dropped when this ends: every connection closes
    let endless = async {
        loop {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let router = router.clone().layer(Extension(Peer(peer)));
                    tokio::spawn(converse(stream, router, permit, closing.clone(), patience));
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = endless => {}
        () = stop => {}
    }
}

/// One client's requests, one after the other.
async fn converse(
    stream: TcpStream,
    router: Router,
    permit: OwnedSemaphorePermit,
    mut closing: watch::Receiver<()>,
    patience: Patience,
) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience.head);
    server.max_headers(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX);
    if let Err(error) = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES) {
        debug!(%error, "the send buffer of a connection keeps its size");
    }
    let stream = TokioIo::new(Patient::new(stream, patience.reading));
    let mut connection = pin!(server.serve_connection(stream, TowerToHyperService::new(router)));

    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = timeout(patience.connection, closing.changed()) => {
            connection.as_mut().graceful_shutdown();
            timeout(patience.closing, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        debug!(%error, "a connection ended badly");
    }
    drop(permit);
}

#[cfg(test)]
mod tests;
