//! Metrics that operators are alerted by move when what they tell of happens, and come back when it is mended.

use super::kit::{Database, Service, Tables, until};

const INSERT: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                      SELECT 1700000000 + g, '10.0.0.1', '10.0.1.1', 'UDP', 60 FROM generate_series(1, 10) g";
const IDLE: &str = "flowsentry_holder_idle_seconds";
const RETAINED: &str = "flowsentry_retention_last_timestamp_seconds";

#[test]
fn a_session_forgotten_in_the_middle_of_an_insert_is_told_from_a_long_insert() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    service.until_owner();
    let forgotten = database.session();
    forgotten.execute("BEGIN");
    forgotten.execute(INSERT);
    database.execute(INSERT);
    until("the gap to age", || service.metric("flowsentry_pending_oldest_seconds"), |age| *age > 1.0);
    let idle = until("the holder to be seen idle", || service.metric(IDLE), |idle| *idle > 0.0);
    until("it to stay so", || service.metric(IDLE), |now| *now > idle);
    forgotten.execute("COMMIT");
    service.until_metric(IDLE, 0.0);
    service.until_metric("flowsentry_pending_ids", 0.0);
}

#[test]
fn an_insert_that_runs_long_is_not_idle() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    service.until_owner();
    std::thread::scope(|scope| {
        let long = database.session();
        let slow = INSERT.replace("'UDP'", "'UDP' || pg_sleep(0.6)::text");
        scope.spawn(move || long.execute(&slow));
        until("it to have an id", || database.number("SELECT last_value FROM raw_packets_id_seq"), |last| *last > 1);
        database.execute(INSERT);
        let age = || service.metric("flowsentry_pending_oldest_seconds");
        until("the gap to last", age, |age| *age > 3.0);
        assert_eq!(service.metric(IDLE), 0.0);
    });
    service.until_metric("flowsentry_pending_ids", 0.0);
}

#[test]
fn retention_that_fails_does_not_get_on() {
    let database = Database::new(Tables::Adopted);
    database.execute(INSERT);
    let service = Service::start(&database, &["retention.interval=100ms", "database.lock_timeout=100ms"]);
    let first = until("a round of retention", || service.metric(RETAINED), |last| *last > 1_700_000_000.0);
    until("another one", || service.metric(RETAINED), |last| *last > first);

    let session = database.session();
    session.execute("BEGIN; LOCK TABLE flowsentry.alerts IN ACCESS EXCLUSIVE MODE");
    let errors = || service.metric("flowsentry_errors_total{kind=\"retention\"}");
    let failed = until("a round to fail", errors, |errors| *errors >= 1.0);
    let last = service.metric(RETAINED);
    until("two more to fail", errors, |errors| *errors >= failed + 2.0);
    assert_eq!(service.metric(RETAINED), last);
    session.execute("ROLLBACK");
    until("it to get on", || service.metric(RETAINED), |now| *now > last);
}

#[test]
fn the_process_says_what_it_costs_since_when_and_for_which_source() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["source.name=north"]);
    service.until_metric("flowsentry_source_info{source=\"north\"}", 1.0);
    assert!(service.metric("flowsentry_start_timestamp_seconds") > 1_700_000_000.0);
    let mebibyte = 1024.0 * 1024.0;
    until("its memory", || service.metric("flowsentry_resident_memory_bytes"), |bytes| *bytes > mebibyte);
    let cpu = |mode: &str| service.metric(&format!("flowsentry_cpu_seconds_total{{mode=\"{mode}\"}}"));
    until("its time", || cpu("user") + cpu("system"), |seconds| *seconds > 0.0);
}
