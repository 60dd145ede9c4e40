//! A private PostgreSQL and a replaying sniffer: demo, tests and bench use the same one.
//!
//! Promises: nothing of it outlives the process that started it, however that ends; nothing of it touches a server that
//! is there already; it listens on the loopback interface only.

mod comparison;
pub mod demo;
mod directory;
mod error;
mod layers;
mod postgres;
mod programs;
mod replay;
mod row;
mod sniffer;
mod timeline;
mod traffic;
mod watchdog;

pub use comparison::differences;
pub use error::SandboxError;
pub use layers::{ATTACKS, Attack};
pub use postgres::{Mode, Options, PrivatePostgres};
pub use replay::{FileReport, Recording, Replay};
pub use row::{Flaw, RawRow};
pub use sniffer::{Sniffer, SnifferError};
pub use timeline::{Speed, Timeline};
pub use traffic::{Planned, Traffic, demo_traffic};

#[cfg(test)]
pub(crate) mod testing;
