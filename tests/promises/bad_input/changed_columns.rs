//! The table's owner changes it while the service runs: what was read before stays, what came since is read as it is now,
//! and what cannot be read is said, with the remedy, until it is mended.

use std::thread;
use std::time::Duration;

use crate::kit::{Database, Service, Sums, Tables, assert_flows_equal_group_by, sums, until, until_some};

/// An attempt that lasted 100 ms has served: from then on the service waits for a mend.
const SETTINGS: [&str; 6] = [
    "service.grace_period=200ms",
    "retry.backoff_min=20ms",
    "retry.backoff_max=100ms",
    "ingest.poll_interval=10ms",
    "store.checkpoint_interval=20ms",
    "wakeup.sleep_after=1h",
];

fn insert(database: &Database, from: u32) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, tcp_flags)
         SELECT 1700000000 + g, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1024 + g, 'SYN' FROM generate_series({from}, {from} + 49) g"
    ));
}

/// A service that has read fifty packets.
fn served(database: &Database) -> Service {
    let service = Service::start(database, &SETTINGS);
    insert(database, 0);
    until("the first packets", || service.metric("flowsentry_packets_read_total"), |read| *read == 50.0);
    thread::sleep(Duration::from_millis(120));
    service
}

/// Waits for an ended attempt whose error holds `text`. Gives its hint.
#[track_caller]
fn told(service: &Service, text: &str) -> String {
    let line = until_some(text, || {
        let has_text = |line: &serde_json::Value| line["error"].as_str().is_some_and(|error| error.contains(text));
        service.log().into_iter().find(|line| line["message"] == "this attempt has ended" && has_text(line))
    });
    line["hint"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_column_of_another_type_is_read_as_the_type_it_has_now() {
    let database = Database::new(Tables::Adopted);
    let service = served(&database);
    let changes = [
        "ALTER src_port TYPE bigint",
        "ALTER src_ip TYPE inet USING src_ip::inet",
        "ALTER protocol TYPE smallint USING 6",
        "ALTER tcp_flags TYPE integer USING 2",
    ];
    for (round, change) in (1..).zip(changes) {
        database.execute(&format!("ALTER TABLE raw_packets {change}"));
        let values = match round {
            1 => "'10.0.0.1', '10.0.0.2', 'TCP', 60, 1024 + g, 'SYN'",
            2 => "'10.0.0.1'::inet, '10.0.0.2', 'TCP', 60, 1024 + g, 'SYN'",
            3 => "'10.0.0.1'::inet, '10.0.0.2', 6, 60, 1024 + g, 'SYN'",
            _ => "'10.0.0.1'::inet, '10.0.0.2', 6, 60, 1024 + g, 2",
        };
        database.execute(&format!(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, tcp_flags)
             SELECT 1700000000 + g, {values} FROM generate_series(0, 49) g"
        ));
        let read = || database.number("SELECT position_high FROM flowsentry.checkpoint");
        until(change, read, |high| *high == 50 + round * 50);
    }
    let all = until("every packet to be stored", || sums(&database), Sums::agree);
    assert_eq!((all.stored, all.rejected), (250, 0));
    let flow = &database.query("SELECT DISTINCT src_ip, protocol, tcp_flags FROM traffic_data");
    assert_eq!(flow.len(), 1);
    assert_eq!((flow[0].get(0), flow[0].get(1), flow[0].get(2)), ("10.0.0.1", "TCP", "SYN"));
    drop(service);
}

#[test]
fn seconds_that_become_timestamps_stay_the_times_they_are() {
    let database = Database::new(Tables::Adopted);
    let service = served(&database);
    database.execute("ALTER TABLE raw_packets ALTER timestamp TYPE timestamptz USING to_timestamp(timestamp)");
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT to_timestamp(1700000000 + g), '10.0.0.1', '10.0.0.2', 'TCP', 60 FROM generate_series(50, 99) g",
    );
    until("every packet to be stored", || sums(&database), |sums| sums.agree() && sums.stored == 100);
    let span = "SELECT extract(epoch FROM min(first_seen))::bigint FROM traffic_data";
    assert_eq!(database.number(span), 1_700_000_000);
    assert_eq!(database.number(&span.replace("min(first", "max(last")), 1_700_000_099);
    drop(service);
}

