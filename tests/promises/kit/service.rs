//! The service as a process: started, watched through its log and its metrics, stopped or killed.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Database, until, until_some};

/// A running `flowsentry run`. Killed when dropped; its log is printed if the test fails.
pub struct Service {
    child: Child,
    directory: TempDir,
}

impl Service {
    /// Starts with these `section.key=value` settings, on a free port for HTTP, with a short idle time-out.
    pub fn start(database: &Database, settings: &[&str]) -> Self {
        Self::start_with(database, settings, &[])
    }

    /// The same, with variables in its environment.
    pub fn start_with(database: &Database, settings: &[&str], variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut command = database.command("run");
        let usual = ["http.listen=127.0.0.1:0", "log.format=json", "log.level=debug", "window.idle_timeout=1s"];
        for setting in usual.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let child = command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, directory }
    }

    /// The log so far, an object a line.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log_file()).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Waits until a line of the log has this message.
    #[track_caller]
    pub fn until_logged(&self, message: &str) -> Value {
        until_some(message, || self.log().into_iter().find(|line| line["message"].as_str() == Some(message)))
    }

    /// Status code and body of a GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.address(), path).unwrap()
    }

    /// Where it serves HTTP.
    #[track_caller]
    pub fn address(&self) -> String {
        let line = self.until_logged("serving metrics and health over HTTP");
        line["address"].as_str().unwrap().to_owned()
    }

    /// The value of a metric, named with its labels as on the page.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let (_, page) = self.get("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name}")).parse().unwrap()
    }

    /// Waits until a metric has this value: counters move after what they count is stored.
    #[track_caller]
    pub fn until_metric(&self, name: &str, value: f64) {
        until(&format!("{name} to be {value}"), || self.metric(name), |now| *now == value);
    }

    /// Waits until it is the owner.
    #[track_caller]
    pub fn until_owner(&self) {
        self.until_logged("this instance owns the source");
    }

    /// Waits until it has been awake and sleeps.
    #[track_caller]
    pub fn until_asleep(&self) {
        let state = || (self.metric("flowsentry_polls_total"), self.metric("flowsentry_awake"));
        until("the service to fall asleep", state, |(polls, awake)| *polls > 0.0 && *awake == 0.0);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit status.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Waits for an end that was not asked for.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, std::fs::read_to_string(self.log_file()).unwrap())
    }

    /// Whether it was told to stop and has noticed: no signal waits for it, and HTTP, which ends at once, is gone.
    pub fn signals_taken(&self) -> bool {
        let line = self.until_logged("serving metrics and health over HTTP");
        TcpStream::connect(line["address"].as_str().unwrap()).is_err()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(std::process::Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    }
}

/// Status code and body of a GET; `None` where nobody answers.
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            println!("the service's last lines:");
            last.iter().rev().for_each(|line| println!("{line}"));
        }
        // It may have ended already.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}
