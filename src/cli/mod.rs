//! One file a command; parsing and the one place where an error is printed.
//!
//! A new command is a file with `Args` and `execute`, a `mod` line here, and a line in the list of `args`.

mod args;
mod ask;
pub mod check;
pub mod compare;
pub mod completions;
pub mod config;
mod context;
mod database;
pub mod demo;
pub mod evaluate;
pub mod exceptions;
pub mod export;
pub mod health;
pub mod manual;
pub mod migrate;
pub mod model;
mod output;
pub mod reference;
pub mod replay;
pub mod run;
mod runtime;
pub mod sandbox;
mod signals;
pub mod threads;
pub mod top;
pub mod train;
pub mod verify;

pub use args::{Arguments, Command, parse};
pub use context::Context;
pub use database::database;
pub use output::print;
use runtime::runtime;
