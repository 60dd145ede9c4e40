//! TLS to a real server whose certificates the tests make themselves.

mod certificates;
mod hosts;
mod identity;
mod kit;
mod middle;
mod modes;
mod stalls;
