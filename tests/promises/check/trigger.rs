//! Findings of the trigger that wakes the service.

use std::sync::atomic::{AtomicBool, Ordering};

use super::kit::{Report, check, mend};
use crate::kit::{Database, Service, Tables};

const TABLE: &str = "\"public\".\"raw_packets\"";
const ONE: &str =
    "(timestamp, src_ip, dst_ip, protocol, length) VALUES (1700000000, '10.0.0.1', '10.0.0.2', 'UDP', 60)";

/// A report while `sql` is run over and over.
fn check_while(database: &Database, sql: &str) -> Report {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let other = Database::at(&database.url);
            while !done.load(Ordering::Relaxed) {
                other.execute(sql);
            }
        });
        let report = check(database, &[]);
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        report
    })
}

#[test]
fn a_trigger_that_is_not_there_or_does_not_ring_is_mended() {
    let database = Database::new(Tables::Adopted);
    let mended = |change: &str, name: &str, found: &str, remedy: &str| {
        database.execute(change);
        let report = check(&database, &[]);
        assert_eq!(report.code, Some(0), "it works without");
        mend(&database, &report.has(name, "warning", TABLE, found, remedy));
        check(&database, &[]).has("trigger", "fine", TABLE, "is there, enabled and unchanged", "");
    };
    let disable = "ALTER TABLE raw_packets DISABLE TRIGGER flowsentry_wake";
    mended(disable, "trigger", "is disabled", "ENABLE TRIGGER \"flowsentry_wake\";");
    let replica = "ALTER TABLE raw_packets ENABLE REPLICA TRIGGER flowsentry_wake";
    mended(replica, "trigger.mode", "for replicas only", "ENABLE ALWAYS TRIGGER \"flowsentry_wake\";");
    let body =
        "CREATE OR REPLACE FUNCTION flowsentry.wake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";
    mended(
        body,
        "trigger.function",
        "is not the function of this program",
        "CREATE OR REPLACE FUNCTION flowsentry.wake()",
    );
    let row = "DROP TRIGGER flowsentry_wake ON raw_packets; CREATE TRIGGER flowsentry_wake AFTER INSERT ON raw_packets
               FOR EACH ROW EXECUTE FUNCTION flowsentry.wake()";
    mended(row, "trigger.shape", "is not AFTER INSERT FOR EACH STATEMENT", "CREATE TRIGGER flowsentry_wake");

    database.execute("DROP TRIGGER flowsentry_wake ON raw_packets");
    check(&database, &[]).has("trigger", "warning", TABLE, "there is no trigger", "flowsentry migrate");
    check(&database, &["--set", "wakeup.trigger=false"]).has("trigger", "fine", TABLE, "flowsentry polls", "");
    database.migrate(&["--adopt"]);
    let report = check(&database, &["--set", "wakeup.trigger=false"]);
    mend(&database, &report.has("trigger", "warning", TABLE, "wakeup.trigger is false", "DISABLE TRIGGER"));
    check(&database, &["--set", "wakeup.trigger=false"]).is_fine("trigger");
}

#[test]
fn a_role_whose_triggers_are_off_and_a_partition_as_the_table_are_told() {
    let database = Database::new(Tables::Adopted);
    let role = format!("replica_{}", std::process::id());
    database.execute(&format!(
        "CREATE ROLE {role}; DO $$ BEGIN EXECUTE format('ALTER ROLE {role} IN DATABASE %I SET session_replication_role = replica',
             current_database()); END $$"
    ));
    let report = check(&database, &[]);
    let finding = report.has("trigger.mode", "warning", TABLE, &format!("role {role}"), "ENABLE ALWAYS");
    mend(&database, &finding);
    check(&database, &[]).is_fine("trigger.mode");
    database.execute(&format!("DROP ROLE {role}"));

    database.execute(
        "CREATE TABLE \"All\" (LIKE raw_packets INCLUDING DEFAULTS) PARTITION BY LIST (interface);
         ALTER TABLE \"All\" ATTACH PARTITION raw_packets DEFAULT",
    );
    let report = check(&database, &[]);
    report.has(
        "trigger.parent",
        "warning",
        TABLE,
        "a partition of \"public\".\"All\"",
        "source.table=\"public\".\"All\"",
    );
}

#[test]
fn a_ring_is_heard_and_silence_is_told() {
    let database = Database::new(Tables::Ours);
    let report = check_while(&database, &format!("INSERT INTO raw_packets {ONE}"));
    report.has("trigger", "fine", TABLE, "enabled and unchanged; and it rang", "");
    let past = "INSERT INTO raw_packets_default (id, inserted_at) VALUES (nextval('raw_packets_id_seq'), '2020-01-01')";
    let report = check_while(&database, past);
    report.has("trigger.silent", "warning", TABLE, "was not heard", "insert into \"public\".\"raw_packets\" itself");
}

#[test]
fn an_awake_service_keeps_it_silent() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &["wakeup.sleep_after=1m"]);
    service.until_owner();
    let awake = || service.metric("flowsentry_awake");
    crate::kit::until("the service to be awake", awake, |awake| *awake == 1.0);
    let report = check(&database, &[]);
    report.has("trigger", "fine", TABLE, "an awake service keeps it silent", "");
}
