//! A file is there whole or not at all, and what cannot be done is said with its remedy.

use std::io::Read;
use std::process::Stdio;

use super::*;

const USAGE: i32 = 64;
const OUTPUT: i32 = 74;

#[track_caller]
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn a_file_that_is_there_is_refused_or_replaced_whole() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 10);
    let export = Export::of(&database);
    let path = export.path("flows.csv");
    std::fs::write(&path, "mine").unwrap();
    let arguments = [&["flows", "--output", path.to_str().unwrap()][..], &SPAN].concat();
    assert_refused(&export.run(&arguments), USAGE, &["flows.csv is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let forced = export.run(&[&arguments[..], &["--force"]].concat());
    assert!(said(&forced).contains("10 flows from 2026-01-01T00:00:00.000000Z"), "{}", said(&forced));
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 11);
    assert_eq!(export.files(), ["flows.csv"]);
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let database = Database::new(Tables::None);
    let export = Export::of(&database);
    let path = export.path("flows.csv");
    let output = export.run(&["flows", "--output", path.to_str().unwrap()]);
    assert_refused(&output, 78, &["traffic_data", "flowsentry migrate"]);
    assert_refused(&export.run(&["alerts"]), 78, &["flowsentry migrate"]);
    assert!(export.files().is_empty());
}

/// Killed softly in the middle: the file beside is gone, and none has the name.
#[test]
fn an_export_that_is_interrupted_leaves_nothing() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 300_000);
    let export = Export::of(&database);
    let path = export.path("flows.jsonl");
    let mut command = export.command(&[&["flows", "--output", path.to_str().unwrap()][..], &SPAN].concat());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let beside = || export.files().first().and_then(|name| export.path(name).metadata().ok()).map_or(0, |it| it.len());
    until("rows to be written", beside, |octets| *octets > 0);
    let kill = Command::new("/bin/sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(OUTPUT), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(export.files().is_empty(), "{:?}", export.files());
}

#[test]
fn a_full_disk_is_said() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 20_000);
    let export = Export::of(&database);
    for format in ["csv", "parquet", "jsonl"] {
        let output = export.run(&[&["flows", "--output", "/dev/full", "--format", format][..], &SPAN].concat());
        assert_refused(&output, OUTPUT, &["/dev/full", "No space left on device", "make room"]);
    }
    // A device is written to, not replaced.
    let kind = std::fs::metadata("/dev/full").unwrap().file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&kind));
    let mut command = export.command(&[&["flows"][..], &SPAN].concat());
    let output = command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_refused(&output, OUTPUT, &["standard output", "No space left on device"]);
}

/// A disk with room for a part of the file: nothing is left of it.
#[test]
fn a_disk_that_fills_up_is_left_as_it_was() {
    let export_directory = tempfile::tempdir().unwrap();
    let disk = export_directory.path();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(disk).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: tmpfs may not be mounted here");
        return;
    }
    let database = Database::new(Tables::Ours);
    store_flows(&database, 20_000);
    let export = Export::of(&database);
    let path = disk.join("flows.csv");
    let output = export.run(&[&["flows", "--output", path.to_str().unwrap()][..], &SPAN].concat());
    let left: Vec<_> = std::fs::read_dir(disk).unwrap().collect();
    Command::new("umount").arg(disk).status().unwrap();
    assert_refused(&output, OUTPUT, &["flows.csv", "No space left on device", "make room"]);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 20_000);
    let export = Export::of(&database);
    for format in ["csv", "parquet", "jsonl"] {
        let mut command = export.command(&[&["flows", "--format", format][..], &SPAN].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{format}: {}", said(&output));
    }
}

#[test]
fn nothing_in_the_span_is_said_and_leaves_the_names() {
    let database = Database::new(Tables::Ours);
    let export = Export::of(&database);
    let output = export.run(&[&["flows"][..], &SPAN].concat());
    assert!(output.status.success());
    assert!(said(&output).contains("no flows from 2026-01-01T00:00:00.000000Z to 2026-01-02T"), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("@timestamp,ecs.version,") && text.lines().count() == 1, "{text}");
    let output = export.run(&[&["alerts", "--format", "eve"][..], &SPAN].concat());
    assert!(output.status.success() && output.stdout.is_empty());
    let empty = export.to("flows.parquet", &[&["flows"][..], &SPAN].concat());
    assert!(empty.metadata().unwrap().len() > 0);
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    let database = Database::new(Tables::Ours);
    let export = Export::of(&database);
    let check = |arguments: &[&str], words: &[&str]| assert_refused(&export.run(arguments), USAGE, words);
    check(&["packets"], &["packets", "flows or alerts"]);
    check(&["flows", "--since", "yesterday"], &["yesterday", "such as 24h"]);
    check(&["flows", "--since", "1h", "--until", "2h"], &["--since", "is not before --until"]);
    check(&["flows", "--format", "xml"], &["xml", "csv, parquet, jsonl or eve"]);
    check(&["flows", "--format", "eve"], &["EVE is a form of alerts", "export alerts --format eve"]);
    check(&["flows", "--host", "10.0.0.0/33"], &["10.0.0.0/33", "10.0.0.0/24"]);
    check(&["flows", "--output", "/tmp/flows.txt"], &["/tmp/flows.txt", "--format"]);
    let nowhere = export.path("no/such/flows.csv");
    let output = export.run(&["flows", "--output", nowhere.to_str().unwrap()]);
    assert_refused(&output, OUTPUT, &["no/such/flows.csv", "make its directory"]);
    let directory = export.directory.path().to_str().unwrap();
    assert_refused(&export.run(&["flows", "--format", "csv", "--output", directory]), OUTPUT, &[directory]);
}
