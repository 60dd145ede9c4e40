//! Settings: defaults, `pipeline.toml`, environment, flags, in that order.

mod environment;

pub use environment::Environment;
