//! Alerts come back as they were stored; nothing is stored twice, by a stale owner, or in part.

use std::net::IpAddr;

use flowsentry::alert::{Alert, Change, Changes, Event, Handle, Severity, State, Subject, SubjectKind, WindowEvidence};
use flowsentry::config::Start;
use flowsentry::flow::time::EventTime;
use flowsentry::postgres::alert_retention::{Deleted, delete_ended};
use flowsentry::postgres::alerts;
use flowsentry::postgres::lease::{Claim, Lease};
use flowsentry::postgres::outbox::{self, Receiver};
use flowsentry::postgres::resume;
use flowsentry::postgres::sink_table::SinkTable;
use flowsentry::postgres::source::Source;
use flowsentry::postgres::writer::{Owner, Writer};
use flowsentry::postgres::{Database, Disposition, Session};
use flowsentry::verdict::reasons::{Reason, Reasons, WayBack};
use serde_json::json;

use crate::dump;
use crate::kit::{ask, fresh_database, migrated, run, session};

pub fn alert(address: &str) -> Alert {
    let time = |micros| EventTime::from_micros(micros).unwrap();
    Alert {
        id: None,
        subject: Subject { kind: SubjectKind::Attacker, address: address.parse().unwrap() },
        label: "Port Scan".to_owned(),
        severity: Severity::High,
        state: State::Open,
        confidence: 0.987_654_3,
        first_seen: time(1_700_000_000_123_457),
        last_seen: time(1_700_000_030_999_999),
        packets: 412,
        octets: 1 << 40,
        flows: 7,
        windows: 0,
        peers: 2,
        peer_sample: ["10.0.0.1", "2001:db8::7"].map(|peer| peer.parse::<IpAddr>().unwrap()).to_vec(),
        ports: 412,
        port_sample: vec![0, 22, 65535],
        protocols: vec!["TCP".to_owned(), "an \"odd\", {name} \\".to_owned()],
        reasons: Some(Reasons {
            logit_difference: 7.25,
            base: -1.1,
            features: vec![Reason {
                feature: "distinct_ports".to_owned(),
                value: 412.0,
                usual: 2.0,
                contribution: 8.1,
                sentence: "412 destination ports in 6 s; usual: 2".to_owned(),
            }],
            others: 0.25,
            way_back: Some(WayBack {
                feature: "distinct_ports".to_owned(),
                value: 14.0,
                sentence: "below 14".to_owned(),
            }),
        }),
        model_version: Some("7.1".into()),
        merged_into: None,
        memory: json!({"seen": [1, 2, 3], "text": "ä"}),
    }
}

fn change(handle: u64, alert: Alert, event: Option<Event>) -> Change {
    Change { handle: Handle(handle), alert, event, evidence: Vec::new() }
}

fn changes(alerts: Vec<Change>) -> Changes {
    Changes { alerts, ..Changes::default() }
}

/// An owner of the source that may store.
struct Owning {
    lease: Lease,
    writer: Writer,
    database: Database,
    session: Session,
}

async fn owner_of(database: &Database, receivers: &[Receiver]) -> (Lease, Writer) {
    let claim = Claim::on(database, "default").await.unwrap();
    let epoch = claim.try_take().await.unwrap().unwrap();
    let lease = claim.into_lease(epoch, std::time::Duration::from_secs(5)).await.unwrap();
    let source = Source::inspect(lease.client(), "raw_packets", &std::collections::BTreeMap::new()).await.unwrap();
    let sink = SinkTable::inspect(lease.client(), "traffic_data").await.unwrap();
    let resume = resume::load(&lease, &source, Start::Earliest).await.unwrap();
    let owner = Owner::new(&lease, &resume, receivers.to_vec());
    let writer = Writer::new(session(database).await, sink, owner, &resume, 10);
    (lease, writer)
}

async fn owning(receivers: &[Receiver]) -> Owning {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    let (lease, writer) = owner_of(&database, receivers).await;
    Owning { lease, writer, database, session }
}

