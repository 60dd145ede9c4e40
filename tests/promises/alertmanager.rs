//! A real Prometheus Alertmanager shows an alert while it lasts, and resolves it when it has ended.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::kit::{Database, Service, Tables, get, until};

const BINARY: &str = "/usr/bin/prometheus-alertmanager";

struct Alertmanager {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Alertmanager {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        if !Path::new(BINARY).exists() {
            println!("skipped: there is no {BINARY}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yml");
        fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n").unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(BINARY)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, address, _directory: directory })
    }

    /// The alerts that are active: name, subject, label and severity.
    fn active(&self) -> Vec<String> {
        let Some((200, body)) = get(&self.address, "/api/v2/alerts?active=true") else { return Vec::new() };
        let alerts: Vec<Value> = serde_json::from_str(&body).unwrap();
        let mut shown: Vec<String> = alerts
            .iter()
            .map(|alert| {
                let label = |name: &str| alert["labels"][name].as_str().unwrap_or("").to_owned();
                format!("{} {} {} {}", label("alertname"), label("subject"), label("label"), label("severity"))
            })
            .collect();
        shown.sort();
        shown
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn an_alert_appears_changes_and_resolves() {
    let Some(alertmanager) = Alertmanager::start() else { return };
    let database = Database::new(Tables::Ours);
    let url = format!("tell.alertmanager_url=http://{}/", alertmanager.address);
    let service = Service::start(&database, &[&url]);
    service.until_owner();
    super::tell::write(&database, "alertmanager", "10.0.0.1", &["opened"]);
    let check = |expected: &[&str]| {
        until("the alerts", || alertmanager.active(), |active| active == expected);
    };
    check(&["FlowsentryAttack 10.0.0.1 Port Scan high"]);
    database.execute("UPDATE flowsentry.alerts SET severity = 'critical'");
    super::tell::write(&database, "alertmanager", "10.0.0.1", &["changed"]);
    check(&["FlowsentryAttack 10.0.0.1 Port Scan critical"]);
    super::tell::write(&database, "alertmanager", "10.0.0.1", &["closed"]);
    check(&[]);
    // One that was open before anybody was told is repeated by a service that starts.
    super::tell::write(&database, "nobody", "10.0.0.2", &["opened"]);
    assert!(service.stop().success());
    let _again = Service::start(&database, &[&url]);
    check(&["FlowsentryAttack 10.0.0.2 Port Scan high"]);
}
