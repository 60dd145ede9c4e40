//! The only room with SQL and connections.
//!
//! Promises: every name in a statement is schema-qualified and quoted; every session has time limits for connecting, for
//! locks, for statements and for answers; no password reaches a log line or an error.

mod account;
pub mod adoption;
pub mod alert_retention;
pub mod alerts;
pub mod audit;
pub mod books;
pub mod column;
pub mod compare;
pub mod connection_options;
mod connection_parameters;
mod connection_string;
pub mod database;
pub mod decode;
pub mod doorbell;
pub mod encode;
pub mod error;
pub mod exceptions;
pub mod export;
pub mod frontier;
pub mod gaps;
pub mod generation;
pub mod identifier;
mod idle_holders;
mod inflow;
pub mod inspect;
pub mod keys;
pub mod lease;
pub mod migrations;
pub mod moment;

pub mod outbox;
mod outstanding;
pub mod partitions;
mod password_file;
pub mod queries;
pub mod ranges;
pub mod reader;
pub mod replay;
pub mod resume;
pub mod retention;
pub mod schema_change;
mod server;
mod service_file;
pub mod session;
pub mod sink_table;
pub mod source;
pub mod stored_flows;
pub mod texts;
mod tls;
pub mod traffic_data;
mod transport;
pub mod verify;
pub mod witness;
pub mod writer;

pub use connection_options::ConnectionStringError;
pub use database::{Database, Limits};
pub use error::{Disposition, PostgresError};
pub use session::Session;
pub use tls::TlsError;
