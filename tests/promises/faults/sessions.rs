//! The server ends single sessions, whichever they are.

use super::super::kit::{Database, Tables, until};
use super::{insert, start, until_all_is_stored};

const PACKETS: u32 = 200;

/// Ends the role's sessions, those too that an earlier attempt has not closed yet, until another attempt has begun.
fn terminate(database: &Database, role: &str) {
    let terminate = format!(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
         WHERE application_name = 'flowsentry/{role}' AND datname = current_database()) s WHERE ended"
    );
    let (before, mut ended) = (epoch(database), 0);
    let again = || {
        ended += database.number(&terminate);
        if role == "store" {
            // It notices with the next packet; the listening one, when no more come.
            insert(database, 1, 1);
        }
        epoch(database)
    };
    until("another attempt", again, |now| *now > before);
    assert!(ended > 0, "there was no session for {role}");
}

fn epoch(database: &Database) -> i64 {
    database.number("SELECT epoch FROM flowsentry.checkpoint")
}

#[test]
fn the_session_that_listens_is_terminated_and_the_next_one_is_woken() {
    let database = Database::new(Tables::Adopted);
    // Nothing but a notification wakes the service, and it does not ask whether it still listens.
    let settings = ["wakeup.fallback_interval=0s", "wakeup.sleep_after=0s", "wakeup.listen_check_interval=1h"];
    let service = start(&database, &settings);
    let rung = || service.metric("flowsentry_notifications_total");
    for round in 1..=3 {
        service.until_asleep();
        terminate(&database, "wakeup");
        // Found by reading at the start, or by being woken.
        insert(&database, round * 2, PACKETS);
        until_all_is_stored(&database);
        service.until_asleep();
        let before = rung();
        insert(&database, round * 2 + 1, PACKETS);
        until("the bell to ring", rung, |now| *now > before);
        until_all_is_stored(&database);
    }
    assert_eq!(service.metric("flowsentry_wakeups_total{cause=\"fallback\"}"), 0.0);
    assert!(service.stop().success());
}

#[test]
fn any_session_that_is_terminated_begins_another_attempt() {
    let database = Database::new(Tables::Adopted);
    let service = start(&database, &[]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    for (round, role) in (2..).zip(["lease", "wakeup", "ingest", "store", "lease"]) {
        insert(&database, round * 2, PACKETS);
        terminate(&database, role);
        insert(&database, round * 2 + 1, PACKETS);
        until_all_is_stored(&database);
    }
    assert!(service.stop().success());
}

#[test]
fn the_session_that_listens_is_missed_while_packets_keep_coming() {
    let database = Database::new(Tables::Adopted);
    // It never falls asleep, so only the proof that it still listens can tell.
    let service = start(&database, &["wakeup.sleep_after=1h", "wakeup.listen_check_interval=100ms"]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    terminate(&database, "wakeup");
    insert(&database, 2, PACKETS);
    until_all_is_stored(&database);
    let gate = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
                AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'flowsentry/wakeup'
                            AND datname = current_database())";
    until("the gate to be shut again", || database.number(gate), |gates| *gates == 1);
    assert!(service.stop().success());
}
