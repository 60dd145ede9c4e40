//! Settings: defaults, then `pipeline.toml`, then `FLOWSENTRY__SECTION__KEY` variables, then `--set` flags; later wins.
//!
//! Every option is defined once, in the table of `options.rs`: from it follow the structs, the parser, the check for
//! unknown keys, the text of `pipeline.toml` and what `flowsentry config` prints. Every value remembers its origin.
//! Every error is one line that names file, key, value and remedy, and none of them shows a password.

mod bytes;
mod check;
mod derived;
mod document;
mod duration;
mod environment;
mod error;
mod host_names;
mod layers;
mod limit;
mod listen;
mod load;
mod log_filter;
mod options;
mod origin;
mod secret;
mod setting;
mod table;
mod words;
mod written;

pub use bytes::Bytes;
pub use derived::{ANSWER_MARGIN, Memory, PACKET_BYTES};
pub use document::{EffectiveOption, documented, reference};
pub use environment::Environment;
pub use error::{Combined, ConfigError};
pub use host_names::HostNames;
pub use listen::Listen;
pub use log_filter::LogFilter;
pub use options::{
    COLUMN_NAMES, Channels, Config, Database, Flows, Http, Ingest, Lease, Log, Model, Retention, Retry, Service, Sink,
    Source, Store, Tell, Wakeup, Window,
};
pub use origin::Origin;
pub use secret::Secret;
pub use words::{LogFormat, Start};

#[cfg(test)]
mod tests;
