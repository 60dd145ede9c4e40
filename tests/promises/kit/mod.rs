//! What the promises need: a database of their own, the service as a process, writers, and the comparison of stored flows
//! with a plain GROUP BY.

mod compare;
mod database;
mod programs;
mod proxy;
mod service;
mod wait;

pub use compare::{Sums, assert_flows_equal_group_by, sums};
pub use database::{Database, Session, Tables};
pub use programs::program;
pub use proxy::{Direction, Held, Passing, Proxy, Trap};
pub use service::Service;
pub use wait::{until, until_some};
