//! Through real sockets.

mod foreign;
mod signing;
mod slow;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::config::Environment;
use crate::postgres::{Database, Limits};
use crate::telemetry::status::Role;
use crate::telemetry::{clock, metrics};

/// Far longer than any of these tests takes; only a test that would hang forever meets it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whose database nobody ever reaches.
fn sources(status: Status) -> Sources {
    let limits = Limits {
        connect_timeout: Duration::from_secs(1),
        lock_timeout: Duration::ZERO,
        statement_timeout: Duration::ZERO,
        answer_limit: None,
    };
    let nowhere = Some("postgres://nobody@127.0.0.1:1/nothing");
    let database = Database::resolve(nowhere, &Environment::default(), limits).unwrap();
    let queries = Queries::of(&database, "traffic_data").unwrap();
    Sources { status, metrics: metrics::install().unwrap(), queries, window_length: Duration::from_secs(30) }
}

struct Server {
    address: SocketAddr,
    status: Status,
    stop: Option<oneshot::Sender<()>>,
}

impl Server {
    async fn start(change: impl FnOnce(&mut Http, &mut Patience)) -> Self {
        let mut settings = Http { listen: Listen::On(([127, 0, 0, 1], 0).into()), ..Http::default() };
        let mut patience = Patience { closing: Duration::from_millis(50), ..PATIENCE };
        change(&mut settings, &mut patience);
        let (stop, stopped) = oneshot::channel();
        let status = Status::new();
        let stopped = async { drop(stopped.await) };
        let address = serve_with(&settings, sources(status.clone()), stopped, patience).await.unwrap().unwrap();
        Self { address, status, stop: Some(stop) }
    }

    /// Where others reach it, with this token.
    async fn elsewhere(token: Option<&str>, change: impl FnOnce(&mut Http)) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, token.unwrap_or_default()).unwrap();
        let mut server = Self::start(|settings, _| {
            settings.listen = Listen::On(([0, 0, 0, 0], 0).into());
            settings.token_file = token.map(|_| file.path().to_owned());
            change(settings);
        })
        .await;
        server.address.set_ip([127, 0, 0, 1].into());
        server
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// The whole answer to one request for this path.
    async fn get(&self, path: &str) -> String {
        let mut client = self.client().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        client.rest().await
    }

    async fn ask(&self, request: &str) -> String {
        let mut client = self.client().await;
        client.send(request).await;
        client.rest().await
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything until the server closes.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the answer, as when we sent more than the server wanted to read, ends it too.
        let _ = timeout(DEADLINE, self.0.read_to_end(&mut bytes)).await.expect("the server closes the connection");
        String::from_utf8(bytes).unwrap()
    }

    /// The first bytes of an answer.
    async fn first(&mut self) -> String {
        let mut bytes = [0; 12];
        timeout(DEADLINE, self.0.read_exact(&mut bytes)).await.expect("the server answers").unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

/// Requests that no browser sends; then one that any may send.
#[test]
fn random_bytes_do_not_bring_the_server_down() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(|_, _| {}));
    let request =
        "(GET |POST |/metrics|/readyz|\\?| HTTP/1.1|\r\n|Host: |localhost|Content-Length: |[0-9]{1,20}|\\PC){0,20}";
    let bytes = prop_oneof![
        request.prop_map(|text| (text + "\r\n\r\n").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..300),
    ];
    let mut runner = proptest::test_runner::TestRunner::default();
    let outcome = runner.run(&bytes, |bytes| {
        runtime.block_on(async {
            let mut client = server.client().await;
            // The server may hang up at the first wrong byte.
            drop(client.0.write_all(&bytes).await);
            drop(client.0.shutdown().await);
            let mut answer = Vec::new();
            drop(timeout(DEADLINE, client.0.read_to_end(&mut answer)).await.expect("an end"));
            assert!(answer.len() < 1 << 20, "{} bytes", answer.len());
        });
        Ok(())
    });
    outcome.unwrap();
    assert_status(&runtime.block_on(server.get("/healthz")), "200");
}

fn assert_status(answer: &str, expected: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
}

