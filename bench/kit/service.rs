//! The release binary as a process of its own, as in production.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flowsentry::telemetry::clock;

/// For it to own its source, and to end once told to.
const LIMIT: Duration = Duration::from_secs(30);
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/flowsentry.safetensors");

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts it without waiting for anything. Each setting is `section.name=value`.
    pub fn start(url: &str, settings: &[&str]) -> Self {
        let log = std::env::temp_dir().join(format!("flowsentry-bench-{}.log", std::process::id()));
        let mut command = flowsentry(url, "run");
        let ours = ["http.listen=127.0.0.1:0", "log.format=json"];
        command.args(ours.iter().chain(settings).flat_map(|setting| ["--set", setting]));
        command.args(["--set", &format!("model.path={MODEL}")]);
        let child = command.stderr(File::create(&log).unwrap()).spawn().expect("flowsentry run");
        Self { child, log }
    }

    /// Waits until it owns its source.
    pub fn until_ready(&mut self) {
        let deadline = clock::now() + LIMIT;
        while !self.address().is_some_and(|address| get(&address, "/readyz").starts_with("HTTP/1.1 200")) {
            self.check();
            assert!(clock::now() < deadline, "not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Fails if it has ended.
    pub fn check(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the service ended: {ended:?}: {}", self.log());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Where it can be asked, once it can be.
    pub fn address(&self) -> Option<String> {
        Some(self.log().split("\"address\":\"").nth(1)?.split('"').next()?.to_owned())
    }

    /// Waits until the page of metrics is there.
    pub fn metrics(&self) -> Metrics {
        Metrics(get(&self.address().expect("the address in the log"), "/metrics"))
    }

    /// User and system time so far, in seconds (`/proc/PID/stat`, fields 14 and 15, in ticks of 10 ms).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
    }

    /// Memory now and at its most, in MiB.
    pub fn memory_mib(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name| {
            let line = status.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
        };
        (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0)
    }

    /// Tells it to stop (SIGTERM) and waits until it has.
    pub fn stop(mut self) {
        let kill =
            Command::new("/bin/sh").args(["-c", "kill -TERM \"$1\"", "sh", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let deadline = clock::now() + LIMIT;
        while self.child.try_wait().unwrap().is_none() {
            assert!(clock::now() < deadline, "it did not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

/// A page of metrics.
pub struct Metrics(String);

impl Metrics {
    /// The sum of a metric over its labels; 0 of one that is not there.
    pub fn sum(&self, name: &str) -> f64 {
        let of_line = |line: &str| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{']).then(|| rest.rsplit_once(' ')?.1.parse::<f64>().ok())?
        };
        self.0.lines().filter_map(of_line).sum()
    }

    /// The same of a counter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it counts
    pub fn count(&self, name: &str) -> u64 {
        self.sum(name) as u64
    }

    /// A metric's values by label.
    pub fn by_label(&self, name: &str) -> Vec<(String, f64)> {
        let of_line = |line: &str| {
            let (label, value) = line.strip_prefix(name)?.strip_prefix('{')?.split_once("\"} ")?;
            Some((label.split_once('"')?.1.to_owned(), value.parse().ok()?))
        };
        self.0.lines().filter_map(of_line).collect()
    }
}

fn get(address: &str, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let mut page = String::new();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    match stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut page)) {
        Ok(_) => page,
        Err(_) => String::new(), // it is not there yet, or no more: whoever asks sees that nothing came
    }
}

/// A command of the release binary beside this example.
pub fn flowsentry(url: &str, command: &str) -> Command {
    let here = std::env::current_exe().unwrap();
    let binary = here.parent().and_then(|examples| examples.parent()).unwrap().join("flowsentry");
    let mut process = Command::new(binary);
    process.arg(command).env("DATABASE_URL", url).stdout(Stdio::null());
    process
}
