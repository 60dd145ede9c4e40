//! Ends a private server whose process can no longer do so: killed, aborted, or a test whose server is a static.
//!
//! A shell waits at a pipe that only our process holds open. When the pipe closes, however that came about, it stops the
//! server, if one runs, and removes the directory.

use std::path::Path;
use std::process::{Child, Stdio};

use super::SandboxError;
use super::directory::Directory;

const SCRIPT: &str = r#"
read nothing
[ -d "$1/data" ] && "$2" stop --silent --mode=immediate --timeout=10 --pgdata="$1/data" > /dev/null 2>&1
rm -rf "$1"
"#;

/// The waiting shell.
#[derive(Debug)]
pub struct Watchdog(Child);

impl Watchdog {
    /// Watches over `directory` and the server whose data is in its `data`.
    pub fn start(directory: &Directory, pg_ctl: &Path) -> Result<Self, SandboxError> {
        let shell = Path::new("/bin/sh");
        let mut command = directory.command(shell);
        command.current_dir("/").args(["-c", SCRIPT, "sh"]).arg(directory.path()).arg(pg_ctl);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map(Self).map_err(SandboxError::system("run", shell))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        if let Err(error) = self.0.wait() {
            tracing::warn!(%error, "cannot wait for the end of a private PostgreSQL");
        }
    }
}
