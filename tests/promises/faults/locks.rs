//! Somebody holds a lock for longer than we wait for one: the service gives up, tries again, and goes on when it is free.

use super::super::kit::{Database, Service, Session, Tables, until};
use super::{insert, start, until_all_is_stored};

const PACKETS: u32 = 200;

/// Whether an attempt ended because a lock was not to be had.
fn was_refused(service: &Service) -> bool {
    service.log().iter().any(|line| line["error"].as_str().is_some_and(|text| text.contains("lock timeout")))
}

/// Holds what `lock` takes until the service has given up twice.
fn held(lock: impl Fn(&Database, &Session<'_>)) {
    let database = Database::new(Tables::Adopted);
    let service = start(&database, &["database.lock_timeout=100ms"]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    let person = database.session();
    person.execute("BEGIN");
    lock(&database, &person);
    let before = service.metric("flowsentry_attempts_total");
    until("the service to be refused", || was_refused(&service), |refused| *refused);
    until(
        "the service to give up twice",
        || service.metric("flowsentry_attempts_total"),
        |attempts| *attempts >= before + 2.0,
    );
    assert_eq!(service.get("/healthz").0, 200);
    person.execute("COMMIT");
    until_all_is_stored(&database);
    assert_eq!(database.number("SELECT count(*) FROM raw_packets"), 2 * i64::from(PACKETS));
    until("the service to be ready", || service.get("/readyz").0, |status| *status == 200);
    assert!(service.stop().success());
}

#[test]
fn a_lock_on_the_table_of_flows() {
    held(|database, person| {
        person.execute("LOCK TABLE traffic_data IN ACCESS EXCLUSIVE MODE");
        insert(database, 2, PACKETS);
    });
}

#[test]
fn a_lock_on_the_table_of_packets() {
    held(|_, person| {
        person.execute(&super::burst(2, PACKETS));
        person.execute("LOCK TABLE raw_packets IN ACCESS EXCLUSIVE MODE");
    });
}

#[test]
fn a_lock_on_the_row_of_the_checkpoint() {
    held(|database, person| {
        person.execute("SELECT * FROM flowsentry.checkpoint FOR UPDATE");
        insert(database, 2, PACKETS);
    });
}
