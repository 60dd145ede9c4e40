//! `flowsentry demo` through the real binary: what it shows is right, and nothing of it is left, however it ends.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Debug;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_mins(1);

/// A place for temporary files by which all processes of a demo are known.
struct Place(TempDir);

impl Place {
    /// Open to the server's user, as /tmp is.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
        Self(directory)
    }

    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
        command.arg("demo").args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", self.0.path());
        // Must not reach the service.
        command.env("FLOWSENTRY__HTTP__LISTEN", "nonsense").env("DATABASE_URL", "postgresql://nobody@192.0.2.1/none");
        command
    }

    fn start(&self, arguments: &[&str]) -> Demo {
        Demo(self.demo(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Files, and processes that have this place in their arguments, environment or working directory.
    fn left_behind(&self) -> Vec<String> {
        let path = self.0.path().to_str().unwrap();
        let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path().display().to_string());
        let mut found: Vec<String> = files.collect();
        for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let read = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
            let directory = fs::read_link(process.path().join("cwd")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            if directory.starts_with(path) || arguments.contains(path) || environment.contains(path) {
                found.push(format!("{} {arguments}", process.path().display()));
            }
        }
        found
    }

    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.left_behind(), Vec::<String>::new());
    }

    fn service_log(&self) -> Option<PathBuf> {
        let mut entries = fs::read_dir(self.0.path()).unwrap();
        let log = entries.find_map(|entry| Some(entry.ok()?.path().join("service.log")).filter(|log| log.is_file()))?;
        fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0).then_some(log)
    }
}

/// A running demo; told to end if the test fails.
struct Demo(Child);

impl Demo {
    fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.0.id());
        assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    }

    /// Waits for the end, and gives the exit code.
    fn ended(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal("TERM");
            self.0.wait().ok();
        }
    }
}

#[track_caller]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn until<S: Debug>(what: &str, state: impl Fn() -> S, reached: impl Fn(&S) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut now = state();
    while !reached(&now) {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for {what}; the state is {now:?}");
        std::thread::sleep(Duration::from_millis(20));
        now = state();
    }
}

fn last_line(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_comes_out_is_what_was_planned_and_nothing_is_left_behind() {
    let place = Place::new();
    let output = place.demo(&["--json"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), error.as_ref()), (Some(0), ""));
    let out = last_line(&output);
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {out}"));
    let sum = |object: &Value| object.as_object().unwrap().values().map(number).sum::<u64>();

    assert_eq!(number(&out["packets"]), number(&out["planned"]["packets"]));
    assert_eq!(number(&out["packets"]), number(&out["packets_in_flows"]) + number(&out["rejected"]));
    assert_eq!(sum(&out["labels"]), number(&out["flows"]));
    assert!(number(&out["windows"]) >= 3 && out["windows"] == out["planned"]["windows"], "{out}");
    assert_eq!(out["late"], out["planned"]["late"]);
    assert!(number(&out["late"]) > 0);
    assert_eq!(out["rejected_by_reason"], out["planned"]["rejected_by_reason"]);
    assert_eq!(sum(&out["rejected_by_reason"]), number(&out["rejected"]));
    assert!(number(&out["rejected"]) > 0);
    assert_eq!(out["attacks"].as_array().unwrap().len(), 5);
    for attack in out["attacks"].as_array().unwrap() {
        assert!(sum(&attack["flows_by_label"]) > 0, "no flow of an attack is stored: {attack}");
    }
    for delay in out["window_delays_seconds"].as_array().unwrap() {
        assert!((0.5..10.0).contains(&delay.as_f64().unwrap()), "{out}");
    }
    assert!(out["seconds"].as_f64().unwrap() < 30.0, "{out}");
    place.assert_empty();
}

#[test]
fn a_served_demo_stays_until_it_is_interrupted() {
    let place = Place::new();
    let mut demo = place.start(&["--serve"]);
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let report: Vec<String> = lines.by_ref().take_while(|line| line != "Up until Ctrl-C").collect();
    let report = report.join("\n");
    for heading in ["Flows by label", "Attacks in the traffic", "Windows", "Sums"] {
        assert!(report.contains(&format!("\n{heading}\n")), "{report}");
    }
    assert!(!report.contains("NOT AGREE") && !report.contains('\x1b'), "{report}");

    let addresses: Vec<String> = lines.take(6).collect();
    let [live, terminal, token, metrics, health, database] = &addresses[..] else { panic!("{addresses:?}") };
    assert!(terminal.contains("flowsentry top --url http://") && token.contains("  token     "), "{terminal} {token}");
    let page = get(live.split(" (").next().unwrap());
    assert!(page.contains("flowsentry"), "{page}");
    assert!(database.contains("psql postgresql://"), "{database}");
    assert!(get(health).contains("\"role\":\"owner\""));
    let page = get(metrics);
    assert!(page.contains("flowsentry_windows_stored_total 4\n"), "{page}");
    until("the traffic to go on", || read_packets(metrics), |packets| *packets > read_packets_of(&page));

    demo.signal("INT");
    assert_eq!(demo.ended(), Some(0));
    place.assert_empty();
}

fn read_packets(line: &str) -> u64 {
    read_packets_of(&get(line))
}

fn read_packets_of(page: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix("flowsentry_packets_read_total "));
    line.unwrap().parse().unwrap()
}

/// The page that the last word of a line names.
fn get(line: &str) -> String {
    let url = line.rsplit(' ').next().unwrap().strip_prefix("http://").unwrap();
    let (address, page) = url.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /{page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let demo = place.start(&[]);
        until("the service to start", || place.service_log(), Option::is_some);
        demo.signal(signal);
        assert_eq!(demo.ended(), Some(code), "{signal}");
        place.assert_empty();
    }
}

#[test]
fn a_killed_demo_leaves_nothing_behind() {
    let place = Place::new();
    let demo = place.start(&[]);
    until("the service to start", || place.service_log(), Option::is_some);
    assert!(place.left_behind().iter().any(|process| process.contains(" run ")), "{:?}", place.left_behind());
    demo.signal("KILL");
    assert_eq!(demo.ended(), None);
    until("all to end", || place.left_behind(), Vec::is_empty);
}

#[test]
fn a_demo_takes_no_settings() {
    let place = Place::new();
    let output = place.demo(&["--set", "window.length=10s"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("leave --config and --set out"));
    place.assert_empty();
}
