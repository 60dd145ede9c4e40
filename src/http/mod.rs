//! What operators, programs and Prometheus ask over HTTP: metrics, health, readiness, and `/api`.
//!
//! Metrics and health are read without a password: keep the port on loopback or a private net. `/api` has a token for what
//! changes something, and beyond loopback for all of it. Bound to loopback it answers only requests that
//! name a loopback host, since a web page can make a browser send others there (DNS rebinding). Connections, headers,
//! bodies and times are bounded, and nothing here can slow the pipeline down.

mod api;
mod guard;
mod history;
mod overview;
mod page;
mod routes;
mod server;

pub use server::{HttpError, Sources, serve};
