//! What operators and Prometheus ask over HTTP: metrics, health, readiness.
//!
//! Read-only, without a password: keep it on loopback or a private net. Bound to loopback it answers only requests that
//! name a loopback host, since a web page can make a browser send others there (DNS rebinding). Connections, headers,
//! bodies and times are bounded, and nothing here can slow the pipeline down.

mod guard;
mod routes;
mod server;

pub use server::{HttpError, serve};
