//! A real Prometheus scrapes the service under load, and every expression of every panel and rule returns data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::files::{Dashboard, selectors};
use super::prometheus::{Prometheus, promtool};
use crate::kit::{Database, Service, Tables, model, until, until_some};

/// Windows of seconds, and everything else as often, so that a test sees many of each.
const SETTINGS: [&str; 8] = [
    "window.length=1s",
    "window.out_of_orderness=300ms",
    "window.allowed_lateness=1s",
    "early.interval=250ms",
    "audit.interval=1s",
    "retention.interval=1s",
    "ingest.poll_interval=50ms",
    "store.checkpoint_interval=200ms",
];
/// What Grafana puts in place of its variables.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "1m"), ("$__range", "1m"), ("$instance", ".*"), ("$source", ".*")];
const PAUSE: Duration = Duration::from_millis(100);

/// Ordinary packets, an attack that lasts, one of another host every five seconds, a packet that is late and one that cannot
/// be used.
const TRAFFIC: &str = "
    INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
        SELECT extract(epoch FROM clock_timestamp()), '10.0.0.' || g % 100, '10.0.1.' || g % 7, 'TCP', 60, 4000, 443, 'ACK'
        FROM generate_series(1, 200) g;
    INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port)
        SELECT extract(epoch FROM clock_timestamp()), '10.0.9.' || a, '10.0.8.' || a, 'UDP', 60, 4000, 53
        FROM generate_series(1, 40), unnest(ARRAY[251, floor(extract(epoch FROM clock_timestamp()) / 5 % 250)]) a;
    INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
        VALUES (extract(epoch FROM clock_timestamp()) - 20, '10.0.0.1', '10.0.1.1', 'UDP', 60);
    INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
        VALUES (extract(epoch FROM clock_timestamp()), 'x', '', 'UDP', 60)";

/// Runs `watch` while packets come, by a session that inserts as a sniffer does.
fn under_load(database: &Database, watch: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sniffer = database.session();
        scope.spawn(|| {
            let sniffer = sniffer;
            while !done.load(Ordering::Relaxed) {
                sniffer.execute(TRAFFIC);
                thread::sleep(PAUSE);
            }
        });
        let _end = Guard(&done);
        watch();
    });
}

/// Ends the load also where a check fails.
struct Guard<'a>(&'a AtomicBool);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Those that give no number, with the reason. A value that is no number is no data: a quantile of nothing.
fn without_data(prometheus: &Prometheus, expressions: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (title, expression) in expressions {
        match prometheus.query(expression) {
            Ok(values) if values.iter().any(|value| !value.is_nan()) => {}
            Ok(values) => found.push(format!("{title}: {expression}: {values:?}")),
            Err(error) => found.push(format!("{title}: {expression}: {error}")),
        }
    }
    found
}

/// An alert that does not fire gives nothing, rightly. So its comparisons are asked as questions: `> bool 60` gives 0 or 1
/// wherever `> 60` has something to compare. And each of its metrics is asked for alone, for one side of an `or` is enough.
fn questions(title: &str, expression: &str) -> Vec<(String, String)> {
    let mut asked = expression.to_owned();
    for comparison in ["==", "!=", ">=", "<=", ">", "<"] {
        asked = asked.replace(&format!(" {comparison} "), &format!(" {comparison} bool "));
    }
    selectors(expression).into_iter().chain([asked]).map(|question| (title.to_owned(), question)).collect()
}

#[test]
fn every_expression_returns_data_from_a_service_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    std::fs::write(&path, model("known", 30, ["Normal", "DNS Tunnel"])).unwrap();
    let path = format!("model.path={}", path.display());
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[&SETTINGS[..], &[&*path]].concat());
    service.until_owner();
    let line = service.until_logged("serving metrics and health over HTTP");
    let Some(prometheus) = Prometheus::start(line["address"].as_str().unwrap()) else { return };
    under_load(&database, || {
        let rules = until_some("the rules to be loaded", || prometheus.rules().ok().filter(|rules| rules.len() > 30));
        let mut expressions = Vec::new();
        for dashboard in Dashboard::all() {
            for (title, expression) in dashboard.expressions() {
                let with = VARIABLES.iter().fold(expression, |text, (name, value)| text.replace(name, value));
                let parts = selectors(&with).into_iter().map(|part| (title.clone(), part));
                expressions.extend(parts.collect::<Vec<_>>());
                expressions.push((title, with));
            }
        }
        for rule in &rules {
            let name = rule["name"].as_str().unwrap();
            expressions.extend(questions(name, rule["query"].as_str().unwrap()));
        }
        assert!(expressions.len() > 200, "{}", expressions.len());
        until("data of each expression", || without_data(&prometheus, &expressions), Vec::is_empty);
        println!("{} expressions and parts of them return data", expressions.len());

        for rule in prometheus.rules().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
        // The attack of the load is told, and nothing else that somebody would have to get up for.
        let firing = || prometheus.query("ALERTS{alertname=\"FlowsentryAttackOpen\", alertstate=\"firing\"}");
        let told =
            until("the attack to be told", firing, |alerts| alerts.as_ref().is_ok_and(|alerts| !alerts.is_empty()));
        println!("alerts of the attack: {told:?}");
        let broken = "ALERTS{alertstate=\"firing\", severity=\"critical\", alertname!=\"FlowsentryAttackOpen\"}";
        assert_eq!(prometheus.query(broken), Ok(vec![]), "a healthy service raises no alarm");
        let (status, page) = service.get("/metrics");
        assert_eq!(status, 200);
        promtool(&["check", "metrics"], &page);
    });
}

#[test]
fn what_a_metric_that_is_gone_would_do_is_seen() {
    assert_eq!(
        questions("x", "(flowsentry_owner == 1) and (rate(flowsentry_gone_total[5m]) >= 0)"),
        [
            "flowsentry_owner",
            "flowsentry_gone_total",
            "(flowsentry_owner == bool 1) and (rate(flowsentry_gone_total[5m]) >= bool 0)"
        ]
        .map(|question| ("x".to_owned(), question.to_owned()))
    );
}
