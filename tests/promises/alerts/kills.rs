//! The service is killed at each step of the transaction that stores an alert: of one on its own, from an open window, and of
//! one that stores a window's flows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::kit::{Direction, Proxy, Trap};
use super::Site;

/// Where the transaction is when the service dies.
#[derive(Clone, Copy, Debug)]
enum Step {
    BeforeBegin,
    BeforeTheAlert,
    BeforeCommit,
    /// The server has committed, and its answer does not arrive.
    CommitUnanswered,
}

impl Step {
    /// Holds the message that leads on from this step, of a transaction that touches alerts.
    fn trap(self, proxy: &Proxy) -> Trap {
        let touched = Arc::new(AtomicBool::new(false));
        proxy.hold(move |passing| {
            let text = passing.message.text();
            if passing.role != "store" || passing.direction != Direction::Up {
                return false;
            }
            let is_of_alerts = text.contains("flowsentry.alerts");
            touched.fetch_or(is_of_alerts, Ordering::Relaxed);
            match self {
                Self::BeforeBegin => text.starts_with("START TRANSACTION"),
                Self::BeforeTheAlert => is_of_alerts,
                Self::BeforeCommit | Self::CommitUnanswered => touched.load(Ordering::Relaxed) && text == "COMMIT",
            }
        })
    }
}

fn killed_at(step: Step, is_of_an_open_window: bool) {
    let site = Site::new();
    let proxy = Proxy::to(&site.database.url);
    let service = site.start(&[&*proxy.setting()]);
    service.until_owner();
    if !is_of_an_open_window {
        site.attack(1);
        site.until_alerts("an alert", &["10.0.0.66 attacker DDoS open 0 40"]);
    }
    let trap = step.trap(&proxy);
    if is_of_an_open_window {
        site.attack(1);
    } else {
        site.time_goes_on(36);
    }
    let held = trap.held();
    if matches!(step, Step::CommitUnanswered) {
        // Sent, and the service does not live to hear the answer.
        let answered = proxy.hold(|passing| passing.role == "store" && passing.direction == Direction::Down);
        held.forward();
        let answer = answered.held();
        service.kill();
        answer.cut();
    } else {
        service.kill();
        held.cut();
    }
    let service = site.start(&[]);
    service.until_owner();
    if is_of_an_open_window {
        site.until_alerts("the alert after a restart", &["10.0.0.66 attacker DDoS open 0 40"]);
        site.time_goes_on(36);
    }
    site.until_alerts("the window to confirm it", &["10.0.0.66 attacker DDoS open 1 40"]);
    site.time_goes_on(160);
    site.assert_told_once(1);
    assert!(service.stop().success());
}

#[test]
fn before_an_open_windows_alert_is_begun() {
    killed_at(Step::BeforeBegin, true);
}

#[test]
fn before_an_open_windows_alert_is_written() {
    killed_at(Step::BeforeTheAlert, true);
}

#[test]
fn before_an_open_windows_alert_is_committed() {
    killed_at(Step::BeforeCommit, true);
}

#[test]
fn an_open_windows_alert_is_committed_and_the_answer_lost() {
    killed_at(Step::CommitUnanswered, true);
}

#[test]
fn before_a_closed_window_is_begun() {
    killed_at(Step::BeforeBegin, false);
}

#[test]
fn before_a_closed_windows_alert_is_written() {
    killed_at(Step::BeforeTheAlert, false);
}

#[test]
fn before_a_closed_windows_alert_is_committed() {
    killed_at(Step::BeforeCommit, false);
}

#[test]
fn a_closed_windows_alert_is_committed_and_the_answer_lost() {
    killed_at(Step::CommitUnanswered, false);
}