#[tokio::test]
async fn alerts_come_back_as_they_were_stored() {
    let Owning { lease, mut writer, session, .. } = owning(&[]).await;
    let mut victim = alert("2001:db8::1");
    victim.subject.kind = SubjectKind::Victim;
    victim.reasons = None;
    victim.model_version = None;
    victim.peer_sample.clear();
    let mut closed = alert("10.9.9.9");
    closed.state = State::Closed;
    let new = [alert("10.0.0.9"), victim, closed];
    let opened = new.iter().zip(0..).map(|(alert, handle)| change(handle, alert.clone(), Some(Event::Opened)));
    let stored = writer.tell(&changes(opened.collect())).await.unwrap();
    assert_eq!(stored.ids.len(), 3);
    assert!(stored.ids.is_sorted() && stored.at.is_some(), "{stored:?}");
    let with_ids = |alerts: &[Alert]| -> Vec<Alert> {
        let mut alerts = alerts.to_vec();
        alerts.iter_mut().zip(&stored.ids).for_each(|(alert, id)| alert.id = Some(*id));
        alerts
    };
    let expected = with_ids(&new);
    let open = || async { alerts::open(&session.client, lease.source_id()).await.unwrap() };
    assert_eq!(open().await, expected[..2]);

    // Extended, and another one new in between.
    let mut extended = expected[1].clone();
    extended.packets = 9_999;
    extended.last_seen = EventTime::from_micros(1_700_000_060_000_001).unwrap();
    extended.merged_into = expected[0].id;
    run(&session.client, "UPDATE flowsentry.alerts SET acknowledged_by = 'ada', acknowledged_at = now()").await;
    let detected = ask(&session.client, "SELECT array_agg(detected_at ORDER BY id) FROM flowsentry.alerts").await;
    let again = changes(vec![
        change(7, alert("10.0.0.10"), None),
        change(1, extended.clone(), None),
        change(8, alert("10.0.0.11"), None),
    ]);
    let stored_again = writer.tell(&again).await.unwrap();
    assert_eq!(stored_again.ids[1], extended.id.unwrap());
    assert!(stored_again.ids[0] < stored_again.ids[2] && stored_again.at.is_none(), "{stored_again:?}");
    let found = open().await;
    assert_eq!(found.len(), 4);
    assert_eq!(found[1], extended);
    let kept = "SELECT array_agg(detected_at ORDER BY id) FROM flowsentry.alerts WHERE acknowledged_by = 'ada'";
    assert_eq!(ask(&session.client, kept).await, detected, "what people wrote and when it was detected stays");
    let ended = "SELECT string_agg(state, ',') FROM flowsentry.alerts WHERE ended_at IS NOT NULL";
    assert_eq!(ask(&session.client, ended).await, "closed");
}

#[tokio::test]
async fn evidence_is_stored_once_and_silenced_verdicts_are_counted() {
    let Owning { mut writer, session, .. } = owning(&[]).await;
    run(&session.client, "INSERT INTO flowsentry.exceptions (owner, reason) VALUES ('ada', 'x'), ('ada', 'y')").await;
    let id = writer.tell(&changes(vec![change(1, alert("10.0.0.9"), None)])).await.unwrap().ids[0];
    let evidence = |revision| WindowEvidence {
        window_start: EventTime::from_micros(1_700_000_010_000_000).unwrap(),
        revision,
        packets: 10,
        octets: 600,
        flows: 3,
        peers: 2,
        ports: 1,
        confidence: 0.5,
    };
    let mut extended = alert("10.0.0.9");
    extended.id = Some(id);
    for silenced in [[(1, 5), (77, 1)], [(1, 6), (2, 1)]] {
        let mut change = change(1, extended.clone(), None);
        change.evidence = vec![evidence(0), evidence(17)];
        let changes = Changes { alerts: vec![change], silenced: silenced.into(), ..Changes::default() };
        writer.tell(&changes).await.unwrap();
    }
    let windows = "SELECT string_agg(concat_ws(' ', extract(epoch FROM window_start)::bigint, revision, packets, bytes, flows, \
                       peers, ports, confidence), '; ' ORDER BY revision) FROM flowsentry.alert_windows";
    assert_eq!(ask(&session.client, windows).await, "1700000010 0 10 600 3 2 1 0.5; 1700000010 17 10 600 3 2 1 0.5");
    let silenced = "SELECT string_agg(silenced::text, ',' ORDER BY id) FROM flowsentry.exceptions WHERE last_silenced_at > now() - interval '1 hour'";
    assert_eq!(ask(&session.client, silenced).await, "11,1");
}

