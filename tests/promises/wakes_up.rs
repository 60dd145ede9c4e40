//! Rows are found when they come: asleep by NOTIFY, awake without, and by the fallback timer when nothing rang.

use super::kit::{Database, Service, Tables, until};

const INSERT: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                      VALUES (extract(epoch FROM now()), '10.0.0.1', '10.0.0.2', 'UDP', 60)";

fn position(database: &Database) -> i64 {
    database.number("SELECT position_high FROM flowsentry.checkpoint")
}

#[test]
fn an_insert_wakes_the_sleeper_without_the_fallback_timer() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["wakeup.fallback_interval=0s", "wakeup.sleep_after=0s"]);
    for round in 1..=5 {
        service.until_asleep();
        database.execute(INSERT);
        until("the row to be read", || position(&database), |high| *high == round);
    }
    service.until_metric("flowsentry_wakeups_total{cause=\"notification\"}", 5.0);
    assert_eq!(service.metric("flowsentry_wakeups_total{cause=\"fallback\"}"), 0.0);
}

#[test]
fn awake_no_insert_notifies() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["wakeup.sleep_after=1h"]);
    service.until_owner();
    let listener = database.session();
    until(
        "the gate to be shut",
        || {
            database.number(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
         AND classid = 1718382455
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
        },
        |held| *held == 1,
    );
    listener.execute("LISTEN flowsentry_packets");
    for _ in 0..50 {
        database.execute(INSERT);
    }
    until("the rows to be read", || position(&database), |high| *high == 50);
    assert_eq!(service.metric("flowsentry_notifications_total"), 0.0);
}

#[test]
fn without_a_trigger_the_fallback_timer_finds_rows() {
    let database = Database::new(Tables::Adopted);
    database.execute("DROP TRIGGER flowsentry_wake ON raw_packets");
    let service = Service::start(&database, &["wakeup.fallback_interval=200ms"]);
    service.until_logged(
        "no enabled wake-up trigger: new packets are found by the fallback timer; flowsentry migrate adds it",
    );
    service.until_asleep();
    database.execute(INSERT);
    until("the row to be read", || position(&database), |high| *high == 1);
    service.until_metric("flowsentry_wakeups_total{cause=\"fallback\"}", 1.0);
}

#[test]
fn a_writer_that_was_silent_while_we_fell_asleep_is_waited_for() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["wakeup.fallback_interval=0s", "wakeup.sleep_after=0s"]);
    service.until_owner();
    let writer = database.session();
    // The trigger runs while the gate may be shut; the row commits much later.
    writer.execute("BEGIN");
    writer.execute(INSERT);
    database.execute(INSERT);
    until("the later row to be read", || position(&database), |high| *high == 2);
    writer.execute("COMMIT");
    until("both rows to be counted", || service.metric("flowsentry_packets_read_total"), |read| *read == 2.0);
}

#[test]
fn polling_alone_finds_rows() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["wakeup.trigger=false"]);
    service.until_owner();
    database.execute(INSERT);
    until("the row to be read", || position(&database), |high| *high == 1);
    service.until_metric("flowsentry_awake", 1.0);
}
