//! A model's life: a candidate is tried in shadow, put in use, and rolled back, and no flow is the worse for it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::kit::{Database, Service, Tables, assert_flows_equal_group_by, assert_verified, model, sums, until};

/// Files of models in a directory of a test's own.
struct Models(TempDir);

impl Models {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Written elsewhere, then renamed.
    fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// Settings that name the model in use and the candidate.
    fn settings(&self) -> [String; 2] {
        ["path", "candidate"].map(|key| format!("model.{key}={}", self.path(key).display()))
    }
}

/// A service with these settings, which looks for files often.
fn start(database: &Database, settings: &[String]) -> Service {
    let mut all = vec!["model.reload_interval=100ms", "store.checkpoint_interval=50ms", "window.idle_timeout=100ms"];
    all.extend(settings.iter().map(String::as_str));
    Service::start(database, &all)
}

/// Nine flows of 1 to 9 packets in one window, the `number`th.
fn insert(number: i64) -> String {
    let start = 1_700_000_010 + number * 30;
    format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT {start} + p, '10.0.0.' || f, '10.0.1.1', 'UDP', 60 FROM generate_series(1, 9) f, generate_series(1, f) p"
    )
}

/// Inserts windows from the `first` on, one after the other has been stored, `windows` in all.
fn insert_one_by_one(database: &Database, first: i64, windows: i64) {
    for number in first..first + windows {
        database.execute(&insert(number));
        until("the window to be stored", || sums(database), super::kit::Sums::agree);
    }
}

fn rows(database: &Database) -> Vec<String> {
    let rows = database.query("SELECT (to_jsonb(t) - 'created_at' - 'id_num')::text FROM traffic_data t ORDER BY 1");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Flows that a candidate was shown: of the same label, of another, skipped.
fn shadowed(service: &Service) -> [f64; 3] {
    let skipped = ["busy", "late", "unlabelled"]
        .map(|reason| service.metric(&format!("flowsentry_shadow_skipped_flows_total{{reason=\"{reason}\"}}")));
    let verdict = |verdict| service.metric(&format!("flowsentry_shadow_flows_total{{verdict=\"{verdict}\"}}"));
    [verdict("same"), verdict("other"), skipped.iter().sum()]
}

/// Flows by what the model and what the candidate calls them.
fn pairs(service: &Service) -> Vec<(String, f64)> {
    let (_, page) = service.get("/metrics");
    let counts = page.lines().filter_map(|line| line.strip_prefix("flowsentry_shadow_pairs_total{pair=\""));
    counts
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(pair, flows)| (pair.to_owned(), flows.parse().unwrap()))
        .collect()
}

#[test]
fn a_candidate_is_compared_by_label_and_changes_nothing_that_is_stored() {
    let models = Models::new();
    models.put("path", &model("in-use", 3, ["Normal", "DDoS"]));
    let settings = models.settings();
    let (with, without) = (Database::new(Tables::Ours), Database::new(Tables::Ours));
    // Of the nine flows of a window 1 to 3 are normal to the model.
    let check = |first: i64, candidate: &[u8], same_of_nine: f64, expected: &[(&str, f64)]| {
        models.put("candidate", candidate);
        let service = start(&with, &settings);
        insert_one_by_one(&with, first, 3);
        let all = |counts: &[f64; 3]| counts.iter().sum::<f64>() == 27.0;
        let [same, other, _] = until("three windows", || shadowed(&service), all);
        let windows = (same + other) / 9.0;
        assert!(windows > 0.0, "there was time for none of them");
        assert_eq!(same, windows * same_of_nine);
        let expected: Vec<_> = expected.iter().map(|(pair, flows)| ((*pair).to_owned(), flows * windows)).collect();
        assert_eq!(pairs(&service), expected);
        service.until_metric("flowsentry_model_info{version=\"in-use\"}", 1.0);
        service.until_metric("flowsentry_shadow_info{version=\"tried\"}", 1.0);
    };
    let agrees = model("tried", 3, ["Normal", "DDoS"]);
    check(0, &agrees, 9.0, &[("DDoS -> DDoS", 6.0), ("Normal -> Normal", 3.0)]);
    // Another border, and a class that the model in use does not have in the place of one that it has.
    let differs = model("tried", 6, ["Normal", "Slowloris"]);
    let differences = [("DDoS -> Normal", 3.0), ("DDoS -> Slowloris", 3.0), ("Normal -> Normal", 3.0)];
    check(3, &differs, 3.0, &differences);

    let alone = start(&without, &settings[..1]);
    insert_one_by_one(&without, 0, 6);
    assert_eq!(shadowed(&alone), [0.0; 3]);
    assert_eq!(rows(&with), rows(&without));
    assert_eq!(rows(&with).len(), 54);
}