#[tokio::test]
async fn each_receiver_gets_a_message_an_event_and_listeners_hear_of_events_only() {
    let Owning { mut writer, database, session, .. } = owning(&[Receiver::Webhook, Receiver::Alertmanager]).await;
    let (listening, mut heard) = database.listening_session("test", alerts::CHANNEL).await.unwrap();
    let quiet = writer.tell(&changes(vec![change(1, alert("10.0.0.9"), None)])).await.unwrap();
    assert_eq!(quiet.messages, 0);
    run(&listening.client, "SELECT 1").await;
    assert!(heard.try_recv().is_err(), "figures are told to nobody");
    let told = changes(vec![
        change(2, alert("10.0.0.10"), Some(Event::Opened)),
        change(3, alert("10.0.0.11"), None),
        change(4, alert("2001:db8::5"), Some(Event::Grown)),
    ]);
    assert_eq!(writer.tell(&told).await.unwrap().messages, 4);
    assert_eq!(heard.recv().await, Some(()));
    let rows = "SELECT string_agg(concat_ws(' ', receiver, event, state, attempts, body->'alert'->>'subject'), '; ' ORDER BY receiver, id)
                FROM flowsentry.outbox";
    assert_eq!(
        ask(&session.client, rows).await,
        "alertmanager opened pending 0 10.0.0.10; alertmanager grown pending 0 2001:db8::5; \
         webhook opened pending 0 10.0.0.10; webhook grown pending 0 2001:db8::5"
    );
    let shape = "SELECT string_agg(key, ' ' ORDER BY key) FROM flowsentry.outbox, jsonb_object_keys(body->'alert') key WHERE outbox.id = 1";
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attname::text) FROM pg_attribute
                   WHERE attrelid = 'flowsentry.alerts'::regclass AND attnum > 0 AND attname NOT IN ('memory', 'source_id')";
    assert_eq!(ask(&session.client, shape).await, ask(&session.client, columns).await, "all public columns");
    let first_seen = "SELECT body->'alert'->>'first_seen' FROM flowsentry.outbox WHERE id = 1";
    assert_eq!(ask(&session.client, first_seen).await, "2023-11-14T22:13:20.123457Z");
}

