//! Two instances: the owner is frozen in the middle of a store transaction, its successor takes over, and it wakes. The end of
//! its lease does not reach it, so it goes on as if it were the owner, and only the fence stands in its way.

use super::super::kit::{Database, Direction, Held, Passing, Proxy, Service, Tables, Trap, until};
use super::{checkpoint, insert, start, start_behind, until_all_is_stored};

const PACKETS: u32 = 1500;

/// An owner that stands still within a transaction that has copied flows, while more of them are open and waiting.
struct Frozen {
    database: Database,
    owner: Service,
    held: Held,
    /// The news that its lease has ended.
    lease: Trap,
    // Dropped last: the service goes through it.
    proxy: Proxy,
}

fn freeze(at: fn(&Passing<'_>) -> bool) -> Frozen {
    let database = Database::new(Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    let owner = start_behind(&proxy, &database, &[]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    let trap = proxy.hold(move |passing| {
        passing.role == "store" && passing.direction == Direction::Up && passing.copied > 0 && at(passing)
    });
    insert(&database, 2, PACKETS);
    let held = trap.held();
    insert(&database, 3, PACKETS);
    owner.signal("STOP");
    let lease = proxy.hold(|passing| passing.role == "lease" && passing.direction == Direction::Down);
    // What a vanished host looks like to the server, without waiting for its keep-alives.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'flowsentry/lease' AND datname = current_database()",
    );
    Frozen { database, owner, held, lease, proxy }
}

/// The frozen owner wakes, goes on, learns that it is none any more, and stands by; then it takes over in its turn.
fn wake(database: &Database, owner: Service, lease: Trap, successor: Service) {
    let unheard = lease.held();
    owner.signal("CONT");
    let taken_over = || owner.log().iter().any(|line| line["error"] == "another instance has taken over default");
    until("the fence to stop it", taken_over, |taken_over| *taken_over);
    unheard.cut();
    owner.until_logged("another instance owns the source; standing by");
    insert(database, 4, PACKETS);
    until_all_is_stored(database);
    successor.kill();
    insert(database, 5, PACKETS);
    until_all_is_stored(database);
    assert_eq!(owner.metric("flowsentry_takeovers_total"), 1.0);
    assert_eq!(database.number("SELECT count(*) FROM raw_packets"), 5 * i64::from(PACKETS));
    assert!(owner.stop().success());
}

#[test]
fn frozen_before_its_checkpoint_moved_and_woken_after_its_successor_took_over() {
    let Frozen { database, owner, held, lease, proxy: _proxy } =
        freeze(|passing| passing.message.text().starts_with("UPDATE flowsentry.checkpoint"));
    let before = checkpoint(&database);
    let successor = start(&database, &[]);
    until("the successor to store", || checkpoint(&database), |now| *now > before);
    until_all_is_stored(&database);
    // Its UPDATE arrives, and moves nothing.
    held.forward();
    wake(&database, owner, lease, successor);
}

#[test]
fn frozen_before_its_commit_was_sent_and_woken_after_its_successor_took_over() {
    let Frozen { database, owner, held, lease, proxy: _proxy } = freeze(|passing| passing.message.text() == "COMMIT");
    let before = checkpoint(&database);
    let successor = start(&database, &["database.lock_timeout=50ms"]);
    // The row of the checkpoint is locked, so nobody knows yet whether the owner has stored.
    until("the successor to give up", || successor.metric("flowsentry_attempts_total"), |attempts| *attempts > 2.0);
    assert_eq!(checkpoint(&database), before);
    held.forward();
    successor.until_owner();
    until_all_is_stored(&database);
    wake(&database, owner, lease, successor);
}
