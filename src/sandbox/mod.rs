//! A private PostgreSQL and a replaying sniffer: demo, tests and bench use the same one.
//!
//! Promises: nothing of it outlives the process that started it, however that ends; nothing of it touches a server that
//! is there already; it listens on the loopback interface only.

mod directory;
mod error;
mod postgres;
mod programs;
mod watchdog;

pub use error::SandboxError;
pub use postgres::{Mode, Options, PrivatePostgres};
