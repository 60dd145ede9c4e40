//! Chromium, as a person would have it, without a screen: driven over its own protocol (CDP), and watched for all that a
//! page must not do.

mod axe;
mod hands;
mod picture;
mod tab;

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::until_some;
pub use axe::axe;
pub use hands::Theme;
pub use tab::Tab;
use tab::Wire;

/// As root and in a container with little shared memory; on its own, asking nobody for anything.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--force-color-profile=srgb",
];
const PROGRAMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A running Chromium. Killed when dropped.
pub struct Browser {
    child: Child,
    wire: Wire,
    address: String,
    directory: TempDir,
}

impl Browser {
    /// Starts one; `None`, aloud, where there is none.
    pub fn start() -> Option<Self> {
        let Some(program) = PROGRAMS.iter().find(|program| fs::exists(program).unwrap_or(false)) else {
            println!("SKIPPED: there is no Chromium; run: make programs");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let profile = directory.path().join("profile");
        let mut command = Command::new(program);
        command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        command.env("HOME", directory.path()).env("XDG_CONFIG_HOME", directory.path());
        let log = File::create(directory.path().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let port = profile.join("DevToolsActivePort");
        let said = until_some("Chromium to listen", || {
            fs::read_to_string(&port).ok().filter(|said| said.lines().nth(1).is_some_and(|path| path.len() > 20))
        });
        let (port, path) = said.split_once('\n').unwrap();
        let address = format!("127.0.0.1:{port}");
        Some(Self { child, wire: Wire::to(&address, path.trim()), address, directory })
    }

    /// A new tab, in front.
    pub fn tab(&mut self) -> Tab {
        let made = self.wire.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let path = format!("/devtools/page/{}", made["targetId"].as_str().unwrap());
        Tab::of(Wire::to(&self.address, &path))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(10).collect();
            println!("Chromium's last lines:");
            last.iter().rev().for_each(|line| println!("{line}"));
        }
        // Its other processes end with it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
