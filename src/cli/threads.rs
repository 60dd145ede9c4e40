//! One thread for tensors. candle asks `RAYON_NUM_THREADS` in every product of matrices; with a thread a core, one flow takes
//! 0.1 ms instead of 4 µs, and the threads fight the stages for the cores.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::config::Environment;

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Starts this program again in the same process, with the variable set, unless it is set already. Setting it in a running
/// process would be `unsafe`; this comes before the first thread. Returns if it is set, or if starting again fails: then
/// everything works, only slower.
pub fn limit(environment: &Environment, arguments: impl IntoIterator<Item = OsString>) {
    if environment.get(VARIABLE).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let error = Command::new(program).args(arguments).env(VARIABLE, "1").exec();
        tracing::debug!(%error, "cannot start again with {VARIABLE}=1");
    }
}
