//! Requests over HTTP or HTTPS, each bounded in time and memory.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::error::TellError;

/// Octets of an answer that are read: so that its connection can be used again. More end the connection.
const ANSWER_MAX: usize = 64 * 1024;
/// Octets of an answer's head.
const HEAD_MAX: usize = 32 * 1024;
/// Connections to a receiver that are kept open for the next message.
const IDLE_CONNECTIONS_MAX: usize = 2;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for one receiver.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Connections,
    limit: Duration,
}

/// Certificates are loaded only for those who need them.
#[derive(Clone, Debug)]
enum Connections {
    Plain(Pooled<HttpConnector, Full<Bytes>>),
    Encrypted(Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    /// For a receiver at this address; each attempt takes at most `limit`. Loads the certificates of the system, or those of
    /// the file that `SSL_CERT_FILE` names.
    pub fn new(address: &Uri, limit: Duration) -> std::io::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limit));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let mut builder = Pooled::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(HEAD_MAX);
        let connections = if address.scheme_str() == Some("https") {
            let encrypted = HttpsConnectorBuilder::new().with_native_roots()?.https_only().enable_http1();
            Connections::Encrypted(builder.build(encrypted.wrap_connector(connector)))
        } else {
            Connections::Plain(builder.build(connector))
        };
        Ok(Self { connections, limit })
    }

    /// One attempt; it has succeeded if the answer is of class 2xx.
    pub async fn post(&self, address: &Uri, headers: &[(&str, String)], body: Bytes) -> Result<(), TellError> {
        let request = Request::post(address).header(CONTENT_TYPE, "application/json");
        let request = complete(request, headers, body)?;
        let answer = timeout(self.limit, self.answer(request)).await;
        match answer.map_err(|_| TellError::Slow { limit: self.limit })? {
            Ok(status) if (200..300).contains(&status) => Ok(()),
            Ok(status) => Err(TellError::Answered { status }),
            Err(error) => Err(error),
        }
    }

    /// One question: the status of the answer, and what it says in at most `octets_max`.
    pub async fn get(
        &self,
        address: &Uri,
        headers: &[(&str, String)],
        octets_max: usize,
    ) -> Result<(u16, Bytes), TellError> {
        let request = complete(Request::get(address), headers, Bytes::new())?;
        let read = async {
            let answer = self.send(request).await?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), octets_max).collect().await;
            let body = body.map_err(|error| TellError::unreachable(&*error))?;
            Ok((status, body.to_bytes()))
        };
        timeout(self.limit, read).await.map_err(|_| TellError::Slow { limit: self.limit })?
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, TellError> {
        let answered = match &self.connections {
            Connections::Plain(client) => client.request(request).await,
            Connections::Encrypted(client) => client.request(request).await,
        };
        answered.map_err(|error| TellError::unreachable(&error))
    }

    /// The status of the answer, of which all is read that may be: what it says is of no interest.
    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<u16, TellError> {
        let answer = self.send(request).await?;
        let status = answer.status().as_u16();
        if Limited::new(answer.into_body(), ANSWER_MAX).collect().await.is_err() {
            tracing::debug!(status, "an answer was longer than it may be, or broke off");
        }
        Ok(status)
    }
}

fn complete(request: Builder, headers: &[(&str, String)], body: Bytes) -> Result<Request<Full<Bytes>>, TellError> {
    let agent = concat!("flowsentry/", env!("CARGO_PKG_VERSION"));
    let request = request.header(USER_AGENT, agent);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.body(Full::new(body)).map_err(|error| TellError::Unsayable { reason: error.to_string() })
}
