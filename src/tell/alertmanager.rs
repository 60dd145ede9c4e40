//! Prometheus Alertmanager, API v2: an alert of ours is one of its alerts, with the same labels for as long as it lasts.
//!
//! Alertmanager keeps alerts in memory only and forgets those that nobody repeats. So each open alert is sent again every
//! [`REFRESH_INTERVAL`], and each time says that it ends in [`RESOLVED_AFTER`]: longer than the interval, so that one lost
//! message resolves nothing; and no longer, so that what a service that has gone for ever left open ends by itself. What has
//! ended is sent with the time of its end.
//!
//! Alertmanager knows an alert by its labels. Where label, severity or subject of ours has changed, what it was called
//! before is sent along as ended.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use serde::Serialize;
use serde_json::Value;

use super::Message;
use super::client::Client;
use super::error::TellError;

/// How often open alerts are sent again.
pub const REFRESH_INTERVAL: Duration = Duration::from_mins(1);
/// How long after it was sent last an open alert ends by itself.
pub const RESOLVED_AFTER: Duration = Duration::from_mins(4);

/// An Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    client: Client,
    address: Uri,
}

impl Alertmanager {
    pub(super) fn new(client: Client, address: Uri) -> Self {
        Self { client, address }
    }

    /// One attempt at this time of the wall clock.
    pub async fn tell(&self, message: &Message, now: Duration) -> Result<(), TellError> {
        let alert = posted(&message.body, now);
        let before = message.previous.as_ref().map(|body| ended(posted(body, now), now));
        let renamed = before.filter(|before| before.labels != alert.labels);
        self.post(&renamed.into_iter().chain([alert]).collect::<Vec<_>>()).await
    }

    /// Repeats alerts that are open.
    pub async fn refresh(&self, bodies: &[Value], now: Duration) -> Result<(), TellError> {
        self.post(&bodies.iter().map(|body| posted(body, now)).collect::<Vec<_>>()).await
    }

    async fn post(&self, alerts: &[Posted]) -> Result<(), TellError> {
        let body = serde_json::to_vec(alerts).map_err(|error| TellError::Unsayable { reason: error.to_string() })?;
        self.client.post(&self.address, &[], Bytes::from(body)).await
    }
}

/// `postableAlert` of the API.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
}

fn posted(body: &Value, now: Duration) -> Posted {
    let alert = &body["alert"];
    let of = |name: &str| text(&alert[name]);
    let labels = BTreeMap::from([
        ("alertname", "FlowsentryAttack".to_owned()),
        ("alert_id", of("id")),
        ("instance", of("subject")),
        ("label", of("label")),
        ("severity", of("severity")),
        ("source", text(&body["source"])),
        ("subject", of("subject")),
        ("subject_kind", of("subject_kind")),
    ]);
    let sentence = text(&alert["reasons"]["features"][0]["sentence"]);
    let summary = if sentence.is_empty() {
        format!("{} ({} {})", of("label"), of("subject_kind"), of("subject"))
    } else {
        sentence
    };
    let description = format!(
        "{} packets in {} flows, {} peers, {} ports, since {}",
        of("packets"),
        of("flows"),
        of("peers"),
        of("ports"),
        of("first_seen")
    );
    let annotations = BTreeMap::from([("summary", summary), ("description", description)]);
    let starts_at = of("first_seen");
    let ends_at = if alert["state"] == "open" { instant(now + RESOLVED_AFTER) } else { of("ended_at") };
    // All are of one format, in which the later one is the greater. What ends before it starts would be refused.
    let ends_at = ends_at.max(starts_at.clone());
    Posted { labels, annotations, starts_at, ends_at }
}

fn ended(mut alert: Posted, now: Duration) -> Posted {
    alert.ends_at = instant(now).max(alert.starts_at.clone());
    alert
}

/// As the messages have times.
fn instant(since_epoch: Duration) -> String {
    humantime::format_rfc3339_micros(std::time::UNIX_EPOCH + since_epoch).to_string()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Duration = Duration::from_mins(28_333_335);

    fn body(state: &str, ended_at: Option<&str>) -> Value {
        json!({"source": "default", "alert": {
            "id": 7, "label": "Port Scan", "severity": "high", "subject": "10.0.0.9", "subject_kind": "attacker",
            "state": state, "first_seen": "2023-11-14T22:13:20.000000Z", "ended_at": ended_at, "packets": 5,
            "flows": 4, "peers": 3, "ports": 2, "reasons": {"features": [{"sentence": "412 ports"}]},
        }})
    }

    #[test]
    fn an_open_alert_ends_later_than_it_is_repeated_and_a_closed_one_when_it_ended() {
        let check = |body: &Value, expected: &str| assert_eq!(posted(body, NOW).ends_at, expected);
        check(&body("open", None), "2023-11-14T22:19:00.000000Z");
        check(&body("closed", Some("2023-11-14T22:14:00.000000Z")), "2023-11-14T22:14:00.000000Z");
        check(&body("withdrawn", Some("2023-11-14T22:13:00.000000Z")), "2023-11-14T22:13:20.000000Z");
        assert!(RESOLVED_AFTER > REFRESH_INTERVAL * 2);
    }

    #[test]
    fn an_alert_has_its_labels_and_its_first_reason() {
        let alert = posted(&body("open", None), NOW);
        let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            labels.join(" "),
            "alert_id=7 alertname=FlowsentryAttack instance=10.0.0.9 label=Port Scan severity=high source=default \
             subject=10.0.0.9 subject_kind=attacker"
        );
        assert_eq!(alert.annotations["summary"], "412 ports");
        let unexplained = json!({"alert": {"label": "Port Scan", "subject": "10.0.0.9", "subject_kind": "attacker"}});
        assert_eq!(posted(&unexplained, NOW).annotations["summary"], "Port Scan (attacker 10.0.0.9)");
    }
}
