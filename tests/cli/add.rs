//! `flowsentry train --add`: a site adapts the model that it has by hours of its own.
//!
//! `site/` holds three of our own recordings: names and clocks asked for, copies over SSH, and a sweep.

use std::fs;
use std::path::{Path, PathBuf};

use flowsentry::model::ModelFile;
use serde_json::{Value, json};

use super::{Cli, Ended, models};

const PARENT: &str = "models/flowsentry.safetensors";

/// A model that takes flows of more than three packets for scans, but is not very sure of it.
fn parent() -> Vec<u8> {
    let mut file = ModelFile::parse(&models::model("one", 3, ["Normal", "Port Scanning"])).unwrap();
    file.layers[0].weights = vec![-0.25, 0.25];
    // e³ ÷ (e³ + 1): the golden rows are cut at six deviations.
    file.description.golden.probabilities = vec![vec![0.952_574, 0.047_426], vec![0.047_426, 0.952_574]];
    file.to_bytes().unwrap()
}

/// That model, in use, and a site with these splits.
fn cli(splits: &Value) -> Cli {
    let cli = Cli::new();
    fs::create_dir(cli.path().join("models")).unwrap();
    fs::write(cli.path().join(PARENT), parent()).unwrap();
    let site = cli.path().join("site");
    fs::create_dir_all(site.join("packets")).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/site");
    fs::copy(here.join("captures.json"), site.join("captures.json")).unwrap();
    for capture in fs::read_dir(here.join("packets")).unwrap() {
        let capture: PathBuf = capture.unwrap().path();
        fs::copy(&capture, site.join("packets").join(capture.file_name().unwrap())).unwrap();
    }
    cli.file("site/splits.json", &splits.to_string())
}

/// Hours without an attack, as most sites have them.
fn ordinary() -> Value {
    json!({ "train": ["benign-dns-ntp"], "test": ["benign-ssh-backup"] })
}

fn add(cli: &Cli, out: &str, more: &[&str]) -> Ended {
    cli.run(&[&["train", "--add", "site", "--out", out], more].concat())
}

fn show(cli: &Cli, file: &str) -> Value {
    let ended = cli.run(&["model", "show", file, "--json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    serde_json::from_str(&ended.out).unwrap()
}

/// Alarms on ordinary flows of the site's test split.
fn false_alarms(cli: &Cli, model: &str) -> u64 {
    let ended = cli.run(&["evaluate", "--model", model, "--data", "site", "--json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let figures: Value = serde_json::from_str(&ended.out).unwrap();
    figures["false_alarms"]["alarms"].as_u64().unwrap()
}

#[test]
fn ordinary_hours_unlearn_false_alarms_and_the_file_says_where_it_comes_from() {
    let cli = cli(&ordinary());
    let ended = add(&cli, "site.safetensors", &["--epochs", "100"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.contains("no attack is among the captures"), "{}", ended.out);
    let (before, after) = (false_alarms(&cli, PARENT), false_alarms(&cli, "site.safetensors"));
    assert!(after < before, "{before} false alarms before, {after} after");
    assert!(
        ended.out.contains(&format!("captures without an attack: {before} in 1 captures -> {after} in")),
        "{}",
        ended.out
    );

    let (parent, adapted) = (show(&cli, PARENT), show(&cli, "site.safetensors"));
    let names_both =
        |key: &str| adapted[key].as_str().unwrap().starts_with(&format!("{}+", parent[key].as_str().unwrap()));
    assert!(names_both("version") && names_both("training_fingerprint"), "{adapted}");
    for kept in ["classes", "features", "hidden", "temperature"] {
        assert_eq!(adapted[kept], parent[kept]);
    }
    let again = add(&cli, "again.safetensors", &["--epochs", "100"]);
    assert_eq!(again.out.replace("again.safetensors", "site.safetensors"), ended.out);
    let octets = |file: &str| fs::read(cli.path().join(file)).unwrap();
    assert!(octets("again.safetensors") == octets("site.safetensors"), "the same hours give the same file");

    let switched = cli.run(&["model", "switch", "site.safetensors", "--json"]);
    assert_eq!((switched.code, switched.err.as_str()), (Some(0), ""));
    assert_eq!(show(&cli, PARENT)["version"], adapted["version"]);
}

#[test]
fn what_cannot_be_learnt_from_is_named_and_nothing_is_written() {
    let check = |splits: &Value, more: &[&str], code: i32, expected: &[&str]| {
        let cli = cli(splits);
        let ended = add(&cli, "out", more);
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{}", ended.err);
        let lacks = expected.iter().find(|expected| !ended.err.contains(**expected));
        assert_eq!(lacks, None, "{}", ended.err);
        assert!(!cli.path().join("out").exists());
    };
    check(&json!({ "test": ["scan-sweep"] }), &[], 65, &["no capture to learn from", "hint: "]);
    check(&json!({ "train": ["tuesday"] }), &[], 65, &["captures.json has no capture tuesday", "hint: "]);
    check(&ordinary(), &["--model", "none"], 65, &["none cannot be used", "hint: "]);
    check(&ordinary(), &["--card", "card.md"], 64, &["--data <DIR>"]);
    check(&ordinary(), &["--add", "elsewhere"], 64, &["--add <DIR>"]);
    let cli = cli(&json!({ "train": ["scan-sweep"] }));
    fs::write(cli.path().join(PARENT), models::model("one", 3, ["Normal", "DDoS"])).unwrap();
    let ended = add(&cli, "out", &[]);
    let expected = "error: capture scan-sweep is labelled Port Scanning, which is no class of the model one; it has Normal, DDoS\n";
    assert!(ended.code == Some(65) && ended.err.starts_with(expected), "{}", ended.err);
    let ended = cli.run(&["train", "--add", "nowhere", "--out", "out"]);
    assert!(
        ended.code == Some(65) && ended.err.starts_with("error: nowhere/splits.json cannot be read\n"),
        "{}",
        ended.err
    );
    assert_eq!(cli.run(&["train", "--add", "site"]).code, Some(64), "where to write must be said");
}