#[test]
fn a_broken_candidate_is_told_once_and_harms_nothing() {
    const TOLD: &str = "no candidate judges beside the model; labels do not depend on it";
    let models = Models::new();
    models.put("path", &model("in-use", 3, ["Normal", "DDoS"]));
    models.put("candidate", b"no model");
    let database = Database::new(Tables::Ours);
    let service = start(&database, &models.settings());
    insert_one_by_one(&database, 0, 3);
    let times = || service.log().iter().filter(|line| line["message"] == TOLD).count();
    assert_eq!(times(), 1);
    service.until_metric("flowsentry_shadow_reloads_total{result=\"refused\"}", 1.0);
    assert_eq!(shadowed(&service), [0.0; 3]);
    assert_eq!(service.get("/readyz").0, 200);

    models.put("candidate", &model("mended", 3, ["Normal", "DDoS"]));
    insert_one_by_one(&database, 3, 2);
    until("the mended one to judge", || shadowed(&service), |[same, other, _]| *same > 0.0 && *other == 0.0);
    // A model whose golden rows do not come out is whole as a file, and broken all the same.
    let mut wrong = model("wrong", 3, ["Normal", "DDoS"]);
    let last = wrong.len() - 5;
    wrong[last] ^= 0x80;
    models.put("candidate", &wrong);
    insert_one_by_one(&database, 5, 2);
    until("it to be refused", || service.metric("flowsentry_shadow_reloads_total{result=\"refused\"}"), |n| *n == 2.0);
    fs::remove_file(models.path("candidate")).unwrap();
    insert_one_by_one(&database, 7, 2);
    until("its absence to be told", times, |times| *times == 3);
    assert_eq!(service.metric("flowsentry_shadow_info{version=\"mended\"}"), 0.0);
    assert_eq!(database.number("SELECT count(*) FROM traffic_data WHERE model_version = 'in-use'"), 81);
    assert_flows_equal_group_by(&database);
}

/// `flowsentry model` with these arguments, which must succeed.
#[track_caller]
fn command(database: &Database, settings: &[String], arguments: &[&str]) -> String {
    let mut command = database.command("model");
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_switch_and_a_rollback_take_effect_while_packets_flow() {
    let models = Models::new();
    models.put("path", &model("one", 3, ["Normal", "DDoS"]));
    models.put("two", &model("two", 6, ["Normal", "DDoS"]));
    let settings = &models.settings()[..1];
    let database = Database::new(Tables::Ours);
    let service = start(&database, settings);
    let mut number = 0;
    // Windows keep coming until the newest stored one is of this version.
    let mut until_labelled_by = |version: &str| {
        let newest = "SELECT coalesce((SELECT model_version FROM traffic_data ORDER BY window_start DESC LIMIT 1), '')";
        let state = || {
            database.execute(&insert(number));
            number += 1;
            database.query(newest)[0].get::<_, String>(0)
        };
        until(&format!("rows of {version}"), state, |found| found == version);
    };
    until_labelled_by("one");
    let two = models.path("two");
    let printed = command(&database, settings, &["switch", path(&two)]);
    assert!(printed.contains("before    \"one\"") && printed.contains("now       \"two\""), "{printed}");
    until_labelled_by("two");
    command(&database, settings, &["rollback"]);
    until_labelled_by("one");
    service.until_metric("flowsentry_model_info{version=\"one\"}", 1.0);
    assert_eq!(service.metric("flowsentry_model_info{version=\"two\"}"), 0.0);
    until("all packets", || sums(&database), super::kit::Sums::agree);

    // Each window by one model, whose labels it has: one calls 4 packets an attack, two calls 7 so.
    let mixed = "SELECT count(*) FROM (SELECT FROM traffic_data GROUP BY window_start HAVING count(DISTINCT model_version) > 1) w";
    assert_eq!(database.number(mixed), 0);
    let wrong = "SELECT count(*) FROM traffic_data WHERE (predicted_label = 'DDoS') <>
                 (packet_count > CASE model_version WHEN 'one' THEN 3 WHEN 'two' THEN 6 END)
                 OR model_version IS NULL OR model_version NOT IN ('one', 'two')";
    assert_eq!(database.number(wrong), 0);
    assert_eq!(database.number("SELECT count(*) FROM traffic_data"), number * 9);
    assert_flows_equal_group_by(&database);
    assert_verified(&database);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
