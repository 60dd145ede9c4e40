//! What flowsentry promises, shown through the real binary and a real PostgreSQL. A file a promise.

mod kit;

mod adoption;
mod exactly_once;
mod late_packets;
mod service;
mod unusable_rows;
mod wakes_up;
