//! Nothing lost unnoticed: packets that came past every lock are found, what was deleted raises no alarm, and the counts
//! are exact whatever happens to the service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use super::kit::{Database, Service, Tables, assert_verified, sums, until, verify};

/// Audits several times a second, and stores as often.
pub(super) const SETTINGS: [&str; 3] =
    ["audit.interval=100ms", "store.checkpoint_interval=50ms", "ingest.poll_interval=10ms"];
pub(super) const MISSING: &str = "flowsentry_audit_missing_packets_total";
const NEVER_READ: &str = "packets were never read";

/// Packets a second apart, from 1700000000 + `after` on; ids by the sequence.
pub(super) fn insert(database: &Database, after: i64, packets: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + {after} + g * 0.5, '10.0.0.' || g % 9, '10.0.1.1', 'UDP', 60 FROM generate_series(1, {packets}) g"
    ));
}

/// A packet with an id of its own.
pub(super) fn insert_by_hand(database: &Database, id: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
         VALUES ({id}, 1700000001, '10.0.0.1', '10.0.1.1', 'UDP', 60)"
    ));
}

/// Moves the sequence on without a row, as transactions do that are rolled back.
fn skip_ids(database: &Database, to: i64) {
    database.execute(&format!("SELECT setval('raw_packets_id_seq', {to})"));
}

pub(super) fn until_stored(database: &Database, packets: i64) {
    until("all packets to be stored", || sums(database), |sums| sums.stored + sums.rejected == packets);
}

/// Waits until everything has been audited twice from now on.
pub(super) fn until_audited(service: &Service, database: &Database) {
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
pub(super) fn assert_no_alarm(service: &Service) {
    assert_eq!(alarms(service), Vec::<Value>::new());
    assert_eq!(service.metric(MISSING), 0.0);
    assert_eq!(service.metric("flowsentry_unaccounted_packets"), 0.0);
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"audit\"}"), 0.0);
}

/// Violations of a kind.
fn of_kind(report: &Value, kind: &str) -> Vec<Value> {
    report["violations"].as_array().unwrap().iter().filter(|one| one["kind"] == kind).cloned().collect()
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
    let (code, report) = verify(&database, &[]);
    assert_eq!((code, &report["packets"]["never_read"]), (1, &4.into()), "{report:#}");
    let blocks: Vec<_> = of_kind(&report, "never_read").iter().map(|one| one["packets"].clone()).collect();
    assert_eq!(blocks, [Value::from(1), 2.into(), 1.into()], "below the first id, in the gap, in the newest block");
    let lacking = of_kind(&report, "differs");
    assert_eq!(lacking.len(), 1, "{report:#}");
    assert_eq!(
        (&lacking[0]["src_ip"], &lacking[0]["window_start"]),
        (&"10.0.0.1".into(), &"2023-11-14T22:13:00Z".into())
    );

    // Nor is any told again after a restart.
    drop(service);
    let service = Service::start(&database, &SETTINGS);
    service.until_owner();
    until_audited(&service, &database);
    assert_no_alarm(&service);
}

#[test]
fn ids_that_a_session_has_in_store_are_found() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &SETTINGS);
    insert(&database, 0, 10);
    until_stored(&database, 10);
    // Past the check of the start: a session draws ids in advance, and inserts with them later, in transactions that hold no
    // lock while the ids are missing.
    let hoarder = database.session();
    hoarder.execute("CREATE TEMP TABLE hoard AS SELECT nextval('raw_packets_id_seq') AS id FROM generate_series(1, 5)");
    insert(&database, 3600, 10);
    until_stored(&database, 20);
    until("the ids to be given up", || service.metric("flowsentry_ids_dead_total"), |dead| *dead == 5.0);
    hoarder.execute(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
         SELECT id, 1700000001, '10.0.0.1', '10.0.1.1', 'UDP', 60 FROM hoard",
    );
    until("the packets to be found", || service.metric(MISSING), |missing| *missing == 5.0);
    assert_eq!(verify(&database, &["--counts"]).0, 1);
}

#[test]
fn what_is_deleted_raises_no_alarm() {
    let database = Database::new(Tables::Adopted);
    let service =
        Service::start(&database, &[&SETTINGS[..], &["retention.keep=2m", "retention.interval=100ms"]].concat());
    // Packets that will be old, in several blocks; and young ones.
    for block in 1..4 {
        insert(&database, block, 500);
        skip_ids(&database, block * 70_000);
    }
    let young = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, inserted_at)
                 SELECT extract(epoch FROM now()) - 90 + g * 0.1, '10.0.2.' || g % 9, '10.0.1.1', 'UDP', 60, now() AT TIME ZONE 'utc'
                 FROM generate_series(1, 500) g";
    database.execute(young);
    until_stored(&database, 2000);
    database.execute("UPDATE raw_packets SET inserted_at = now() - interval '1 day' WHERE id <= 210000");
    database.execute("DELETE FROM raw_packets WHERE id % 50 = 7 AND id > 210000");
    until("retention", || database.number("SELECT count(*) FROM raw_packets WHERE id <= 210000"), |old| *old == 0);
    let emptied = "SELECT count(*) FROM flowsentry.consumed_ids WHERE block < 3";
    until("empty blocks to be removed", || database.number(emptied), |blocks| *blocks == 0);
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    assert_eq!(report["packets"]["deleted"], 1510, "{report:#}");
    assert_eq!(report["packets"]["in_table"], 490);
    assert_eq!(report["packets"]["consumed"], 2000);
}

