//! Looks at everything that `check` judges: one file a group, each gives plain data of `crate::check`.
//!
//! Promises: nothing lasting is changed, no look takes longer than its session's statement time-out, and one that fails
//! leaves the others alone.

pub mod clocks;
pub mod holders;
pub mod ids;
pub mod lateness;
pub mod lease;
pub mod rights;
pub mod server;
pub mod sessions;
pub mod sink;
pub mod source;
pub(super) mod time_column;
pub mod trigger;
