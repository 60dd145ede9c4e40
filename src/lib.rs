//! flowsentry turns packet rows that a sniffer inserts into PostgreSQL into labelled network flows, exactly once.
//!
//! The path of a packet, one line a room:
//! `postgres` reads it, `flow` folds it into its flow, `verdict` and `model` label the flow, `postgres` stores it;
//! `stage` runs each step in a loop of its own and `pipeline` connects them. ARCHITECTURE.md is the map.

pub mod alert;
pub mod capture;
pub mod check;
pub mod cli;
pub mod config;
pub mod exit;
pub mod export;
pub mod flow;
pub mod http;
pub mod model;
pub mod pipeline;
pub mod postgres;
pub mod sandbox;
pub mod stage;
pub mod supervisor;
pub mod telemetry;
pub mod tell;
pub mod terminal;
pub mod training;
pub mod verdict;
