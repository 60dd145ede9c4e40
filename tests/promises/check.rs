//! `flowsentry check` finds what would break a promise, says what mends it, and the mend mends it.

mod inserters;
pub mod kit;
mod pooler;
mod rights;
mod sink;
mod source;
mod trigger;

use std::os::unix::fs::PermissionsExt;

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use super::kit::{Database, Service, Tables, until};
use kit::{Report, at, check};

/// The one server without prepared transactions, so that nothing is left to say.
#[test]
fn a_healthy_database_has_no_findings_and_a_standby_is_refused() {
    let mut server = PrivatePostgres::start(Options::default()).unwrap();
    let url = server.url("postgres");
    assert!(at(&url, "migrate", &[]).status.success());
    let report = Report::of(&at(&url, "check", &["--json"]));
    assert_eq!(report.code, Some(0), "{report:?}");
    // What differs from machine to machine and from one release to the next.
    let mut page = report.page.clone();
    let findings = page["findings"].as_array_mut().unwrap();
    let before = findings.len();
    findings.retain(|finding| finding["check"] != "server.settings");
    let fine = page["summary"]["fine"].as_u64().unwrap();
    let left_out = before - page["findings"].as_array().unwrap().len();
    page["summary"]["fine"] = (fine - left_out as u64).into();
    for finding in page["findings"].as_array_mut().unwrap() {
        match finding["check"].as_str().unwrap() {
            "connection.tls" => finding["subject"] = "PLACE".into(),
            "connection" => (finding["subject"], finding["found"]) = ("PLACE".into(), "VERSION".into()),
            "server.version" | "clock.database" | "model" => finding["found"] = "FOUND".into(),
            _ => {}
        }
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&page).unwrap());

    server.stop(Mode::Fast).unwrap();
    let signal = server.directory().join("data/standby.signal");
    std::fs::write(&signal, "").unwrap();
    std::fs::set_permissions(&signal, std::fs::Permissions::from_mode(0o666)).unwrap();
    server.start_again().unwrap();
    let report = Report::of(&at(&url, "check", &["--json"]));
    assert_eq!(report.code, Some(78), "{report:?}");
    report.has("source.standby", "refused", "server", "a standby in recovery", "connect to the primary");
}

#[test]
fn a_server_that_is_not_there_ends_with_69() {
    let output = at("postgres://flowsentry@127.0.0.1:1/nowhere", "check", &["--json"]);
    let report = Report::of(&output);
    assert_eq!(report.code, Some(69));
    report.has(
        "connection",
        "refused",
        "database \"nowhere\" at 127.0.0.1:1",
        "Connection refused",
        "is the server running",
    );
}

#[test]
fn a_database_that_was_not_migrated_is_mended_by_migrating() {
    let database = Database::new(Tables::None);
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(78));
    report.has("schema", "refused", "schema flowsentry", "has no schema flowsentry yet", "flowsentry migrate");
    report.has("source.table", "refused", "raw_packets", "does not exist", "flowsentry migrate");
    report.has("sink.table", "refused", "traffic_data", "does not exist", "flowsentry migrate");
    database.migrate(&[]);
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(0), "{report:?}");
    report.has_no_others(&["prepared.possible"]);
}

#[test]
fn settings_with_a_price_are_told_and_impossible_ones_refused() {
    let database = Database::new(Tables::Ours);
    let report = check(&database, &["--set", "retention.keep=0", "--set", "http.listen=0.0.0.0:9477"]);
    assert_eq!(report.code, Some(0));
    report.has("settings.retention", "warning", "retention.keep", "retention is off", "retention.keep=7d");
    report.has("settings.http", "warning", "http.listen", "0.0.0.0:9477", "http.listen=127.0.0.1:9477");
    let report = check(&database, &["--set", "wakeup.fallback_interval=0"]);
    report.has("settings.fallback", "warning", "fallback_interval", "0: ", "wakeup.fallback_interval=1s");
    let report = check(&database, &["--set", "retention.keep=10s"]);
    assert_eq!(report.code, Some(78));
    report.has("settings", "refused", "settings", "packets would be deleted while", "flowsentry config");
}

#[test]
fn a_model_that_is_missing_or_broken_is_told() {
    let database = Database::new(Tables::Ours);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let setting = format!("model.path={}", path.display());
    let report = check(&database, &["--set", &setting]);
    assert_eq!(report.code, Some(0));
    report.has("model", "warning", "model.safetensors", "there is no such file", "model.path=");
    std::fs::write(&path, "no model").unwrap();
    let report = check(&database, &["--set", &setting]);
    assert_eq!(report.code, Some(78));
    report.has("model", "refused", "model.safetensors", "cannot be used: its header says", "model.path=");
    let setting = format!("model.candidate={}", path.display());
    let report = check(&database, &["--set", &setting]);
    assert_eq!(report.code, Some(0));
    let why = "cannot be used: its header says";
    report.has("model.candidate", "warning", "model.safetensors", why, "model.candidate=");
    std::fs::remove_file(&path).unwrap();
    let report = check(&database, &["--set", &setting]);
    report.has("model.candidate", "warning", "model.safetensors", "there is no such file", "model.candidate=");
    let report = check(&database, &["--set", "model.candidate=models/flowsentry.safetensors"]);
    assert_eq!(report.all("model.candidate")[0]["severity"], "fine");
}

#[test]
fn who_owns_the_source_is_told_and_an_owner_that_does_not_get_on() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &["store.checkpoint_interval=50ms"]);
    service.until_owner();
    database.execute("INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length) VALUES (1700000000, '10.0.0.1', '10.0.0.2', 'UDP', 60)");
    until("a checkpoint", || database.number("SELECT position_high FROM flowsentry.checkpoint"), |high| *high == 1);
    check(&database, &[]).has("lease", "fine", "default", "application \"flowsentry/lease\"", "");
    service.signal("STOP");
    database.execute("UPDATE flowsentry.checkpoint SET updated_at = now() - interval '10 minutes', position_high = 0");
    let report = check(&database, &[]);
    let finding = report.has("lease", "warning", "default", "1 ids behind the table, 60", "pg_terminate_backend");
    kit::mend(&database, &finding);
    check(&database, &[]).has("lease", "fine", "default", "nobody owns it now", "");
    service.signal("CONT");
    drop(service);
}

#[test]
fn a_look_that_has_to_wait_is_a_finding_and_holds_nothing_up() {
    let database = Database::new(Tables::Ours);
    let session = database.session();
    session.execute("BEGIN; LOCK TABLE raw_packets IN ACCESS EXCLUSIVE MODE");
    let report = check(&database, &["--set", "database.lock_timeout=50ms"]);
    assert_eq!(report.code, Some(0));
    report.has("lateness", "warning", "lateness", "not found out: cannot read packets", "");
    report.has("sink", "fine", "traffic_data", "takes every flow as it is", "");
    session.execute("ROLLBACK");
}

#[test]
fn people_read_what_is_refused_first_and_the_mend_below_it() {
    let database = Database::new(Tables::Adopted);
    database.execute("ALTER SEQUENCE raw_packets_id_seq CACHE 20");
    let output = database.command("check").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with(
            "refused  source.sequence  \"public\".\"raw_packets_id_seq\": sequence \"public\".\"raw_packets_id_seq\" has CACHE 20,"
        ),
        "{text}"
    );
    assert!(text.contains("\n         mend: ALTER SEQUENCE \"public\".\"raw_packets_id_seq\" CACHE 1;\n"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("1 refused, "), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: 1 thing keeps flowsentry from working as promised\n");
    assert_eq!(output.status.code(), Some(78));
}