/// Lets writers end, also when the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn counts_stay_exact_while_the_service_is_killed_and_four_writers_insert() {
    let database = Database::new(Tables::Ours);
    let done = AtomicBool::new(false);
    let settings = [&SETTINGS[..], &["ingest.rows_per_read=500", "ingest.rows_per_batch=50"]].concat();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|writer| {
            let (database, done) = (&database, &done);
            scope.spawn(move || {
                let session = database.session();
                for round in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let end = if round % 5 == 4 { "ROLLBACK" } else { "COMMIT" };
                    let bad = if round % 7 == 6 { 70_000 } else { 80 };
                    session.execute(&format!(
                        "BEGIN; INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port)
                         SELECT 1700000000 + {round} * 2 + g * 0.1, '10.0.{writer}.' || g % 9, '10.0.1.1', 'UDP', 60, {bad}
                         FROM generate_series(1, 20) g; SELECT pg_sleep(0.002); {end}"
                    ));
                }
            })
        }).collect();
        let ending = Ending(&done);
        for _ in 0..4 {
            let service = Service::start(&database, &settings);
            let before = database.number("SELECT consumed FROM flowsentry.checkpoint");
            until(
                "packets to be consumed",
                || database.number("SELECT consumed FROM flowsentry.checkpoint"),
                |now| *now > before + 500,
            );
            let report = assert_verified(&database);
            assert!(report["packets"]["consumed"].as_i64() > Some(500), "{report:#}");
            assert_no_alarm(&service);
            service.kill();
            assert_verified(&database);
        }
        drop(ending);
        for writer in writers {
            writer.join().unwrap();
        }
    });
    let packets = database.number("SELECT count(*) FROM raw_packets");
    let service = Service::start(&database, &settings);
    until_stored(&database, packets);
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    let figure = |name: &str| report["packets"][name].as_i64().unwrap();
    assert_eq!((figure("consumed"), figure("in_table"), figure("deleted")), (packets, packets, 0), "{report:#}");
    assert_eq!((figure("rejected") + figure("stored"), figure("open"), figure("gone")), (packets, 0, 0), "{report:#}");
    assert!(figure("rejected") > 0);
    assert_eq!(database.number("SELECT sum(rows) FROM flowsentry.consumed_ids"), packets);
}

#[test]
fn a_source_that_is_read_from_its_latest_packet_is_audited_from_there() {
    let database = Database::new(Tables::Adopted);
    insert(&database, 0, 100);
    let service = Service::start(&database, &[&SETTINGS[..], &["ingest.start=latest"]].concat());
    service.until_owner();
    insert(&database, 3600, 50);
    until_stored(&database, 50);
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    assert_eq!(
        (&report["packets"]["consumed"], &report["packets"]["in_table"]),
        (&50.into(), &50.into()),
        "{report:#}"
    );
}

/// The schema as it was before there was an audit.
const WITHOUT_AUDIT: &str = "
    DROP TABLE flowsentry.outbox, flowsentry.alert_windows, flowsentry.alerts, flowsentry.exceptions, flowsentry.consumed_ids;
    DROP FUNCTION flowsentry.exceptions_changed();
    ALTER TABLE flowsentry.checkpoint DROP audit_from, DROP counted_since, DROP consumed, DROP rejected, DROP stored,
        DROP open, DROP gone;
    DELETE FROM flowsentry.migrations WHERE number >= 3;";

#[test]
fn an_installation_from_before_the_audit_is_audited_from_the_next_block_on() {
    let database = Database::new(Tables::Adopted);
    let role = format!("labeller_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role}; GRANT SELECT, INSERT ON flowsentry.rejected_packets TO {role}"));
    let service = Service::start(&database, &[&SETTINGS[..], &["window.idle_timeout=1h"]].concat());
    let writer = database.session();
    writer.execute("BEGIN; SELECT nextval('raw_packets_id_seq')");
    insert(&database, 0, 100);
    let settled = "SELECT stored FROM flowsentry.checkpoint WHERE open > 0";
    until("some to be stored, and some in an open window", || database.number(settled), |stored| *stored > 0);
    service.kill();
    database.execute(WITHOUT_AUDIT);
    database.migrate(&["--adopt"]);

    let service = Service::start(&database, &SETTINGS);
    insert(&database, 100, 100);
    writer.execute(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
                    VALUES (currval('raw_packets_id_seq'), 1700000000, '10.0.0.1', '10.0.1.1', 'UDP', 60); COMMIT",
    );
    until_stored(&database, 201);
    assert_eq!(database.number("SELECT audit_from FROM flowsentry.checkpoint"), 65_536);
    skip_ids(&database, 65_600);
    insert(&database, 3600, 50);
    until_stored(&database, 251);
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    assert!(
        report["counted_since"].as_i64() > Some(0) && report["notes"].to_string().contains("counted since"),
        "{report:#}"
    );
    insert_by_hand(&database, 65_550);
    until("the packet to be found", || service.metric(MISSING), |missing| *missing == 1.0);
    let may = format!("SELECT has_table_privilege('{role}', 'flowsentry.consumed_ids', 'INSERT, UPDATE')::int");
    assert_eq!(database.number(&may), 1, "who could store before can store now");
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_table_emptied_with_its_identity_restarted_raises_no_alarm() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &SETTINGS);
    // Fewer were consumed of these ids than there will be.
    database.execute("SELECT nextval('raw_packets_id_seq') FROM generate_series(1, 40)");
    insert(&database, 0, 100);
    until_stored(&database, 100);
    for generation in 2..5 {
        database.execute("TRUNCATE raw_packets RESTART IDENTITY");
        insert(&database, 3600 * (5 - generation), 150);
        until_stored(&database, 100 + 150 * (generation - 1));
    }
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    let packets = &report["packets"];
    assert_eq!(
        (&packets["consumed"], &packets["in_table"], &packets["deleted"]),
        (&550.into(), &150.into(), &400.into())
    );
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.consumed_ids WHERE generation < 4"), 0);
}
