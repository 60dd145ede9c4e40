//! The unit of systemd, beside the program that it starts.

use std::fs;
use std::process::{Child, Command, Stdio};

use flowsentry::exit::Exit;

use super::{SETTINGS, printed, repository, run, text};
use crate::kit::{Database, Manager, Tables};

const PATH: &str = "deploy/systemd/flowsentry.service";
/// Overall exposure that `systemd-analyze security` may find, in tenths.
const EXPOSURE_MAX: &str = "--threshold=20";

/// The unit as text.
pub(super) struct Unit(String);

impl Unit {
    pub(super) fn read() -> Self {
        Self(text(PATH))
    }

    /// The value of a key that is given once.
    #[track_caller]
    pub(super) fn value(&self, key: &str) -> &str {
        let values: Vec<&str> = self.0.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect();
        assert_eq!(values.len(), 1, "{key} in {PATH}: {values:?}");
        values[0]
    }

    /// A span of time, in seconds.
    #[track_caller]
    fn seconds(&self, key: &str) -> u64 {
        humantime::parse_duration(self.value(key)).unwrap().as_secs()
    }

    /// What it starts: the arguments, with the settings of this repository.
    fn arguments(&self) -> Vec<String> {
        let settings = repository(SETTINGS);
        let words = self.value("ExecStart").split(' ').skip(1);
        let words = words.map(|word| word.replace("/etc/flowsentry/pipeline.toml", settings.to_str().unwrap()));
        words.collect()
    }
}

#[test]
fn the_unit_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowsentry.service");
    let there = text(PATH).replace("/usr/bin/flowsentry", env!("CARGO_BIN_EXE_flowsentry"));
    let analyze = |text: &str| {
        fs::write(&path, text).unwrap();
        run("systemd-analyze", &["verify", "--man=no", path.to_str().unwrap()])
    };
    let Some(output) = analyze(&there) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    // Keys of systemd 254, which older ones say that they ignore.
    let newer = ["RestartSteps", "RestartMaxDelaySec"];
    let faults: Vec<&str> = said.lines().filter(|line| !newer.iter().any(|key| line.contains(key))).collect();
    assert!(output.status.success() && faults.is_empty(), "{said}");

    let broken = there.replace("WatchdogSec=", "WatchdogSeconds=");
    let said = analyze(&broken).unwrap().stderr;
    assert!(String::from_utf8_lossy(&said).contains("WatchdogSeconds"), "it looks at what it is given");
}

#[test]
fn the_unit_is_hardened() {
    let analyze =
        |path: &str| run("systemd-analyze", &["security", "--no-pager", "--offline=true", EXPOSURE_MAX, path]);
    let Some(output) = analyze(repository(PATH).to_str().unwrap()) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let overall = said.lines().find(|line| line.contains("Overall exposure level"));
    println!("{}", overall.unwrap());

    let directory = tempfile::tempdir().unwrap();
    let soft = directory.path().join("flowsentry.service");
    let text: Vec<String> = text(PATH).lines().filter(|line| !line.contains("Protect")).map(str::to_owned).collect();
    fs::write(&soft, text.join("\n")).unwrap();
    assert!(!analyze(soft.to_str().unwrap()).unwrap().status.success(), "without its protection it is refused");
}

#[test]
fn the_unit_agrees_with_the_program() {
    let unit = Unit::read();
    let arguments = unit.arguments();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.push("--help");
    printed(&arguments);

    let codes: Vec<u8> = unit.value("RestartPreventExitStatus").split(' ').map(|code| code.parse().unwrap()).collect();
    assert_eq!(codes, [Exit::Usage, Exit::Permission, Exit::Configuration].map(|exit| exit as u8));

    let settings = printed(&["config"]);
    let setting = |key: &str| {
        let line = settings.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")).unwrap();
        line.split('"').next().unwrap().to_owned()
    };
    let grace = humantime::parse_duration(&setting("service.grace_period")).unwrap().as_secs();
    assert!(unit.seconds("TimeoutStopSec") >= 2 * grace);
    let all = settings.split_once("These limits allow ").unwrap().1.split_once("MiB").unwrap().0;
    let high = unit.value("MemoryHigh").strip_suffix('G').unwrap();
    assert!(high.parse::<u64>().unwrap() * 1024 > all.parse::<u64>().unwrap(), "{all} MiB");
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        if self.0.kill().is_ok() {
            self.0.wait().ok();
        }
    }
}

#[test]
fn what_the_unit_starts_says_that_it_is_ready_alive_and_stopping_in_time_for_its_watchdog() {
    let unit = Unit::read();
    let (database, manager) = (Database::new(Tables::Ours), Manager::new());
    let micros = unit.seconds("WatchdogSec") * 1_000_000;
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
    command.args(unit.arguments()).args(["--set", &format!("database.url={}", database.url)]);
    command.args(["--set", "http.listen=off"]).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", manager.path()).env("WATCHDOG_USEC", micros.to_string());
    let mut service = Process(command.spawn().unwrap());

    // It is heard within half of WatchdogSec each time, as long as the manager's patience is no longer than that.
    assert!(Manager::PATIENCE.as_secs() * 2 <= unit.seconds("WatchdogSec"));
    manager.hears("READY=1");
    (0..3).for_each(|_| drop(manager.hears("WATCHDOG=1")));
    let script = format!("kill -TERM {}", service.0.id());
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    manager.hears("STOPPING=1");
    assert_eq!(service.0.wait().unwrap().code(), Some(0));
}
