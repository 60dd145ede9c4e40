//! A real Prometheus, from Debian's package, with the configuration of ours that it reads in the field.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::files::{ROOT, files, text};
use crate::kit::get;

const BINARY: &str = "/usr/bin/prometheus";
const TOOL: &str = "/usr/bin/promtool";

/// A Prometheus that scrapes one service every second. Killed when dropped.
pub struct Prometheus {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// `None` where it is not installed.
    pub fn start(service: &str) -> Option<Self> {
        Self::start_with(service, str::to_owned)
    }

    /// The same, with each file of our rules changed.
    pub fn start_with(service: &str, change: impl Fn(&str) -> String) -> Option<Self> {
        if !Path::new(BINARY).exists() {
            println!("skipped: there is no {BINARY}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yaml");
        let ours = text("deploy/prometheus/prometheus.yaml").replace("15s", "1s").replace("127.0.0.1:9477", service);
        fs::write(&config, ours).unwrap();
        // As in the field, the configuration names its rules from where it stands.
        fs::create_dir(directory.path().join("rules")).unwrap();
        for path in files("deploy/prometheus/rules") {
            fs::write(directory.path().join(path.trim_start_matches("deploy/prometheus/")), change(&text(&path)))
                .unwrap();
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(BINARY)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, address, _directory: directory })
    }

    /// What an expression gives now: the values, or why there are none.
    pub fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let answer = self.ask(&format!("/api/v1/query?query={}", escaped(expression)))?;
        let samples = answer["result"].as_array().ok_or("a scalar")?;
        Ok(samples.iter().map(|sample| sample["value"][1].as_str().unwrap().parse().unwrap()).collect())
    }

    /// The rules that it has loaded, as its API shows them.
    pub fn rules(&self) -> Result<Vec<Value>, String> {
        let answer = self.ask("/api/v1/rules")?;
        let groups = answer["groups"].as_array().ok_or("no groups")?;
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect())
    }

    fn ask(&self, path: &str) -> Result<Value, String> {
        let (_, body) = get(&self.address, path).ok_or("it does not answer")?;
        let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer["error"].to_string()) }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// `promtool` with these arguments and standard input must be content. `false` where it is not installed.
#[track_caller]
pub fn promtool(arguments: &[&str], input: &str) -> bool {
    if !Path::new(TOOL).exists() {
        println!("skipped: there is no {TOOL}");
        return false;
    }
    let mut command = Command::new(TOOL);
    command.args(arguments).current_dir(ROOT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    true
}

/// For a query of a URL.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(
            |octet| if octet.is_ascii_alphanumeric() { char::from(octet).to_string() } else { format!("%{octet:02X}") },
        )
        .collect()
}
