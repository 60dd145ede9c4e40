//! The programs that came with the server: those of the version that runs.

use std::fs;
use std::path::PathBuf;

use super::Database;

/// Path of one of them; `None`, aloud, where it was not installed.
pub fn program(database: &Database, name: &str) -> Option<PathBuf> {
    let process = database.number("SELECT pg_backend_pid()");
    let server = fs::read_link(format!("/proc/{process}/exe")).ok();
    let path = server.and_then(|server| Some(server.parent()?.join(name)));
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: there is no {name} beside the server's own programs");
    }
    found
}
