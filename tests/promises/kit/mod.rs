//! What the promises need: a database of their own, the service as a process, writers, and the comparison of stored flows
//! with a plain GROUP BY.

mod browser;
mod compare;
mod database;
mod listener;
mod manager;
mod models;
mod process;
mod programs;
mod proxy;
mod python;
mod receiver;
mod service;
mod stall;
mod verify;
mod wait;

pub use browser::{Browser, Tab, Theme, axe};
pub use compare::{Sums, assert_flows_equal_group_by, sums};
pub use database::{Database, Session, Tables};
pub use listener::Listener;
pub use manager::Manager;
pub use models::model;
pub use process::{as_owner, cpu_seconds, peak_mib, waits};
pub use programs::program;
pub use proxy::{Direction, Held, Passing, Proxy, Trap};
pub use python::python;
pub use receiver::{Received, Receiver};
pub use service::{Service, get};
pub use stall::StallingProxy;
pub use verify::{assert_verified, verify};
pub use wait::{until, until_some};
