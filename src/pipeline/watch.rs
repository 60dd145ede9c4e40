//! Looks whether the service gets on, and tells those who can restart it: systemd's watchdog is fed only while no part is
//! stuck, and health and a metric say the same.
//!
//! It runs on the main thread beside the attempts, so that a main thread that is blocked feeds nobody either.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::timeout;

use crate::telemetry::clock;
use crate::telemetry::metrics::STUCK;
use crate::telemetry::progress::{Part, Progress};
use crate::telemetry::service_manager::ServiceManager;
use crate::telemetry::status::{Role, Snapshot, Status};

/// How often it looks at least.
const INTERVAL: Duration = Duration::from_secs(1);
/// Looks between two meals of the watchdog at least: half the time would do, if nothing were ever late.
const LOOKS_A_MEAL: u32 = 3;

/// Watches until dropped.
pub(super) async fn watch(manager: ServiceManager, status: Status, progress: Progress) {
    let interval = manager.watchdog().map_or(INTERVAL, |span| (span / LOOKS_A_MEAL).min(INTERVAL));
    let mut changes = status.subscribe();
    let mut told = Told::default();
    loop {
        let stuck = progress.stuck(clock::uptime());
        for part in Part::ALL {
            let is_stuck = stuck.is_some_and(|stuck| stuck.part == part);
            STUCK.set_with("stage", part.name(), f64::from(u8::from(is_stuck)));
        }
        let was_stuck = status.snapshot().stuck.is_some();
        if stuck.is_some() || was_stuck {
            status.update(|now| now.stuck = stuck.as_ref().map(ToString::to_string));
        }
        match stuck {
            Some(stuck) if !was_stuck => tracing::error!(
                part = stuck.part.name(),
                "the service is stuck; a service manager that watches it restarts it: please report this"
            ),
            None if was_stuck => tracing::warn!("the service gets on again"),
            _ => {}
        }
        if manager.is_there() {
            manager.tell(&told.message(&status.snapshot(), manager.watchdog().is_some()));
        }
        // A change of role is told at once, everything else when it is time.
        let role = status.snapshot().role;
        let another = changes.wait_for(|now| now.role != role);
        if let Ok(Err(_)) = timeout(interval, another).await {
            return;
        }
    }
}

/// What the service manager knows.
#[derive(Default)]
struct Told {
    ready: bool,
    stopping: bool,
    line: String,
}

impl Told {
    /// The lines to send now.
    fn message(&mut self, now: &Snapshot, has_watchdog: bool) -> String {
        let mut lines = String::new();
        if !self.ready && matches!(now.role, Role::Owner | Role::Standby) {
            self.ready = true;
            lines.push_str("READY=1\n");
        }
        if !self.stopping && now.role == Role::Stopping {
            self.stopping = true;
            lines.push_str("STOPPING=1\n");
        }
        let line = now.line();
        if line != self.line {
            let _ = writeln!(lines, "STATUS={line}"); // a String takes everything
            self.line = line;
        }
        if has_watchdog && now.stuck.is_none() {
            lines.push_str("WATCHDOG=1\n");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once_and_the_watchdog_is_fed_while_nothing_is_stuck() {
        let mut told = Told::default();
        let mut now = Snapshot::default();
        let mut check = |now: &Snapshot, expected: &str| assert_eq!(told.message(now, true), expected);
        check(&now, "STATUS=starting; no attempt has reached the source yet\nWATCHDOG=1\n");
        check(&now, "WATCHDOG=1\n");
        now.role = Role::Owner;
        now.database = None;
        now.lag_rows = Some(7);
        check(&now, "READY=1\nSTATUS=owner of the source, position 0, 7 rows behind\nWATCHDOG=1\n");
        now.stuck = Some("store should have\nreported 1m ago".to_owned());
        check(&now, "STATUS=owner of the source, position 0, 7 rows behind; store should have reported 1m ago\n");
        check(&now, "");
        now.stuck = None;
        now.role = Role::Starting;
        now.last_error = Some("gone".to_owned());
        check(&now, "STATUS=starting; no attempt has reached the source yet\nWATCHDOG=1\n");
        now.role = Role::Stopping;
        check(&now, "STOPPING=1\nSTATUS=stopping: finishing what is in flight\nWATCHDOG=1\n");
        assert_eq!(Told::default().message(&now, false), "STOPPING=1\nSTATUS=stopping: finishing what is in flight\n");
    }

    #[tokio::test]
    async fn a_part_that_is_stuck_is_told_and_feeds_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
        let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "30000")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let manager = ServiceManager::of(&variables.into_iter().collect());
        let (status, progress) = (Status::new(), Progress::new(Duration::from_millis(200)));
        let report = progress.report(Part::Classify);
        let watch = tokio::spawn(watch(manager, status.clone(), progress));

        let mut octets = [0; 512];
        let mut hears = async |what: &str| {
            let heard = async {
                loop {
                    let count = socket.recv(&mut octets).await.unwrap();
                    let text = String::from_utf8_lossy(&octets[..count]);
                    if text.contains(what) {
                        return;
                    }
                }
            };
            timeout(Duration::from_secs(10), heard).await.is_ok()
        };
        assert!(hears("WATCHDOG=1").await);
        report.busy();
        status.subscribe().wait_for(|now| now.stuck.is_some()).await.unwrap();
        // What was sent before may still be there; then nothing comes.
        let silence =
            async { while let Ok(Ok(_)) = timeout(Duration::from_millis(300), socket.recv(&mut [0; 512])).await {} };
        timeout(Duration::from_secs(10), silence).await.expect("it is not fed");
        report.waiting();
        assert!(hears("WATCHDOG=1").await, "it gets on again");
        watch.abort();
    }
}
