//! What flowsentry promises, shown through the real binary and a real PostgreSQL. A file a promise.

// Tests fail by panicking; and they compare figures that are exact.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::float_cmp)]

mod kit;

mod adoption;
mod alertmanager;
mod alerts;
mod api;
mod audit;
mod bad_input;
mod browser;
mod check;
mod columns;
mod compare;
mod dashboards;
mod exactly_once;
mod exceptions;
mod export;
mod faults;
mod golden;
mod guide;
mod health;
mod lab;
mod late_packets;
mod left_alone;
mod looks;
mod metrics;
mod model_life;
mod never_oversleeps;
mod packaging;
mod page;
mod roles;
mod service;
mod tell;
mod tls;
mod top;
mod unusable_rows;
mod verify;
mod wakes_up;
