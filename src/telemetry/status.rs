//! What the process is doing right now: written by the stages, read by health checks and tests.

use serde::Serialize;
use tokio::sync::watch;

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
    /// What labels flows.
    pub model: ModelState,
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
        let last = self.last_error.as_ref().filter(|_| role.is_some());
        let last = last.map(|error| format!("the last attempt failed: {error}"));
        role.into_iter().chain(database).chain(last).collect()
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
    fn a_snapshot_is_json() {
        let json = serde_json::to_value(Snapshot::default()).unwrap();
        assert_eq!(json["role"], "starting");
        assert_eq!(json["model"]["state"], "unknown");
        assert_eq!(json["last_error"], serde_json::Value::Null);
    }
}
