//! Telling others of alerts over HTTP: a webhook with a signed body, and Prometheus Alertmanager.
//!
//! Promises: an attempt ends within `tell.timeout`, whatever the receiver does; its answer takes a bounded amount of memory;
//! no redirect is followed; neither an address, which may hold a token, nor a key is in an error.

mod alertmanager;
mod client;
mod error;
mod setup;
mod webhook;

pub use alertmanager::{Alertmanager, REFRESH_INTERVAL, RESOLVED_AFTER};
pub use client::Client;
pub use error::TellError;
pub use setup::{Receivers, SetupError};
pub use webhook::{DELIVERY, SIGNATURE, TIMESTAMP, Webhook, signature};

use serde_json::Value;

/// What a receiver is to be told.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// Its number: the same each time that it is tried.
    pub id: i64,
    /// What is told: see `postgres::alerts`.
    pub body: Value,
    /// What the receiver was told of the same alert before.
    pub previous: Option<Value>,
}
