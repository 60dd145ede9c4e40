//! What may keep flowsentry from working as promised: the judgement, its thresholds and its words.
//!
//! One file a group of findings. Each has what was seen, as plain data, and a function that judges it: pure, so that every
//! threshold is tested without a server. `postgres::inspect` does the looking, the command puts both together.
//!
//! Promises: a finding names what was found, says in a sentence why it matters, and ends with what mends it, ready to paste.

pub mod clocks;
pub mod finding;
pub mod holders;
pub mod ids;
pub mod lateness;
pub mod lease;
pub mod model;
pub mod protection;
pub mod rights;
pub mod server;
pub mod sessions;
pub mod settings;
pub mod sink;
pub mod source;
pub mod trigger;

pub use finding::{Finding, Remedy, Severity};
