//! The table is emptied with its identity restarted while windows are open and sniffers insert: what was read before is
//! stored, what comes after is read as new packets with the same ids.

use std::thread;

use super::super::kit::{Database, Service, Tables, assert_flows_equal_group_by, until};
use super::{burst, start};

const ROUNDS: u32 = 3;
const WRITERS: u32 = 4;
const BURSTS: u32 = 5;
const PACKETS: u32 = 60;

/// Several sessions insert at once; some of their ids die.
fn insert_at_once(database: &Database, round: u32) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let session = database.session();
                for number in 0..BURSTS {
                    session.execute(&format!("BEGIN; {}; ROLLBACK", burst(round, 3)));
                    session.execute(&burst(round * 10 + (writer + number) % 3, PACKETS));
                }
            });
        }
    });
}

/// Waits until all that is in the table was read, and its ids that died were given up; then windows are still open.
fn until_read(database: &Database, service: &Service, generation: u32) {
    let read = format!(
        "SELECT count(*) FROM flowsentry.checkpoint
         WHERE generation = {generation} AND position_high = (SELECT max(id) FROM raw_packets)"
    );
    until("all packets to be read", || database.number(&read), |read| *read == 1);
    until("no id to be missing", || service.metric("flowsentry_pending_ids"), |missing| *missing == 0.0);
    assert!(service.metric("flowsentry_open_flows") > 0.0, "no window is open, so nothing is at stake");
}

#[test]
fn a_table_emptied_under_load_loses_nothing_that_was_read() {
    let database = Database::new(Tables::Adopted);
    database.execute("CREATE TABLE emptied (LIKE raw_packets)");
    // Windows stay open until the sniffers have been silent for a while.
    let service = start(&database, &["window.idle_timeout=3s"]);
    for round in 1..=ROUNDS {
        insert_at_once(&database, round);
        until_read(&database, &service, round);
        database.execute("INSERT INTO emptied SELECT * FROM raw_packets");
        database.execute("TRUNCATE raw_packets RESTART IDENTITY");
    }
    insert_at_once(&database, ROUNDS + 1);
    let all = i64::from(WRITERS * BURSTS * PACKETS * (ROUNDS + 1));
    let stored = || database.number("SELECT sum(packet_count) FROM traffic_data");
    until("the packets before and after", stored, |stored| *stored >= all);
    assert_eq!(stored(), all);
    assert_eq!(database.number("SELECT generation FROM flowsentry.checkpoint"), i64::from(ROUNDS) + 1);
    service.until_metric("flowsentry_source_generations_total", f64::from(ROUNDS));
    assert!(service.stop().success());
    // Nobody reads them now; the comparison wants one table.
    database.execute(
        "UPDATE emptied SET id = nextval('raw_packets_id_seq'); INSERT INTO raw_packets SELECT * FROM emptied",
    );
    assert_flows_equal_group_by(&database);
}
