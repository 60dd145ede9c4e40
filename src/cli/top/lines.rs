//! For a terminal that cannot move its cursor: a line for whatever changes.

use std::collections::BTreeMap;

use tokio::time::{MissedTickBehavior, interval};

use super::live::PAUSE;
use crate::cli::ask::Asker;
use crate::cli::print;
use crate::exit::Failure;
use crate::terminal::{Overview, alert_line, alert_name, safe, state_line};

/// Every so many looks the state is said although nothing has changed.
const STATE_EVERY: u32 = 10;
/// Columns of what is wrong.
const TROUBLE_MAX: usize = 300;
/// Columns of a time.
const TIME_MAX: usize = 30;

/// Says what changes, until a signal ends the process.
pub(super) async fn watch(asker: &Asker) -> Result<(), Failure> {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = Said::default();
    loop {
        ticks.tick().await;
        let answer = asker.overview().await.map_err(|error| error.brief());
        let lines = said.changes(&asker.address(), answer);
        if !lines.is_empty() {
            print(&lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>())?;
        }
    }
}

/// What has been said so far.
#[derive(Default)]
struct Said {
    looks: u32,
    is_ready: Option<bool>,
    /// Open alerts that were told of, and how they are called.
    alerts: BTreeMap<i64, String>,
    trouble: Option<String>,
    /// The time of the last answer.
    heard: Option<String>,
}

impl Said {
    fn changes(&mut self, address: &str, answer: Result<Overview, String>) -> Vec<String> {
        let overview = match answer {
            Ok(overview) => overview,
            Err(why) => return self.trouble(address, why),
        };
        let mut lines = Vec::new();
        let is_back = self.trouble.take().is_some();
        if is_back || self.is_ready != Some(overview.state.ready) || self.looks.is_multiple_of(STATE_EVERY) {
            lines.push(state_line(&overview));
        }
        self.looks = self.looks.wrapping_add(1);
        self.is_ready = Some(overview.state.ready);
        self.heard = Some(overview.state.now.clone());
        let open = |id: &i64| overview.alerts.first.iter().any(|alert| alert.id == *id);
        let told = i64::try_from(overview.alerts.first.len()).unwrap_or(i64::MAX);
        let all = overview.alerts.open.values().fold(0_i64, |all, count| all.saturating_add(*count));
        // Where more are open than are told, one that is not told may still be open.
        if overview.alerts.problem.is_none() && all <= told {
            let gone = self.alerts.extract_if(.., |id, _| !open(id));
            lines.extend(gone.map(|(_, name)| format!("  not open any more: {name}")));
        } else {
            // Bounded by what one answer tells, and said again should it come back.
            self.alerts.retain(|id, _| open(id));
        }
        for alert in &overview.alerts.first {
            if self.alerts.insert(alert.id, alert_name(alert)).is_none() {
                lines.push(format!("  {}", alert_line(alert)));
            }
        }
        lines
    }

    fn trouble(&mut self, address: &str, why: String) -> Vec<String> {
        let mut lines = Vec::new();
        if self.trouble.as_ref() != Some(&why) {
            let heard = self.heard.as_ref().map(|time| format!(", last heard at {}", safe(time, TIME_MAX)));
            let heard = heard.unwrap_or_default();
            lines.push(format!("STALE: no answer from {address}{heard}: {}", safe(&why, TROUBLE_MAX)));
        }
        self.trouble = Some(why);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Alert;

    fn overview(ids: &[i64], open: i64) -> Overview {
        let mut overview = Overview::default();
        overview.state.ready = true;
        overview.state.now = "2026-03-02T08:00:05.123456Z".to_owned();
        overview.alerts.open.insert("high".to_owned(), open);
        let label = "\u{1b}[2J".to_owned();
        overview.alerts.first = ids.iter().map(|&id| Alert { id, label: label.clone(), ..Alert::default() }).collect();
        overview
    }

    #[test]
    fn only_what_changes_is_said() {
        let mut said = Said::default();
        let mut check = |answer: Result<Overview, String>, expected: &[&str]| {
            let lines = said.changes("http://x", answer);
            let is_as_expected =
                lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, part)| line.contains(part));
            assert!(is_as_expected, "{lines:#?} should be {expected:#?}");
            assert!(lines.iter().all(|line| !line.contains(char::is_control)));
        };
        check(Err("refused".to_owned()), &["STALE: no answer from http://x: refused"]);
        check(Ok(overview(&[1], 1)), &["08:00:05  ready", "alert 1  ␛[2J"]);
        check(Ok(overview(&[1], 1)), &[]);
        check(Ok(overview(&[1, 2], 2)), &["alert 2"]);
        check(Err("refused".to_owned()), &["http://x, last heard at 2026-03-02T08:00:05.123456Z: refused"]);
        check(Err("refused".to_owned()), &[]);
        check(Ok(overview(&[1, 2], 2)), &["ready"]);
        check(Ok(overview(&[2], 1)), &["not open any more: alert 1"]);
        check(Ok(overview(&[3], 2)), &["alert 3"]);
        check(Ok(overview(&[2, 3], 2)), &["alert 2"]);
    }
}
