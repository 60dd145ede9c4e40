//! Packets become flows. Pure: no I/O, no clock, no async; time is an argument.

pub mod aggregator;
pub mod batch;
pub mod checkpoint;
pub mod comparison;
pub mod consumed;
pub mod context;
pub mod invariants;
pub mod key;
pub mod lateness;
pub mod look;
pub mod map;
pub mod packet;
pub mod position;
pub mod statistics;
pub mod table;
pub mod time;
pub mod watermark;
pub mod window;
