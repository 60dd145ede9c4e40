//! What the process is doing right now: written by the stages, read by health checks and tests.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::clock;

/// A longer line is cut.
const LINE_CHARS_MAX: usize = 200;

/// The one place that knows how things stand. Clones share it; nobody waits for anybody.
#[derive(Clone, Debug)]
pub struct Status(watch::Sender<Snapshot>);

impl Status {
    /// Of a process that has done nothing yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(Snapshot::default()))
    }

    /// Changes what has changed, and wakes who waits for changes.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        self.0.send_modify(change);
    }

    /// An attempt begins: nothing is served yet.
    pub fn begins(&self) {
        self.update(|now| {
            now.attempts += 1;
            now.serving_since = None;
        });
    }

    /// This instance does what it is there for: it is the owner, or a standby.
    pub fn serves(&self, role: Role) {
        self.update(|now| {
            now.role = role;
            now.database = None;
            now.serving_since.get_or_insert_with(clock::uptime);
            if role == Role::Standby {
                now.sink = None; // the owner's to tell
            }
        });
    }

    /// How things stand.
    pub fn snapshot(&self) -> Snapshot {
        self.0.borrow().clone()
    }

    /// To wait for a state.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::new()
    }
}

/// A moment of the process's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Snapshot {
    /// What this instance is to its source.
    pub role: Role,
    /// Why the database cannot be used; nothing while it can.
    pub database: Option<String>,
    /// Why flows cannot be stored; nothing while they can.
    pub sink: Option<String>,
    /// Which part of the process does not get on; nothing while all do.
    pub stuck: Option<String>,
    /// Highest id of a packet whose flow is stored or open, as of the last checkpoint.
    pub position: i64,
    /// Ids above what was read, as of the last look; nothing where the sequence may not be read.
    pub lag_rows: Option<u64>,
    /// What labels flows.
    pub model: ModelState,
    /// Process uptime since which this attempt has been of use.
    #[serde(skip)]
    pub serving_since: Option<Duration>,
    /// Attempts since the process started, the current one included.
    pub attempts: u64,
    /// Why the last attempt ended, if one did.
    pub last_error: Option<String>,
    /// Whether the source is being read or polled; asleep, inserts notify us.
    pub awake: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            role: Role::Starting,
            database: Some("not connected yet".to_owned()),
            sink: None,
            stuck: None,
            position: 0,
            lag_rows: None,
            serving_since: None,
            model: ModelState::Unknown { reason: "not looked for yet".to_owned() },
            attempts: 0,
            last_error: None,
            awake: false,
        }
    }
}

/// What an instance is to its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Connecting, or between two attempts.
    Starting,
    /// Another instance owns the source; this one takes over when that one ends.
    Standby,
    /// Reads the source and stores its flows.
    Owner,
    /// Told to stop; work in progress is being finished.
    Stopping,
}

/// What labels flows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ModelState {
    /// Nothing: every flow is stored as `unknown`.
    Unknown {
        /// Why there is no model.
        reason: String,
    },
    /// A model.
    Loaded {
        /// Its version.
        version: String,
    },
}

impl Snapshot {
    /// In a line, for a service manager's list.
    pub fn line(&self) -> String {
        let what = match self.role {
            Role::Owner => {
                let lag = self.lag_rows.map_or(String::new(), |rows| format!(", {rows} rows behind"));
                format!("owner of the source, position {}{lag}", self.position)
            }
            Role::Standby => "standing by: another instance owns the source".to_owned(),
            Role::Starting => "starting".to_owned(),
            Role::Stopping => "stopping: finishing what is in flight".to_owned(),
        };
        let reason = self.reasons().into_iter().next().filter(|_| self.role != Role::Stopping);
        let text = reason.map_or(what.clone(), |reason| format!("{what}; {reason}"));
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_CHARS_MAX).collect()
    }

    /// Whether this instance does what it is there for: it owns its source, or stands by.
    pub fn is_ready(&self) -> bool {
        self.reasons().is_empty()
    }

    /// Why it is not ready; empty if it is. A missing model is no reason: flows are stored all the same.
    pub fn reasons(&self) -> Vec<String> {
        let role = match self.role {
            Role::Owner | Role::Standby => None,
            Role::Starting => Some("no attempt has reached the source yet".to_owned()),
            Role::Stopping => Some("the process was told to stop".to_owned()),
        };
        let database = self.database.as_ref().map(|error| format!("the database cannot be used: {error}"));
        let sink = self.sink.as_ref().map(|error| format!("flows cannot be stored: {error}"));
        let stuck = self.stuck.clone();
        let last = self.last_error.as_ref().filter(|_| role.is_some());
        let last = last.map(|error| format!("the last attempt failed: {error}"));
        role.into_iter().chain(database).chain(sink).chain(stuck).chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_and_standby_are_ready_while_the_database_is_there() {
        let check = |role: Role, database: Option<&str>, ready: bool| {
            let status = Status::new();
            status.clone().update(|now| {
                now.role = role;
                now.database = database.map(str::to_owned);
            });
            assert_eq!(status.snapshot().is_ready(), ready, "{role:?} {database:?}");
        };
        check(Role::Owner, None, true);
        check(Role::Standby, None, true);
        check(Role::Starting, None, false);
        check(Role::Stopping, None, false);
        check(Role::Owner, Some("connection refused"), false);
        check(Role::Standby, Some("connection refused"), false);
    }

    #[test]
    fn a_sink_that_refuses_or_a_part_that_is_stuck_is_no_service() {
        let status = Status::new();
        status.serves(Role::Owner);
        assert!(status.snapshot().is_ready());
        status.update(|now| now.sink = Some("disk full".to_owned()));
        assert_eq!(status.snapshot().reasons(), ["flows cannot be stored: disk full"]);
        status.serves(Role::Standby);
        assert!(status.snapshot().is_ready(), "a standby stores nothing");
        status.update(|now| now.stuck = Some("store should have reported".to_owned()));
        assert!(!status.snapshot().is_ready());
    }

    #[test]
    fn each_attempt_has_to_be_of_use_anew() {
        let status = Status::new();
        status.begins();
        assert_eq!(status.snapshot().serving_since, None);
        status.serves(Role::Standby);
        let since = status.snapshot().serving_since;
        assert!(since.is_some());
        status.serves(Role::Owner);
        assert_eq!(status.snapshot().serving_since, since);
        status.begins();
        assert_eq!((status.snapshot().serving_since, status.snapshot().attempts), (None, 2));
    }

    #[test]
    fn a_snapshot_is_json() {
        let json = serde_json::to_value(Snapshot::default()).unwrap();
        assert_eq!(json["role"], "starting");
        assert_eq!(json["model"]["state"], "unknown");
        assert_eq!(json["last_error"], serde_json::Value::Null);
    }
}
