//! What a person meets on the command line, through the real binary.
#![allow(missing_docs, clippy::unwrap_used)] // a test that cannot start has failed

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

#[path = "cli/add.rs"]
mod add;
#[path = "cli/model.rs"]
mod model;
#[path = "promises/kit/models.rs"]
mod models;
#[path = "cli/reference.rs"]
mod reference;

/// The binary in an empty directory, with no environment but what a test sets.
struct Cli {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Cli {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
        command.args(arguments).current_dir(self.path()).env_clear().envs(self.variables.iter().copied());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }
}

#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn help_has_examples_and_ends_well() {
    for arguments in [&["--help"][..], &["config", "--help"], &["help", "config"]] {
        let ended = Cli::new().run(arguments);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.out.contains("Examples:\n"), "{}", ended.out);
    }
    insta::assert_snapshot!("help_config", Cli::new().run(&["config", "--help"]).out);
}

#[test]
fn version_is_told() {
    let ended = Cli::new().run(&["--version"]);
    assert_eq!((ended.code, ended.out), (Some(0), format!("flowsentry {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_wrong_command_line_ends_with_64_and_says_how_it_is_used() {
    for arguments in [&[][..], &["confg"], &["config", "--no-such-flag"], &["config", "--json", "--documented"]] {
        let ended = Cli::new().run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(ended.err.contains("Usage: flowsentry"), "{}", ended.err);
    }
}

#[test]
fn wrong_settings_end_with_78_and_one_line() {
    let check = |cli: Cli, arguments: &[&str], expected: &str| {
        let ended = cli.run(&[arguments, &["config"]].concat());
        assert_eq!((ended.code, ended.out.as_str()), (Some(78), ""), "{arguments:?}");
        assert_eq!(ended.err, format!("error: {expected}\n"));
    };
    check(
        Cli::new().file("pipeline.toml", "[window]\nlenght = \"30s\"\n"),
        &[],
        "pipeline.toml:2: window.lenght is not an option; did you mean window.length?",
    );
    check(
        Cli::new().file("mine.toml", "[window]\nlength = 30\n"),
        &["--config", "mine.toml"],
        "mine.toml:2: window.length = 30: write the unit (ms, s, m, h or d), as in \"30s\"",
    );
    check(
        Cli::new().variable("FLOWSENTRY__FLOWS__MEMORY_MAX", "64"),
        &[],
        "FLOWSENTRY__FLOWS__MEMORY_MAX: flows.memory_max = \"64\": write the unit (B, KiB, MiB or GiB), as in \"64MiB\"",
    );
    check(
        Cli::new(),
        &["--set", "retention.keep=10s"],
        "retention.keep = 10s (--set), window.length = 30s (default), window.out_of_orderness = 5s (default), \
         window.allowed_lateness = 30s (default), window.idle_timeout = 10s (default): \
         packets would be deleted while their window needs them; keep more than 75s, or 0 for ever",
    );
    check(
        Cli::new(),
        &["--config", "no-such.toml"],
        "no-such.toml: cannot be read (No such file or directory (os error 2)); \
         name a readable file with --config, or leave it out to use the defaults",
    );
}

#[test]
fn later_layers_win_and_origins_are_shown() {
    let cli = Cli::new()
        .file("pipeline.toml", "[window]\nlength = \"10s\"\nidle_timeout = \"3s\"\n[http]\nlisten = \"off\"\n")
        .variable("FLOWSENTRY__WINDOW__LENGTH", "20s")
        .variable("FLOWSENTRY__WINDOW__IDLE_TIMEOUT", "4s");

    let lines = cli.run(&["config", "--set", "window.length=15s"]).out;
    let origin = |setting: &str| {
        let line = lines.lines().find(|line| line.starts_with(&format!("{setting} ")));
        line.unwrap_or_else(|| panic!("{setting} is not in\n{lines}")).split_once('#').unwrap().1.trim().to_owned()
    };
    assert_eq!(origin("window.length = \"15s\""), "--set (default \"30s\")");
    assert_eq!(origin("window.idle_timeout = \"4s\""), "FLOWSENTRY__WINDOW__IDLE_TIMEOUT (default \"10s\")");
    assert_eq!(origin("http.listen = \"off\""), "pipeline.toml:5 (default \"127.0.0.1:9477\")");
    assert_eq!(origin("window.out_of_orderness = \"5s\""), "default");

    let json: Value = serde_json::from_str(&cli.run(&["config", "--json"]).out).unwrap();
    assert_eq!(json["window.length"]["value"], "20s");
    assert_eq!(json["window.length"]["default"], "30s");
    assert_eq!(json["window.length"]["origin"]["name"], "FLOWSENTRY__WINDOW__LENGTH");
    assert_eq!(json["http.listen"]["origin"]["line"], 5);
    assert_eq!(json["database.pool_size"]["value"], 4);
}

#[test]
fn what_is_printed_is_a_settings_file() {
    let printed = Cli::new().run(&["config", "--set", "window.length=15s"]).out;
    let cli = Cli::new().file("pipeline.toml", &printed);
    let again: Value = serde_json::from_str(&cli.run(&["config", "--json"]).out).unwrap();
    assert_eq!(again["window.length"]["value"], "15s");
}

/// So `flowsentry config --documented > pipeline.toml` mends a broken file.
#[test]
fn the_documented_file_does_not_depend_on_the_settings() {
    let cli = Cli::new().file("pipeline.toml", "broken");
    let ended = cli.run(&["config", "--documented"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let repository = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.toml")).unwrap();
    assert!(ended.out == repository, "run: cargo run -- config --documented > pipeline.toml");
}

#[test]
fn no_output_shows_a_password() {
    let check = |cli: Cli, arguments: &[&str]| {
        for format in [&["config"][..], &["config", "--json"]] {
            let ended = cli.run(&[arguments, format].concat());
            assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
        }
    };
    check(Cli::new().file("pipeline.toml", "[database]\nurl = \"postgres://ada:hunter2@db/net\"\n"), &[]);
    check(Cli::new().file("pipeline.toml", "[database]\nurl = postgres://ada:hunter2@db/net\n"), &[]);
    check(Cli::new().variable("DATABASE_URL", "postgres://ada:hunter2@db/net"), &[]);
    check(Cli::new().variable("FLOWSENTRY__DATABASE__URL", "host=db password=hunter2"), &[]);
    check(Cli::new(), &["--set", "database.url=postgres://ada:hunter2@db/net"]);
    check(Cli::new(), &["--set", "postgres://ada:hunter2@db/net?sslmode=require"]);

    let shown = Cli::new().variable("DATABASE_URL", "postgres://ada:hunter2@db/net").run(&["config"]).out;
    let line = shown.lines().next().unwrap();
    assert_eq!(line, "database.url = \"postgres://ada:***@db/net\"       # DATABASE_URL (default \"\")");
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_has_gone_is_no_failure_but_a_full_disk_is() {
    let cli = Cli::new();
    let run = |out: std::process::Stdio| Ended::from(cli.command(&["config"]).stdout(out).output().unwrap());

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = run(writer.into());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));

    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = run(full.into());
    assert_eq!(ended.code, Some(74));
    assert!(ended.err.starts_with("error: No space left on device"), "{}", ended.err);
}

#[test]
fn an_evaluation_is_a_text_a_page_and_json() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("FLOWSENTRY_SHARED_DATA").map_or(beside, Into::into);
    if !data.join("splits.json").is_file() {
        eprintln!("skipped: no labelled captures in {}; name them by FLOWSENTRY_SHARED_DATA", data.display());
        return;
    }
    let cli = Cli::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/flowsentry.safetensors");
    let files = ["--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let evaluate = |more: &[&str]| {
        let ended = cli.run(&[&["evaluate", "--split", "validation"], &files[..], more].concat());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{more:?}");
        ended.out
    };
    let figures: Value = serde_json::from_str(&evaluate(&["--json", "--report", "report.html"])).unwrap();
    let figure = |pointer: &str| format!("{:.3}", figures.pointer(pointer).and_then(Value::as_f64).unwrap());
    let page = fs::read_to_string(cli.path().join("report.html")).unwrap();
    let text = evaluate(&[]);
    for pointer in ["/all/macro_f1", "/full_flows/macro_f1_existing", "/reliability/ece", "/prefixes/0/points/2/recall"]
    {
        let figure = figure(pointer);
        assert!(page.contains(&figure) && text.contains(&figure), "{pointer} is {figure}");
    }
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<script"));
}
