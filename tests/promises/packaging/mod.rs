//! What is installed where flowsentry runs as a service of systemd: the unit is valid, hardened and agrees with what the
//! program does, the packaged settings are valid, and the manual and the completions are what their readers take.
//!
//! Installing, upgrading and removing the package itself is shown by `make test-package`.

mod documents;
mod unit;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use unit::Unit;

/// The binary with nothing in its environment, in an empty directory.
fn flowsentry(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
    command.args(arguments).env_clear().current_dir(directory.path()).output().unwrap()
}

/// What it prints; it must succeed.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = flowsentry(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program; `None`, aloud, where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).output();
    if output.is_err() {
        println!("SKIPPED: there is no {program}; run: make programs");
    }
    output.ok()
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

const SETTINGS: &str = "deploy/debian/pipeline.toml";

#[test]
fn the_packaged_settings_are_valid_and_change_only_where_the_database_and_the_model_are() {
    let path = repository(SETTINGS);
    let text = printed(&["--config", path.to_str().unwrap(), "config", "--json"]);
    let settings: serde_json::Value = serde_json::from_str(&text).unwrap();
    let settings = settings.as_object().unwrap();
    let set: Vec<&str> = settings
        .iter()
        .filter(|(_, setting)| setting["origin"]["kind"] == "file")
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(set, ["database.url", "model.path"]);
    let model = settings["model.path"]["value"].as_str().unwrap();
    let links = self::text("deploy/systemd/flowsentry.tmpfile");
    assert!(links.contains(&format!("L {} ", model.trim_matches('"'))), "{model} is not made by\n{links}");
}

#[test]
fn every_file_of_the_package_is_there_and_its_versions_agree() {
    let manifest = text("Cargo.toml");
    let assets = manifest.split_once("\nassets = [\n").unwrap().1.split_once("\n]\n").unwrap().0;
    let sources: Vec<&str> = assets.lines().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert!(sources.len() > 10, "{sources:?}");
    for source in sources.iter().filter(|source| !source.starts_with("target/")) {
        let path = repository(source.split_once('*').map_or(source, |(directory, _)| directory));
        assert!(path.exists(), "{source}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert!(text("deploy/debian/changelog").starts_with(&format!("flowsentry ({version}-1) ")), "{version}");
    assert!(Unit::read().value("ExecStart").starts_with("/usr/bin/flowsentry run "));
}