#[test]
fn a_column_that_went_away_is_named_with_the_remedy_until_it_is_back() {
    let database = Database::new(Tables::Adopted);
    let service = served(&database);
    database.execute("ALTER TABLE raw_packets RENAME length TO octets");
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, octets)
         SELECT 1700000000 + g, '10.0.0.1', '10.0.0.2', 'TCP', 60 FROM generate_series(0, 49) g",
    );
    let hint = told(&service, "has no column \"length\" for length");
    assert!(hint.contains("[source.columns] length = "), "{hint}");
    let errors = service.metric("flowsentry_errors_total{kind=\"database\"}");
    // It goes on trying, and it lives.
    until("more tries", || service.metric("flowsentry_errors_total{kind=\"database\"}"), |more| *more >= errors + 2.0);
    assert_eq!(service.get("/healthz").0, 200);
    let (_, body) = service.get("/readyz");
    assert!(body.contains("has no column"), "{body}");
    database.execute("ALTER TABLE raw_packets RENAME octets TO length");
    let all = until("what waited to be stored", || sums(&database), Sums::agree);
    assert_eq!((all.stored, all.rejected), (100, 0));
    assert_flows_equal_group_by(&database);

    // A type that cannot be read, likewise.
    database.execute("ALTER TABLE raw_packets ALTER src_port TYPE text");
    insert_ports_as_text(&database);
    let hint = told(&service, "has type text; expected smallint, integer or bigint");
    assert!(hint.contains("[source.columns] src_port = "), "{hint}");
    database.execute("ALTER TABLE raw_packets ALTER src_port TYPE integer USING src_port::integer");
    let all = until("what waited to be stored", || sums(&database), |sums| sums.agree() && sums.packets == 150);
    assert_eq!(all.rejected, 0);
    assert_flows_equal_group_by(&database);
}

fn insert_ports_as_text(database: &Database) {
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port)
         SELECT 1700000000 + g, '10.0.0.1', '10.0.0.2', 'TCP', 60, '443' FROM generate_series(0, 49) g",
    );
}

#[test]
fn columns_that_nobody_needs_come_and_go_unnoticed() {
    let database = Database::new(Tables::Adopted);
    let service = served(&database);
    let changes = [
        "DROP COLUMN tcp_flags",
        "ADD COLUMN vlan integer",
        "ADD COLUMN seen timestamptz DEFAULT clock_timestamp()",
        "DROP COLUMN http_path, DROP COLUMN dns_qname",
        "ADD COLUMN tcp_flags varchar DEFAULT 'ACK'",
    ];
    for (round, change) in (1..).zip(changes) {
        database.execute(&format!("ALTER TABLE raw_packets {change}"));
        database.execute(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
             SELECT 1700000000 + g, '10.0.0.1', '10.0.0.2', 'TCP', 60 FROM generate_series(0, 49) g",
        );
        let read = || database.number("SELECT position_high FROM flowsentry.checkpoint");
        until(change, read, |high| *high == 50 + round * 50);
    }
    let all = until("every packet to be stored", || sums(&database), Sums::agree);
    assert_eq!((all.stored, all.rejected), (300, 0));
    drop(service);
}

/// A statement whose snapshot is older than a rewrite of the table sees it empty, and a missing id would seem dead.
#[test]
fn a_table_rewritten_while_a_gap_is_read_loses_nothing() {
    let database = Database::new(Tables::Adopted);
    // While one id is missing nothing but gaps is read: no other statement waits for the rewrite in its place.
    let settings = [
        "service.grace_period=200ms",
        "ingest.pending_ranges_max=1",
        "ingest.poll_interval=1ms",
        "wakeup.sleep_after=1h",
    ];
    let service = Service::start(&database, &settings);
    service.until_owner();
    let (slow, owner) = (database.session(), database.session());
    slow.execute("BEGIN");
    slow.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                  VALUES (1700000000, '10.0.0.9', '10.0.0.2', 'TCP', 60)",
    );
    insert(&database, 0);
    until("the gap to be seen", || service.metric("flowsentry_pending_ids"), |pending| *pending == 1.0);
    thread::scope(|scope| {
        scope.spawn(|| {
            owner.execute("BEGIN; ALTER TABLE raw_packets ADD COLUMN seen timestamptz DEFAULT clock_timestamp()");
            let waits =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                         AND application_name = 'flowsentry/ingest'";
            until("the reader to wait for the rewrite", || database.number(waits), |waits| *waits == 1);
            owner.execute("COMMIT");
        });
        let queued = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted
                      AND relation = 'raw_packets'::regclass";
        until("the rewrite to wait for the insert", || database.number(queued), |queued| *queued == 1);
        slow.execute("COMMIT");
    });
    let all = until("every packet to be stored", || sums(&database), Sums::agree);
    assert_eq!(all.stored, 51);
    assert_flows_equal_group_by(&database);
}
