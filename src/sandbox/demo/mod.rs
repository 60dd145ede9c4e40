//! The demo: the service as in production on a private server, traffic through it, and what came out.
//!
//! Promises: what it reports is counted in the tables, never assumed; whatever ends it, the service ends too.

mod error;
mod outcome;
mod paint;
mod report;
mod service;
mod show;

/// The model that the project ships: inside this program, so that the demo needs no file.
pub const MODEL: &[u8] = include_bytes!("../../../models/flowsentry.safetensors");

pub use error::DemoError;
pub use outcome::{AttackFound, Busiest, LabelCount, Outcome, Ran, WindowStored};
pub use paint::Paint;
pub use report::{as_json, as_text};
pub use service::Service;
pub use show::{SPEED, Sums, database, live, make_tables, replay, traffic, until_all_is_out};
