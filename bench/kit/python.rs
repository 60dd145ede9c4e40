//! Python beside our own: an environment of pinned packages, made once under `target/` by `.ci/python`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/python");

/// The interpreter of the environment `name` with the packages of a requirements file; else why there is none.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let made = Command::new(MAKE).arg(target().join(name)).arg(requirements).stderr(Stdio::inherit()).output();
    let made = made.map_err(|error| format!("{MAKE}: {error}"))?;
    if !made.status.success() {
        return Err(format!("{MAKE}: {}", made.status));
    }
    Ok(Path::new(String::from_utf8_lossy(&made.stdout).trim()).to_owned())
}

/// Where cargo puts what it builds: a bench is `target/release/examples/NAME`.
pub fn target() -> PathBuf {
    let here = std::env::current_exe().expect("a path of this program");
    here.ancestors().nth(3).expect("a directory of builds").to_owned()
}
