//! Python with pyarrow, pinned and made once, as the lab needs it.

use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Its interpreter; `None`, aloud, where the packages cannot be fetched.
pub fn python() -> Option<PathBuf> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab-python");
    let requirements = format!("{HERE}/bench/lab/requirements.txt");
    let made = Command::new(format!("{HERE}/.ci/python")).arg(environment).arg(requirements).output().unwrap();
    if made.status.success() {
        return Some(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim()));
    }
    println!("skipped: no Python with pyarrow: {}", String::from_utf8_lossy(&made.stderr));
    None
}
