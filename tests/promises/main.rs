//! What flowsentry promises, shown through the real binary and a real PostgreSQL. A file a promise.

// Tests fail by panicking; and they compare figures that are exact.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::float_cmp)]

mod kit;

mod adoption;
mod columns;
mod exactly_once;
mod faults;
mod late_packets;
mod service;
mod unusable_rows;
mod wakes_up;
