//! The only room with SQL and connections.
//!
//! Promises: every name in a statement is schema-qualified and quoted; every session has time limits for connecting, for
//! locks and for statements; no password reaches a log line or an error.

mod account;
pub mod adoption;
pub mod connection_options;
mod connection_parameters;
mod connection_string;
pub mod database;
pub mod error;
pub mod identifier;
pub mod keys;
pub mod migrations;
pub mod partitions;
mod password_file;
pub mod schema_change;
mod service_file;
pub mod session;
pub mod traffic_data;

pub use connection_options::ConnectionStringError;
pub use database::{Database, Limits};
pub use error::{Disposition, PostgresError};
pub use session::Session;
