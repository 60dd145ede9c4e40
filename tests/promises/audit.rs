//! Nothing lost unnoticed: packets that came past every lock are found, what was deleted raises no alarm, and the counts
//! are exact whatever happens to the service.

use serde_json::Value;

use super::kit::{Database, Service, Tables, sums, until};

/// Audits several times a second, and stores as often.
const SETTINGS: [&str; 3] = ["audit.interval=100ms", "store.checkpoint_interval=50ms", "ingest.poll_interval=10ms"];
const MISSING: &str = "flowsentry_audit_missing_packets_total";
const NEVER_READ: &str = "packets were never read";

/// Packets a second apart, from 1700000000 + `after` on; ids by the sequence.
fn insert(database: &Database, after: i64, packets: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + {after} + g * 0.5, '10.0.0.' || g % 9, '10.0.1.1', 'UDP', 60 FROM generate_series(1, {packets}) g"
    ));
}

/// A packet with an id of its own.
fn insert_by_hand(database: &Database, id: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
         VALUES ({id}, 1700000001, '10.0.0.1', '10.0.1.1', 'UDP', 60)"
    ));
}

/// Moves the sequence on without a row, as transactions do that are rolled back.
fn skip_ids(database: &Database, to: i64) {
    database.execute(&format!("SELECT setval('raw_packets_id_seq', {to})"));
}

fn until_stored(database: &Database, packets: i64) {
    until("all packets to be stored", || sums(database), |sums| sums.stored + sums.rejected == packets);
}

/// Waits until everything has been audited twice from now on.
fn until_audited(service: &Service, database: &Database) {
    let blocks = database.number("SELECT count(*) FROM flowsentry.consumed_ids") as f64;
    let audited = || service.metric("flowsentry_audit_blocks_total");
    let enough = audited() + 2.0 * (blocks + 1.0);
    until("two audits of every block", audited, |audited| *audited >= enough);
}

fn alarms(service: &Service) -> Vec<Value> {
    let is_alarm = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(NEVER_READ));
    service.log().into_iter().filter(is_alarm).collect()
}

#[track_caller]
fn assert_no_alarm(service: &Service) {
    assert_eq!(alarms(service), Vec::<Value>::new());
    assert_eq!(service.metric(MISSING), 0.0);
    assert_eq!(service.metric("flowsentry_unaccounted_packets"), 0.0);
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"audit\"}"), 0.0);
}

#[test]
fn packets_with_ids_made_by_hand_are_found_and_told_once() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &SETTINGS);
    insert(&database, 0, 100);
    skip_ids(&database, 200_000);
    insert(&database, 3600, 100);
    until_stored(&database, 200);
    until_audited(&service, &database);
    assert_no_alarm(&service);

    // In the newest block, in one that nothing was consumed of, and below the first id of all.
    insert_by_hand(&database, 199_999);
    until("the first to be found", || service.metric(MISSING), |missing| *missing == 1.0);
    insert_by_hand(&database, 70_000);
    insert_by_hand(&database, 70_001);
    until("the next two to be found", || service.metric(MISSING), |missing| *missing == 3.0);
    insert_by_hand(&database, -5);
    until("the last to be found", || service.metric(MISSING), |missing| *missing == 4.0);
    until_audited(&service, &database);
    assert_eq!(service.metric(MISSING), 4.0, "each is told once");
    let told: Vec<_> =
        alarms(&service).iter().map(|line| (line["first_id"].clone(), line["last_id"].clone())).collect();
    assert!(told.contains(&(196_608.into(), 200_100.into())), "{told:?}");
    assert!(told.contains(&(65_536.into(), 131_071.into())), "{told:?}");
    assert_eq!(sums(&database).stored, 200, "and they are in no flow");

    // Nor is any told again after a restart.
    drop(service);
    let service = Service::start(&database, &SETTINGS);
    service.until_owner();
    until_audited(&service, &database);
    assert_no_alarm(&service);
}
