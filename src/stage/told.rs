//! What metrics and receivers learn of alerts, once they are committed.

use std::collections::HashMap;
use std::time::Instant;

use super::deliver::Bell;
use crate::alert::{Alert, Changes, Event, Severity, State};
use crate::postgres::alerts::StoredAlerts;
use crate::telemetry::metrics::{
    ALERT_EVENTS, ALERTS_BY_LABEL, ALERTS_BY_SEVERITY, ALERTS_OPEN, ALERTS_UNOPENED, ALERTS_WITHDRAWN, DETECTION_DELAY,
    VERDICTS_SILENCED,
};

/// Counts what was committed, and rings for those who tell others.
#[derive(Debug)]
pub struct Told {
    bell: Bell,
    /// How urgent each open alert is, by its id: as many as the book has.
    open: HashMap<i64, Severity>,
}

impl Told {
    /// With the alerts that were open.
    pub fn new(bell: Bell, open: &[Alert]) -> Self {
        let open = open.iter().filter_map(|alert| Some((alert.id?, alert.severity))).collect();
        let told = Self { bell, open };
        told.show();
        told
    }

    /// Changes were committed, to which work led that was begun then.
    pub fn committed(&mut self, changes: &Changes, stored: &StoredAlerts, began: Instant) {
        if stored.messages > 0 {
            self.bell.ring();
        }
        VERDICTS_SILENCED.add(changes.silenced.values().sum());
        ALERTS_WITHDRAWN.add(changes.withdrawn);
        ALERTS_UNOPENED.add(changes.unopened);
        if changes.alerts.is_empty() {
            return;
        }
        for (change, id) in changes.alerts.iter().zip(&stored.ids) {
            let alert = &change.alert;
            match alert.state {
                State::Open => drop(self.open.insert(*id, alert.severity)),
                State::Closed | State::Withdrawn => drop(self.open.remove(id)),
            }
            let Some(event) = change.event else { continue };
            ALERT_EVENTS.add_with("event", event.name(), 1);
            if event == Event::Opened {
                ALERTS_BY_LABEL.add_with("label", &alert.label, 1);
                ALERTS_BY_SEVERITY.add_with("severity", alert.severity.name(), 1);
                if let Some(at) = stored.at {
                    DETECTION_DELAY.record_with("clock", "event", at.since(alert.first_seen));
                }
                DETECTION_DELAY.record_with("clock", "processing", began.elapsed());
            }
        }
        self.show();
    }

    fn show(&self) {
        for severity in Severity::ALL {
            let alerts = self.open.values().filter(|open| **open == severity).count();
            ALERTS_OPEN.set_with("severity", severity.name(), alerts as f64);
        }
    }
}

impl Drop for Told {
    /// Who does not own the source any more has no alerts.
    fn drop(&mut self) {
        self.open.clear();
        self.show();
    }
}