#[tokio::test]
async fn an_owner_of_an_earlier_epoch_stores_no_alert() {
    let Owning { lease, mut writer, database, session } = owning(&[Receiver::Webhook]).await;
    drop(lease);
    let claimed = async {
        loop {
            let claim = Claim::on(&database, "default").await.unwrap();
            if claim.try_take().await.unwrap().is_some() {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), claimed).await.unwrap();
    let stale = writer.tell(&changes(vec![change(1, alert("10.0.0.9"), Some(Event::Opened))])).await;
    assert_eq!(stale.unwrap_err().disposition(), Disposition::TakenOver);
    let rows = "SELECT (SELECT count(*) FROM flowsentry.alerts) + (SELECT count(*) FROM flowsentry.outbox)";
    assert_eq!(ask(&session.client, rows).await, "0");
}

#[tokio::test]
async fn an_editor_of_an_exception_keeps_nobody_from_storing() {
    let Owning { mut writer, database, session, .. } = owning(&[]).await;
    run(&session.client, "INSERT INTO flowsentry.exceptions (owner, reason) VALUES ('ada', 'x'), ('ada', 'y')").await;
    let editor = crate::kit::session(&database).await;
    run(&editor.client, "BEGIN; UPDATE flowsentry.exceptions SET reason = 'z' WHERE id = 1").await;
    writer.tell(&Changes { silenced: [(1, 5), (2, 6)].into(), ..Changes::default() }).await.unwrap();
    let silenced = "SELECT string_agg(silenced::text, ',' ORDER BY id) FROM flowsentry.exceptions";
    assert_eq!(ask(&session.client, silenced).await, "0,6");
}

#[tokio::test]
async fn an_alert_that_was_deleted_under_way_is_there_again() {
    let Owning { mut writer, session, .. } = owning(&[Receiver::Webhook]).await;
    let mut known = alert("10.0.0.9");
    known.id = Some(writer.tell(&changes(vec![change(1, known.clone(), None)])).await.unwrap().ids[0]);
    run(&session.client, "DELETE FROM flowsentry.alerts").await;
    let stored = writer.tell(&changes(vec![change(1, known.clone(), Some(Event::Grown))])).await.unwrap();
    assert_eq!((Some(stored.ids[0]), stored.messages), (known.id, 1));
}

#[tokio::test]
async fn a_database_of_the_version_before_gets_the_tables_and_the_service_its_rights() {
    let (name, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    let expected = dump::schema(&session.client).await;
    let role = format!("service_of_{name}");
    run(
        &session.client,
        &format!(
            "DROP TABLE flowsentry.outbox, flowsentry.alert_windows, flowsentry.alerts, flowsentry.exceptions;
             DROP FUNCTION flowsentry.exceptions_changed(); DELETE FROM flowsentry.migrations WHERE number = 5;
             CREATE ROLE {role}; GRANT USAGE ON SCHEMA flowsentry TO {role};
             GRANT SELECT, INSERT, DELETE ON flowsentry.rejected_packets TO {role}"
        ),
    )
    .await;
    let titles: Vec<String> =
        migrated(&mut session, false).await.unwrap().into_iter().map(|outcome| outcome.title).collect();
    assert_eq!(titles, ["apply 0005_alerts"]);
    run(&session.client, &format!("SET ROLE {role}")).await;
    run(
        &session.client,
        "SELECT nextval('flowsentry.alerts_id_seq'); DELETE FROM flowsentry.outbox; DELETE FROM flowsentry.alerts;
         UPDATE flowsentry.exceptions SET silenced = 1",
    )
    .await;
    run(&session.client, &format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert_eq!(dump::schema(&session.client).await, expected);
}

#[tokio::test]
async fn what_ended_long_ago_goes_with_all_that_belongs_to_it() {
    let Owning { mut writer, session, .. } = owning(&[Receiver::Webhook]).await;
    let mut closed = alert("10.9.9.9");
    closed.state = State::Closed;
    let told = [alert("10.0.0.1"), closed.clone(), closed].into_iter().zip(0..);
    let told = told.map(|(alert, handle)| change(handle, alert, Some(Event::Opened)));
    writer.tell(&changes(told.collect())).await.unwrap();
    run(
        &session.client,
        "INSERT INTO flowsentry.alert_windows SELECT id, now(), 0, 1, 1, 1, 1, 1, 1 FROM flowsentry.alerts;
         UPDATE flowsentry.alerts SET first_seen = now() - interval '9 days', last_seen = now() - interval '9 days';
         UPDATE flowsentry.alerts SET ended_at = now() - interval '9 days' WHERE id = 2;
         UPDATE flowsentry.outbox SET created_at = now() - interval '9 days';
         INSERT INTO flowsentry.outbox (alert_id, receiver, event, body, state, created_at) SELECT 1, 'webhook', 'grown', '{}', s,
             now() - interval '9 days' FROM unnest('{delivered,dead}'::text[]) s",
    )
    .await;
    let week = std::time::Duration::from_hours(7 * 24);
    let left = "SELECT concat_ws(' ', (SELECT string_agg(id::text, ',' ORDER BY id) FROM flowsentry.alerts),
                    (SELECT count(*) FROM flowsentry.alert_windows), (SELECT string_agg(alert_id || state, ',' ORDER BY id) FROM flowsentry.outbox))";
    assert_eq!(delete_ended(&session.client, std::time::Duration::ZERO).await.unwrap(), Deleted::default());
    assert_eq!(delete_ended(&session.client, week).await.unwrap(), Deleted { alerts: 1, messages: 2 });
    assert_eq!(ask(&session.client, left).await, "1,3 2 1pending,3pending");
}

#[tokio::test]
async fn only_the_oldest_message_of_an_alert_is_due_and_to_one_at_a_time() {
    let Owning { mut writer, session, .. } = owning(&[Receiver::Webhook, Receiver::Alertmanager]).await;
    let mut first = alert("10.0.0.1");
    first.id = Some(writer.tell(&changes(vec![change(1, first.clone(), Some(Event::Opened))])).await.unwrap().ids[0]);
    writer.tell(&changes(vec![change(1, first.clone(), Some(Event::Grown))])).await.unwrap();
    writer.tell(&changes(vec![change(2, alert("10.0.0.2"), Some(Event::Opened))])).await.unwrap();
    let minute = std::time::Duration::from_mins(1);
    let due = async |most| outbox::claim(&session.client, Receiver::Webhook, most, minute).await.unwrap();
    let shown = |due: &[outbox::Due]| -> Vec<String> {
        due.iter()
            .map(|due| format!("{} {} {}", due.alert_id, due.body["event"].as_str().unwrap(), due.attempts))
            .collect()
    };
    let claimed = due(10).await;
    assert_eq!(shown(&claimed), ["1 opened 1", "2 opened 1"]);
    assert_eq!(due(10).await, []);
    // Taken: the one behind it is due, and knows what was told before.
    outbox::delivered(&session.client, claimed[0].id).await.unwrap();
    let behind = due(10).await;
    assert_eq!(shown(&behind), ["1 grown 1"]);
    assert_eq!(behind[0].previous.as_ref().unwrap()["event"], "opened");
    // Not taken: due again when its pause is over; given up: never.
    outbox::failed(&session.client, &behind[0], &"x".repeat(9999), Some(std::time::Duration::ZERO)).await.unwrap();
    let again = due(10).await;
    assert_eq!(shown(&again), ["1 grown 2"]);
    outbox::failed(&session.client, &behind[0], "stale", None).await.unwrap();
    outbox::failed(&session.client, &again[0], "gone", Some(minute)).await.unwrap();
    outbox::failed(&session.client, &claimed[1], "dead", None).await.unwrap();
    let rows = "SELECT string_agg(concat_ws(' ', alert_id, event, state, attempts, last_error, next_attempt_at > now()), '; ' ORDER BY id)
                FROM flowsentry.outbox WHERE receiver = 'webhook'";
    assert_eq!(
        ask(&session.client, rows).await,
        "1 opened delivered 1 t; 1 grown pending 2 gone t; 2 opened dead 1 dead f"
    );
    let depth = outbox::depth(&session.client).await.unwrap();
    let depth: Vec<String> = depth.iter().map(|d| format!("{} {} {}", d.receiver, d.pending, d.dead)).collect();
    assert_eq!(depth, ["alertmanager 3 0", "webhook 1 1"]);
    let open = outbox::open(&session.client, (1, "here"), Receiver::Webhook, 0, 10).await.unwrap();
    assert_eq!(
        open.iter().map(|(id, body)| (*id, body["source"].as_str().unwrap())).collect::<Vec<_>>(),
        [(2, "here")]
    );
}
