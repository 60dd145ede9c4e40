//! What the service answers, as far as it is shown.
//!
//! Fields that are not there have nothing in them, and others are not looked at: a service that is older or newer than this
//! program can still be watched.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The answer to `/api/overview`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct Overview {
    /// How the pipeline stands. Without it the answer is not one of flowsentry.
    pub state: State,
    /// The last half hour.
    #[serde(default)]
    pub past: Past,
    /// What needs a look.
    #[serde(default)]
    pub alerts: Alerts,
}

/// How the pipeline stands.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct State {
    /// When this was, RFC 3339.
    pub now: String,
    /// How long the process runs.
    pub uptime_seconds: f64,
    /// Whether it does what it is there for.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// `starting`, `standby`, `owner` or `stopping`.
    pub role: String,
    /// Ids above what was read.
    pub lag_rows: Option<i64>,
    /// Version of the model that labels flows.
    pub model_version: Option<String>,
    /// Why no model labels flows.
    pub model_problem: Option<String>,
    /// Metrics by their names.
    pub figures: BTreeMap<String, Option<f64>>,
}

/// The last half hour.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Past {
    /// Packets read in the last seconds, per second.
    pub packets_per_second: Option<f64>,
    /// Seconds of a point.
    pub step_seconds: u64,
    /// Packets read per second, a value a point.
    pub packets: Vec<Option<f64>>,
    /// The greatest lag in a point, seconds.
    pub lag_seconds: Vec<Option<f64>>,
    /// Seconds of a column of verdicts.
    pub column_seconds: u64,
    /// Flows stored, by label, a value a column.
    pub verdicts: BTreeMap<String, Vec<u64>>,
}

/// The alerts that are open.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// How many there are, by severity.
    pub open: BTreeMap<String, i64>,
    /// How many of them nobody has acknowledged.
    pub unacknowledged: i64,
    /// Those to look at first.
    pub first: Vec<Alert>,
    /// Why there are none here.
    pub problem: Option<String>,
}

/// An attack.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // as the service documents them
pub struct Alert {
    pub id: i64,
    pub subject: String,
    pub subject_kind: String,
    pub label: String,
    pub severity: String,
    pub state: String,
    pub confidence: f64,
    pub first_seen: String,
    pub last_seen: String,
    pub ended_at: Option<String>,
    pub packets: i64,
    pub bytes: i64,
    pub flows: i64,
    pub windows: i64,
    pub peers: i64,
    pub peer_sample: Vec<String>,
    pub ports: i64,
    pub port_sample: Vec<i64>,
    pub protocols: Vec<String>,
    /// What moved the model; none if they are written in a way that is not known here.
    #[serde(deserialize_with = "known")]
    pub reasons: Option<Reasons>,
    pub model_version: Option<String>,
    pub acknowledged_by: Option<String>,
    pub note: Option<String>,
}

impl Alert {
    /// What moved the model most, in words.
    pub fn reason(&self) -> Option<&str> {
        let reasons = self.reasons.as_ref()?;
        reasons.features.iter().map(|reason| reason.sentence.as_str()).find(|sentence| !sentence.is_empty())
    }
}

/// What moved the model.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reasons {
    /// The features that speak most for the verdict, the greatest first.
    pub features: Vec<Reason>,
    /// The least change that would make it Normal.
    pub way_back: Option<Reason>,
}

/// A reason in words.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reason {
    /// For people.
    pub sentence: String,
    /// Its share of the difference.
    pub contribution: f64,
}

/// The answer to `/api/alerts/{id}`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Evidence {
    /// The alert as it is now.
    pub alert: Alert,
    /// What closed windows showed of it, the latest first.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Stored flows of its subject in its time, the latest first.
    #[serde(default)]
    pub stored_flows: Vec<Flow>,
    /// Why there are no flows here.
    #[serde(default)]
    pub stored_flows_problem: Option<String>,
}

/// What a closed window showed of an alert.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, clippy::struct_field_names)] // as the service documents them
pub struct Window {
    pub window_start: String,
    pub packets: i64,
    pub flows: i64,
    pub peers: i64,
    pub ports: i64,
    pub confidence: f64,
}

/// A stored flow; what its table has no column for is not there.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // as the service documents them
pub struct Flow {
    pub window_start: String,
    pub src_ip: Option<String>,
    pub dest_ip: Option<String>,
    pub protocol: Option<String>,
    pub packet_count: Option<i64>,
    pub destination_ports: Option<i64>,
    pub predicted_label: Option<String>,
}

fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_are_understood_and_others_than_flowsentry_are_not() {
        let read = |text: &str| serde_json::from_str::<Overview>(text);
        let overview = read(
            r#"{"state": {"role": "owner", "new": [1]}, "more": {}, "alerts": {"first": [
                {"id": 7, "label": "x", "reasons": "in another way"},
                {"reasons": {"features": [{"sentence": "many ports", "value": 1}], "base": 2}}, {"reasons": null}]}}"#,
        )
        .unwrap();
        assert_eq!((overview.state.role.as_str(), overview.state.lag_rows), ("owner", None));
        let reasons: Vec<Option<&str>> = overview.alerts.first.iter().map(Alert::reason).collect();
        assert_eq!(reasons, [None, Some("many ports"), None]);
        assert_eq!(overview.past, Past::default());
        assert!(read("{}").is_err() && read("[]").is_err() && read("<html>").is_err());
    }
}
