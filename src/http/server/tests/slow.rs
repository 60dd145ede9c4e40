//! Clients that take their time, or all of it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::net::TcpSocket;

use super::*;
use crate::http::streams::take_place;

const PART: Bytes = Bytes::from_static(&[b'x'; 16 * 1024]);
/// Far more than all buffers between a server and its client.
const MUCH: usize = 64 << 20;

#[tokio::test]
async fn a_client_that_dribbles_is_cut_off() {
    let server = Server::start(|_, patience| patience.head = Duration::from_millis(50)).await;
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nHost: local").await;
    client.rest().await;
    let mut silent = server.client().await;
    silent.rest().await;
}

#[tokio::test]
async fn a_body_that_dribbles_is_not_waited_for() {
    let server = Server::start(|_, patience| patience.body = Duration::from_millis(300)).await;
    for head in ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (mut from, mut to) = server.client().await.0.into_split();
        to.write_all(format!("POST /sign-in HTTP/1.1\r\nHost: localhost\r\n{head}\r\n").as_bytes()).await.unwrap();
        let dribble = tokio::spawn(async move {
            let parts = if head.starts_with("Content") { "x" } else { "1\r\nx\r\n" };
            while to.write_all(parts.as_bytes()).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let mut answer = [0; 12];
        timeout(DEADLINE, from.read_exact(&mut answer)).await.expect("an answer").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
        timeout(DEADLINE, dribble).await.expect("the connection ends").unwrap();
    }
}

/// A server whose answers never end, or are large; and what it was asked for so far.
async fn endless(reading: Duration, life: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let parts = {
        let pulled = Arc::clone(&pulled);
        move || {
            let pulled = Arc::clone(&pulled);
            Body::from_stream(futures::stream::repeat_with(move || {
                pulled.fetch_add(PART.len(), Ordering::Relaxed);
                Ok::<_, Infallible>(PART)
            }))
        }
    };
    let streams = Streams::at_most(1, life);
    let router = Router::new()
        .route("/events", get(async move || parts()).layer(from_fn_with_state(streams, take_place)))
        .route("/large", get(async || vec![b'x'; MUCH]))
        .route("/small", get(async || "small"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Guard::of(&Http::default(), address, PATIENCE.body).around(router, Access::of(None, address).unwrap());
    let patience = Patience { reading, ..PATIENCE };
    tokio::spawn(accept(listener, router, 2, std::future::pending(), patience));
    (address, pulled)
}

async fn ask(address: SocketAddr, path: &str) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut client = Client(socket.connect(address).await.unwrap());
    client.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
    client
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_fills_no_memory() {
    let (address, pulled) = endless(Duration::from_millis(300), DEADLINE).await;
    let start = clock::now();
    let (_stream, _large) = (ask(address, "/events").await, ask(address, "/large").await);
    // Both connections are taken: this one waits until one of the others is cut off.
    let mut third = ask(address, "/small").await;
    assert!(third.rest().await.ends_with("small"));
    assert!(start.elapsed() >= Duration::from_millis(300));
    // The stream's place is free only once it is cut off.
    timeout(DEADLINE, async { while ask(address, "/events").await.first().await != "HTTP/1.1 200" {} }).await.unwrap();
    let (mut fourth, mut fifth) = (ask(address, "/small").await, ask(address, "/small").await);
    assert!(fourth.rest().await.ends_with("small") && fifth.rest().await.ends_with("small"));
    assert!(pulled.load(Ordering::Relaxed) < 8 << 20, "{} bytes", pulled.load(Ordering::Relaxed));
}

#[tokio::test]
async fn streams_are_bounded_in_number() {
    let (address, _) = endless(DEADLINE, DEADLINE).await;
    let mut open = ask(address, "/events").await;
    assert_eq!(open.first().await, "HTTP/1.1 200");
    let refused = ask(address, "/events").await.rest().await;
    assert_status(&refused, "503");
    assert!(refused.contains("retry-after: 5") && refused.contains("http.streams_max"), "{refused}");
    drop(open);
    timeout(DEADLINE, async { while ask(address, "/events").await.first().await != "HTTP/1.1 200" {} }).await.unwrap();
}

#[tokio::test]
async fn a_stream_ends_in_time_and_properly() {
    let (address, _) = endless(DEADLINE, Duration::from_millis(100)).await;
    assert!(ask(address, "/events").await.rest().await.ends_with("\r\n0\r\n\r\n"));
    // So do those of the real pages.
    let server = Server::start(|_, patience| patience.stream = Duration::from_millis(100)).await;
    let answer = server.get("/events").await;
    assert_status(&answer, "200");
    assert!(answer.contains("event: beat") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn the_pages_own_stream_takes_a_place() {
    let server = Server::start(|settings, _| settings.streams_max = 1).await;
    let mut open = server.client().await;
    open.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(open.first().await, "HTTP/1.1 200");
    assert_status(&server.get("/events").await, "503");
    assert_status(&server.get("/healthz").await, "200");
}