#[tokio::test]
async fn pages_answer() {
    let server = Server::start(|_, _| {}).await;
    let check = async |path: &str, status: &str, part: &str| {
        let answer = server.get(path).await;
        assert_status(&answer, status);
        assert!(answer.contains(part), "{answer}");
        let answer = answer.to_lowercase();
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
        let (policy, referrer) = if answer.contains("content-type: text/html") {
            ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; ", "same-origin")
        } else {
            ("default-src 'none'; frame-ancestors 'none'; ", "no-referrer")
        };
        assert!(answer.contains(&format!("content-security-policy: {policy}")), "{answer}");
        assert!(answer.contains(&format!("referrer-policy: {referrer}\r\n")), "{answer}");
        assert!(answer.contains("x-frame-options: deny\r\n"), "{answer}");
        assert!(answer.contains("cross-origin-opener-policy: same-origin\r\n"), "{answer}");
        assert!(answer.contains("cross-origin-resource-policy: same-origin\r\n"), "{answer}");
        assert!(answer.contains("permissions-policy: camera=()"), "{answer}");
        let is_asset = path.starts_with("/assets/");
        assert!(
            answer.contains(if is_asset { "cache-control: no-cache" } else { "cache-control: no-store" }),
            "{answer}"
        );
    };
    check("/", "200", "<!DOCTYPE html>").await;
    check("/alerts", "503", "<!DOCTYPE html>").await;
    check("/sign-in", "200", "<!DOCTYPE html>").await;
    check("/text", "200", "/metrics").await;
    check("/assets/page.css", "200", "etag: ").await;
    check("/assets/page.js", "200", "content-type: text/javascript").await;
    check("/healthz", "200", "alive").await;
    check("/metrics", "200", "content-type: text/plain; version=0.0.4").await;
    check("/metrics", "200", "# TYPE flowsentry_packets_read_total counter\n").await;
    check("/no/such", "404", "there is no /no/such").await;
    check("/readyz", "503", "\"reasons\":[\"no attempt has reached the source yet\"").await;
}

#[tokio::test]
async fn readiness_follows_the_status() {
    let server = Server::start(|_, _| {}).await;
    let check = async |role: Role, database: Option<&str>, status: &str, part: &str| {
        server.status.update(|now| {
            now.role = role;
            now.database = database.map(str::to_owned);
        });
        let answer = server.get("/readyz").await;
        assert_status(&answer, status);
        assert!(answer.contains(part), "{answer}");
    };
    check(Role::Owner, None, "200", "\"role\":\"owner\"").await;
    check(Role::Standby, None, "200", "\"role\":\"standby\"").await;
    check(Role::Owner, Some("connection refused"), "503", "connection refused").await;
    check(Role::Stopping, None, "503", "told to stop").await;
}

#[tokio::test]
async fn other_methods_and_large_bodies_are_refused() {
    let server = Server::start(|_, _| {}).await;
    let check = async |request: &str, status: &str| assert_status(&server.ask(request).await, status);
    check("POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "403").await;
    check("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200").await;
    check("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n", "413").await;
    check("nonsense\r\n\r\n", "400").await;
    let many = "X: y\r\n".repeat(100);
    check(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), "431").await;
    let long = "y".repeat(64 * 1024);
    check(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), "431").await;
}

#[tokio::test]
async fn connections_are_bounded_in_number_and_time() {
    const TIME: Duration = Duration::from_millis(200);
    let bounded = |settings: &mut Http, patience: &mut Patience| {
        settings.connections_max = 1;
        patience.connection = TIME;
    };
    let start = clock::now();
    let server = Server::start(bounded).await;
    let mut first = server.client().await;
    first.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(first.first().await, "HTTP/1.1 200");

    // The second has to wait until the first, which keeps its connection, has had its time.
    assert_status(&server.get("/healthz").await, "200");
    assert!(start.elapsed() >= TIME);
    assert!(first.rest().await.ends_with("alive\n"));
}

#[tokio::test]
async fn stopping_closes_connections_and_frees_the_port() {
    let mut server = Server::start(|_, _| {}).await;
    let mut client = server.client().await;
    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.first().await, "HTTP/1.1 200");
    drop(server.stop.take());
    client.rest().await;
    let free = async {
        while TcpListener::bind(server.address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, free).await.expect("the port is free");
}

#[tokio::test]
async fn an_address_in_use_is_named_and_off_is_off() {
    let server = Server::start(|_, _| {}).await;
    let again = async |listen: Listen| {
        let settings = Http { listen, ..Http::default() };
        serve(&settings, sources(Status::new()), std::future::pending()).await
    };
    let error = again(Listen::On(server.address)).await.unwrap_err();
    let expected =
        format!("http.listen = \"{}\" cannot be listened on; set another address, or \"off\"", server.address);
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(again(Listen::Off).await.unwrap(), None);
}
