//! Receivers are told of alerts: signed, in order, at least once, and whatever they do nobody else waits.

use std::collections::BTreeMap;
use std::fs;

use flowsentry::tell::signature;
use serde_json::Value;

use super::kit::{Database, Received, Receiver, Service, Tables, assert_flows_equal_group_by, sums, until, until_some};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A service that tells a webhook at this address.
fn telling(database: &Database, url: &str, more: &[&str]) -> (Service, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    fs::write(&key, format!("{KEY}\n")).unwrap();
    let (url, key) = (format!("tell.webhook_url={url}"), format!("tell.webhook_key_file={}", key.display()));
    let settings: Vec<&str> = [url.as_str(), key.as_str()].iter().chain(more).copied().collect();
    (Service::start(database, &settings), directory)
}

/// An alert, and messages about it as the service writes them.
pub fn write(database: &Database, receiver: &str, subject: &str, events: &[&str]) {
    let state = if events.last() == Some(&"closed") { "closed" } else { "open" };
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen,
             ended_at, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory)
         SELECT 1, '{subject}', 'attacker', 'Port Scan', 'high', '{state}', 0.9, now() - interval '10 s', now(),
             CASE WHEN '{state}' = 'closed' THEN now() END, 5, 300, 5, 0, 1, '{{}}', 5, '{{}}', '{{TCP}}', '{{}}'
         WHERE NOT EXISTS (SELECT FROM flowsentry.alerts WHERE subject = '{subject}');
         UPDATE flowsentry.alerts SET state = '{state}', ended_at = CASE WHEN '{state}' = 'closed' THEN now() END
             WHERE subject = '{subject}'"
    ));
    for event in events {
        database.execute(&format!(
            "INSERT INTO flowsentry.outbox (alert_id, receiver, event, body)
             SELECT id, '{receiver}', '{event}', jsonb_build_object('version', 1, 'event', '{event}', 'source', 'default',
                 'alert', to_jsonb(alerts) - 'memory' || jsonb_build_object(
                     'first_seen', to_char(first_seen AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                     'ended_at', to_char(ended_at AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')))
             FROM flowsentry.alerts WHERE subject = '{subject}'"
        ));
    }
}

/// Subject and event.
fn said(received: &Received) -> String {
    let body: Value = serde_json::from_str(&received.body).unwrap();
    format!("{} {}", body["alert"]["subject"].as_str().unwrap(), body["event"].as_str().unwrap())
}

fn states(database: &Database) -> BTreeMap<String, i64> {
    let rows = database.query("SELECT state, count(*) FROM flowsentry.outbox GROUP BY 1");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn is_all(states: &BTreeMap<String, i64>, state: &str, count: i64) -> bool {
    states.len() == 1 && states.get(state) == Some(&count)
}

#[test]
fn a_webhook_is_told_signed_and_in_the_order_of_an_alert() {
    let database = Database::new(Tables::Ours);
    let receiver = Receiver::start();
    let (service, _key) = telling(&database, &receiver.url("/hook?token=hidden"), &[]);
    service.until_owner();
    for subject in ["10.0.0.1", "10.0.0.2"] {
        write(&database, "webhook", subject, &["opened", "grown", "closed"]);
    }
    until("all messages to be taken", || states(&database), |states| is_all(states, "delivered", 6));
    let all = receiver.received();
    for subject in ["10.0.0.1", "10.0.0.2"] {
        let heard: Vec<String> = all.iter().map(said).filter(|said| said.starts_with(subject)).collect();
        assert_eq!(heard, ["opened", "grown", "closed"].map(|event| format!("{subject} {event}")));
    }
    for one in &all {
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/hook?token=hidden"));
        let timestamp = one.headers["x-flowsentry-timestamp"].parse().unwrap();
        let expected = format!("v1={}", signature(KEY.as_bytes(), timestamp, &one.body));
        assert_eq!(one.headers["x-flowsentry-signature"], expected);
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(one.headers["x-flowsentry-delivery"], body["delivery"].to_string());
    }
    service.until_metric("flowsentry_deliveries_total{result=\"delivered\"}", 6.0);
    let log = format!("{:?}", service.log());
    assert!(!log.contains("hidden") && !log.contains(KEY));
}

#[test]
fn what_is_not_taken_is_tried_again_and_then_given_up_and_others_go_on() {
    let database = Database::new(Tables::Ours);
    let receiver = Receiver::start();
    receiver.answer(|received| match said(received).as_str() {
        "10.0.0.1 opened" => 401,
        _ => 204,
    });
    let (service, _key) = telling(&database, &receiver.url("/hook"), &["tell.attempts_max=2"]);
    service.until_owner();
    write(&database, "webhook", "10.0.0.1", &["opened", "closed"]);
    write(&database, "webhook", "10.0.0.2", &["opened"]);
    let ended = until("the end of all", || states(&database), |states| !states.contains_key("pending"));
    assert_eq!((ended["dead"], ended["delivered"]), (1, 2));
    let heard: Vec<String> = receiver.received().iter().map(said).filter(|said| said.starts_with("10.0.0.1")).collect();
    assert_eq!(heard, ["10.0.0.1 opened", "10.0.0.1 opened", "10.0.0.1 closed"]);
    let error: String = database.query("SELECT last_error FROM flowsentry.outbox WHERE state = 'dead'")[0].get(0);
    assert_eq!(error, "it answered 401");
    service.until_metric("flowsentry_deliveries_total{result=\"dead\"}", 1.0);
    let dead = || service.metric("flowsentry_outbox_dead{receiver=\"webhook\"}");
    until("the dead one to be shown", dead, |dead| *dead == 1.0);
}

#[test]
fn a_receiver_that_is_not_there_yet_is_told_when_it_is() {
    let database = Database::new(Tables::Ours);
    let (address, place) = Receiver::reserved();
    let (service, _key) = telling(&database, &format!("http://{address}/hook"), &[]);
    service.until_owner();
    write(&database, "webhook", "10.0.0.1", &["opened"]);
    let refused = || service.metric("flowsentry_deliveries_total{result=\"failed\"}");
    until("attempts to fail", refused, |refused| *refused >= 1.0);
    let error: String =
        until_some("the error", || database.query("SELECT last_error FROM flowsentry.outbox")[0].get(0));
    assert!(error.contains("refused"), "{error}");
    let receiver = place.start();
    until("the message to be taken", || states(&database), |states| is_all(states, "delivered", 1));
    assert_eq!(receiver.received().iter().map(said).collect::<Vec<_>>(), ["10.0.0.1 opened"]);
}

#[test]
fn a_receiver_that_never_answers_holds_up_neither_flows_nor_another_receiver() {
    let database = Database::new(Tables::Ours);
    let (silent, other) = (Receiver::start(), Receiver::start());
    silent.never_answers();
    let alertmanager = format!("tell.alertmanager_url={}", other.url("/"));
    let (service, _key) = telling(&database, &silent.url("/hook"), &[&alertmanager, "tell.timeout=5m"]);
    service.until_owner();
    for subject in 1..40 {
        write(&database, "webhook", &format!("10.0.0.{subject}"), &["opened"]);
    }
    until("attempts to hang", || silent.received().len(), |hanging| *hanging == 16);
    write(&database, "alertmanager", "10.0.1.1", &["opened"]);
    let delivered = "SELECT count(*) FROM flowsentry.outbox WHERE receiver = 'alertmanager' AND state = 'delivered'";
    until("the other to be told", || database.number(delivered), |told| *told == 1);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g * 0.1, '10.0.0.' || g % 9, '10.0.1.1', 'UDP', 60 FROM generate_series(1, 1000) g",
    );
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    assert_flows_equal_group_by(&database);
    assert_eq!(silent.received().len(), 16, "no more at a time than so many");
    assert_eq!(service.metric("flowsentry_deliveries_total{result=\"failed\"}"), 0.0, "they hang still");
    assert!(service.stop().success());
}

#[test]
fn what_a_killed_service_was_still_to_tell_its_successor_tells() {
    let database = Database::new(Tables::Ours);
    let receiver = Receiver::start();
    receiver.never_answers();
    let (service, _key) = telling(&database, &receiver.url("/hook"), &["tell.timeout=100ms"]);
    service.until_owner();
    write(&database, "webhook", "10.0.0.1", &["opened"]);
    until("the attempt", || receiver.received().len(), |attempts| *attempts >= 1);
    service.kill();
    // Written, and nobody there to tell it.
    write(&database, "webhook", "10.0.0.2", &["opened"]);
    receiver.answer(|_| 200);
    let (_successor, _key) = telling(&database, &receiver.url("/hook"), &["tell.timeout=100ms"]);
    until("both to be taken", || states(&database), |states| is_all(states, "delivered", 2));
}

#[test]
fn a_standby_tells_nobody_and_a_receiver_that_is_switched_off_keeps_its_messages() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &[]);
    owner.until_owner();
    let receiver = Receiver::start();
    let (standby, _key) = telling(&database, &receiver.url("/hook"), &["lease.standby_interval=50ms"]);
    standby.until_logged("another instance owns the source; standing by");
    write(&database, "webhook", "10.0.0.1", &["opened"]);
    let pending = || owner.metric("flowsentry_outbox_pending{receiver=\"webhook\"}");
    until("the owner, who has no receiver, to count it", pending, |pending| *pending == 1.0);
    assert_eq!(receiver.received().len(), 0);
    owner.kill();
    until("the successor to tell", || states(&database), |states| is_all(states, "delivered", 1));
    assert_eq!(standby.metric("flowsentry_takeovers_total"), 1.0);
}

#[test]
fn a_webhook_that_cannot_be_signed_is_refused_at_the_start() {
    let database = Database::new(Tables::Ours);
    let short = tempfile::tempdir().unwrap();
    let short = short.path().join("key");
    let check = |settings: &[&str], expected: &str| {
        let (status, log) = Service::start(&database, settings).ended();
        assert_eq!(status.code(), Some(78), "{log}");
        assert!(log.contains(expected) && !log.contains("hidden"), "{log}");
    };
    let url = "tell.webhook_url=http://127.0.0.1:1/hidden";
    check(&[url], "an unsigned message could be anybody's");
    check(&["tell.webhook_url=ftp://hidden/"], "write it as https://host/path");
    check(&["tell.alertmanager_url=http://ada:hidden@host/"], "user and password in it are not sent");
    check(&[url, &format!("tell.webhook_key_file={}", short.display())], "cannot read the key of the webhook");
}
