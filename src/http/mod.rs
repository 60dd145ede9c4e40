//! What operators, programs and Prometheus ask over HTTP: metrics, health, readiness, and `/api`.
//!
//! Metrics and health are read without a password: keep the port on loopback or a private net. What changes something needs
//! a token, and beyond loopback so does all else (`access`). Only requests that name this machine are answered, since a web
//! page can make a browser send others there (`hosts`). Connections, headers, bodies, event streams and times are bounded,
//! and nothing here can slow the pipeline down.

mod access;
mod api;
mod guard;
mod history;
mod hosts;
mod overview;
mod page;
mod patient;
mod routes;
mod server;
mod sign_in;
mod streams;
mod token;

pub use server::{HttpError, Sources, serve};
