//! What operators are given for Prometheus and Grafana works with the service as it is: every expression of every panel and
//! rule returns data from a real Prometheus, every alert fires and rests as it should and has a runbook, and what a runbook
//! says can be done.
//!
//! Left out, aloud, where Prometheus is not installed (Debian: `prometheus`).

mod files;
mod live;
mod prometheus;
mod provoked;
mod runbooks;

use std::collections::BTreeSet;

use flowsentry::telemetry::metrics::{ALL, Kind};
use serde_json::Value;

use files::{Dashboard, alerts, files, selectors, text, values};
use prometheus::promtool;

#[test]
fn rules_and_configuration_are_valid() {
    let rules = files("deploy/prometheus/rules");
    for path in &rules {
        promtool(&["check", "rules", path], "");
    }
    promtool(&["check", "config", "deploy/prometheus/prometheus.yaml"], "");
}

#[test]
fn every_alert_fires_and_rests_as_its_tests_say() {
    for path in files("deploy/prometheus/tests") {
        promtool(&["test", "rules", &path], "");
    }
    let mut shown = BTreeSet::new();
    for path in files("deploy/prometheus/tests") {
        let text = text(&path);
        for expectation in text.split("alertname: ").skip(1) {
            let (name, rest) = expectation.split_once('\n').unwrap();
            let is_quiet = rest.trim_start().starts_with("exp_alerts: []");
            for severity in ["critical", "warning"] {
                if !is_quiet && rest.split("- eval_time").next().unwrap().contains(&format!("severity: {severity}")) {
                    shown.insert(format!("{name} fires, {severity}"));
                }
            }
            if is_quiet {
                shown.insert(format!("{name} rests"));
            }
        }
    }
    let mut wanted = BTreeSet::new();
    for path in files("deploy/prometheus/rules") {
        let text = text(&path);
        for rule in text.split("- alert: ").skip(1) {
            let name = rule.lines().next().unwrap();
            wanted.insert(format!("{name} rests"));
            wanted.insert(format!("{name} fires, {}", values(rule, "severity")[0]));
        }
    }
    assert!(wanted.len() > 50, "{wanted:?}");
    assert_eq!(shown, wanted);
}

#[test]
fn every_alert_says_what_it_is_how_much_and_what_to_do() {
    let text = text("deploy/prometheus/rules/alerts.yaml");
    for rule in text.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let one = |key: &str| {
            let found = values(rule, key);
            assert_eq!(found.len(), 1, "{name}: {key}");
            found[0].clone()
        };
        assert!(["critical", "warning"].contains(&&*one("severity")), "{name}");
        assert!(one("summary").ends_with('.'), "{name}");
        assert_eq!(one("runbook_url"), format!("docs/runbooks.md#{}", name.to_lowercase()));
        let description = rule.split("description:").nth(1).unwrap();
        assert!(description.contains("{{ $value"), "{name} tells no value");
    }
}

/// Metrics as they are named on the page.
fn series() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for metric in ALL {
        if matches!(metric.kind, Kind::Histogram | Kind::Tally) {
            names.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", metric.name)));
        } else {
            names.insert(metric.name.to_owned());
        }
    }
    names
}

#[test]
fn dashboards_rules_and_runbooks_name_only_metrics_that_exist() {
    let (series, whole): (_, Vec<&str>) = (series(), ALL.iter().map(|metric| metric.name).collect());
    let mut named = 0;
    for directory in ["deploy/grafana/dashboards", "deploy/prometheus/rules", "deploy/prometheus/tests", "docs"] {
        for path in files(directory).iter().filter(|path| !path.starts_with("docs") || path.ends_with("runbooks.md")) {
            let text = text(path);
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
            let recorded: Vec<String> = values(&self::text("deploy/prometheus/rules/recording.yaml"), "record");
            for word in words.filter(|word| word.contains("flowsentry_")) {
                let is_known =
                    series.contains(word) || recorded.iter().any(|name| name == word) || whole.contains(&word);
                assert!(is_known, "{path} names {word}, which does not exist");
                named += 1;
            }
        }
    }
    assert!(named > 200, "{named}");
}

#[test]
fn dashboards_are_as_grafana_wants_them() {
    let dashboards = Dashboard::all();
    let unique =
        |key: &str| dashboards.iter().map(|dashboard| dashboard.json[key].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((unique("uid"), unique("title")), (dashboards.len(), dashboards.len()));
    for dashboard in &dashboards {
        let Dashboard { path, json } = dashboard;
        assert!(json["schemaVersion"].as_u64() >= Some(39), "{path}");
        let variables = json["templating"]["list"].as_array().unwrap();
        let types: Vec<String> =
            variables.iter().map(|it| format!("{} {}", it["name"], it["type"]).replace('"', "")).collect();
        assert_eq!(types, ["datasource datasource", "source query", "instance query"], "{path}");
        let ids: BTreeSet<u64> = dashboard.panels().iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), dashboard.panels().len(), "{path}: two panels have one id");
        check_layout(dashboard);
        for panel in dashboard.panels().iter().filter(|panel| panel["type"] != "row") {
            check_panel(path, panel);
        }
    }
}

/// No two panels share a place, and none is wider than the page.
#[track_caller]
fn check_layout(dashboard: &Dashboard) {
    let mut taken = BTreeSet::new();
    for panel in dashboard.panels() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24 && at("w") > 0 && at("h") > 0, "{}: {panel}", dashboard.path);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{}: {} lies on another panel", dashboard.path, panel["title"]);
            }
        }
    }
}

#[track_caller]
fn check_panel(path: &str, panel: &Value) {
    let said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let title = &panel["title"];
    assert!(said(title) && said(&panel["description"]), "{path}: {title} says nothing of itself");
    let defaults = &panel["fieldConfig"]["defaults"];
    assert!(said(&defaults["unit"]), "{path}: {title} has no unit");
    assert!(defaults["thresholds"]["steps"].is_array(), "{path}: {title} has no thresholds");
    assert!(["stat", "timeseries"].contains(&panel["type"].as_str().unwrap()), "{path}: {title}");
    let targets = panel["targets"].as_array().unwrap();
    let letters: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
    assert!(!targets.is_empty() && letters.len() == targets.len(), "{path}: {title}");
    for source in targets.iter().chain([panel]).map(|it| &it["datasource"]) {
        assert_eq!(source, &serde_json::json!({"type": "prometheus", "uid": "${datasource}"}), "{path}: {title}");
    }
    // Every figure is of the instances that were chosen.
    for target in targets {
        for selector in selectors(target["expr"].as_str().unwrap()) {
            assert!(selector.contains("instance=~\"$instance\""), "{path}: {title}: {selector}");
        }
    }
}

#[test]
fn selectors_are_found() {
    let check = |expression: &str, expected: &[&str]| assert_eq!(selectors(expression), expected, "{expression}");
    check("up == 0 or absent(up{job=\"flowsentry\"})", &["up", "up{job=\"flowsentry\"}"]);
    check(
        "sum by (le) (rate(flowsentry_a_bucket{x=\"flowsentry_no\"}[5m])) / source:flowsentry_b:sum",
        &["flowsentry_a_bucket{x=\"flowsentry_no\"}", "source:flowsentry_b:sum"],
    );
    check("count(ALERTS{alertname=~\"flowsentry_\"}) > 1", &[]);
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let mut sections: Vec<String> = files::runbooks().into_iter().map(|(name, _)| name).collect();
    sections.sort();
    assert_eq!(sections, alerts());
}
