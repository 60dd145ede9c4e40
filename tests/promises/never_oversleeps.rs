//! No wake-up is lost: with the fallback timer off, rows committed at any moment of falling asleep are read within a second,
//! the gate is taken within a second under load, no insert notifies while it is shut, and sleeping costs nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowsentry::flow::position::Position;

use super::kit::{
    Database, Service, Session, Sums, Tables, assert_flows_equal_group_by, cpu_seconds, sums, until, waits,
};

/// Asleep, threads are woken less often: 16 times a second, as seen.
const WOKEN_MAX: f64 = 60.0;
/// Within this a committed row is read.
const BOUND: Duration = Duration::from_secs(1);
const ROUNDS: u32 = 300;
/// Rounds differ by this much in when they commit after the last row was read; falling asleep takes about 25 ms of that.
const STEP: Duration = Duration::from_micros(120);
const QUICK: [&str; 5] = [
    "wakeup.fallback_interval=0s",
    "wakeup.sleep_after=15ms",
    "ingest.poll_interval=5ms",
    "store.checkpoint_interval=10ms",
    "window.idle_timeout=100ms",
];
const COLUMNS: &str = "timestamp, src_ip, dst_ip, protocol, length";
const ROW: &str = "1700000000, '10.0.0.1', '10.0.0.2', 'UDP', 60";

fn insert(rows: usize) -> String {
    format!("INSERT INTO raw_packets ({COLUMNS}) VALUES {}", vec![format!("({ROW})"); rows].join(", "))
}

#[allow(clippy::disallowed_methods)] // tests have no other clock
fn now() -> Instant {
    Instant::now()
}

/// How long after `since` all ids up to `last` are consumed. Looking at the checkpoint wakes nobody.
#[track_caller]
fn consumed(database: &Database, last: i64, since: Instant) -> Duration {
    loop {
        let rows = database.query("SELECT position FROM flowsentry.checkpoint");
        let low = rows.first().map_or(0, |row| Position::decode(row.get(0)).unwrap().low());
        let took = since.elapsed();
        if low >= last || took > 3 * BOUND {
            return took;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// One of the ways in which rows come; commits after `pause`. Gives the number of rows and when they were committed.
fn write(session: &Session<'_>, round: u32, pause: Duration) -> (i64, Instant) {
    match round % 5 {
        0 => {
            thread::sleep(pause);
            session.execute(&insert(1));
            (1, now())
        }
        1 => {
            thread::sleep(pause);
            session.execute(&insert(7));
            (7, now())
        }
        2 => {
            thread::sleep(pause);
            let line = ROW.replace(", ", "\t").replace('\'', "") + "\n";
            session.copy_slowly(
                &format!("COPY raw_packets ({COLUMNS}) FROM STDIN"),
                &[line.clone(), line],
                Duration::ZERO,
            );
            (2, now())
        }
        // The trigger runs at once, while the gate is shut and nobody rings; the commit comes at any moment after.
        3 => {
            session.execute("BEGIN");
            session.execute(&insert(3));
            thread::sleep(pause);
            session.execute("COMMIT");
            (3, now())
        }
        // The transaction, and its id, are older than the gate's opening; the trigger runs just before the commit.
        _ => {
            session.execute("BEGIN; SELECT txid_current()");
            thread::sleep(pause);
            session.execute(&insert(1));
            session.execute("COMMIT");
            (1, now())
        }
    }
}

#[test]
fn rows_committed_at_every_moment_of_falling_asleep_are_read_within_a_second() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &QUICK);
    service.until_asleep();
    let session = database.session();
    let (mut rows, mut worst) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let (written, committed) = write(&session, round, STEP * (round * 7 % ROUNDS));
        rows += written;
        let took = consumed(&database, rows, committed);
        assert!(took < BOUND, "round {round}: read {took:?} after the commit");
        worst = worst.max(took);
    }
    let rung = service.metric("flowsentry_wakeups_total{cause=\"notification\"}");
    println!("{ROUNDS} rounds, {rung} of them rang; at most {worst:?} from commit to checkpoint");
    // Neither did each find us asleep nor each awake: the moments in between were met.
    assert!(rung > f64::from(ROUNDS) * 0.05 && rung < f64::from(ROUNDS) * 0.95, "{rung} rang");
    assert_eq!(service.metric("flowsentry_wakeups_total{cause=\"fallback\"}"), 0.0);

    // That the sleeper reads nothing unless it is woken: otherwise all this would prove nothing.
    service.until_asleep();
    database.execute("ALTER TABLE raw_packets DISABLE TRIGGER flowsentry_wake");
    session.execute(&insert(1));
    thread::sleep(BOUND + BOUND / 2);
    assert_eq!(database.number("SELECT position_high FROM flowsentry.checkpoint"), rows, "nobody rang");
    database.execute("ALTER TABLE raw_packets ENABLE TRIGGER flowsentry_wake");
    session.execute(&insert(1));
    let took = consumed(&database, rows + 2, now());
    assert!(took < BOUND, "{took:?}");
    until("every packet to be stored", || sums(&database), Sums::agree);
    assert_flows_equal_group_by(&database);
}

/// Inserts single rows from several sessions until told to stop.
fn insert_steadily(database: &Database, stop: &AtomicBool, inserted: &AtomicUsize) {
    let session = database.session();
    let insert = insert(1);
    while !stop.load(Ordering::Relaxed) {
        session.execute(&insert);
        inserted.fetch_add(1, Ordering::Relaxed);
    }
}

/// Requests for the gate of this database: granted to somebody exclusively.
const GATE: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
    AND classid = 1718382455 AND objid = 'raw_packets'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn under_steady_inserts_the_gate_is_taken_within_a_second() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["wakeup.fallback_interval=0s", "wakeup.sleep_after=200ms"]);
    for round in 0..3 {
        service.until_asleep();
        assert_eq!(database.number(GATE), 0, "asleep, nobody holds the gate");
        let (stop, inserted) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let began = now();
            (0..4).for_each(|_| {
                scope.spawn(|| insert_steadily(&database, &stop, &inserted));
            });
            until("the first insert", || inserted.load(Ordering::Relaxed), |count| *count > 0);
            while database.number(GATE) == 0 && began.elapsed() < BOUND {
                thread::yield_now();
            }
            let took = began.elapsed();
            // Still under load, or it would prove nothing.
            let before = inserted.load(Ordering::Relaxed);
            until("more inserts", || inserted.load(Ordering::Relaxed), |count| *count > before + 20);
            stop.store(true, Ordering::Relaxed);
            println!("round {round}: the gate was taken after {took:?}, {before} inserts");
            assert!(took < BOUND, "round {round}: the gate was not taken within {took:?}");
        });
    }
    let packets = database.number("SELECT count(*) FROM raw_packets");
    until("all to be read", || service.metric("flowsentry_packets_read_total"), |read| *read == packets as f64);
}

#[test]
fn awake_no_insert_notifies_anybody() {
    let database = Database::new(Tables::Adopted);
    let heard = database.listen("flowsentry_packets");
    // Asleep it does: so this listener would hear it.
    let sleeper = Service::start(&database, &["wakeup.fallback_interval=0s", "wakeup.sleep_after=0s"]);
    sleeper.until_asleep();
    database.execute(&insert(1));
    until("the ring", || heard.count(), |count| *count > 0);
    assert!(sleeper.stop().success());

    let service = Service::start(&database, &["wakeup.sleep_after=1h"]);
    until("the gate to be shut", || database.number(GATE), |held| *held == 1);
    // Behind whatever was notified before.
    heard.catch_up(&database);
    let before = heard.count();
    let (stop, inserted) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        (0..3).for_each(|_| {
            scope.spawn(|| insert_steadily(&database, &stop, &inserted));
        });
        until("thousands of inserts", || inserted.load(Ordering::Relaxed), |count| *count >= 3000);
        stop.store(true, Ordering::Relaxed);
    });
    heard.catch_up(&database);
    assert_eq!(heard.count(), before, "somebody notified while the gate was shut");
    assert_eq!(service.metric("flowsentry_notifications_total"), 0.0);
    until("the packets to be read", || sums(&database), Sums::agree);
}

#[test]
fn asleep_it_does_next_to_nothing() {
    const SPAN: Duration = Duration::from_secs(6);
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["log.level=info"]);
    database.execute(&insert(1000));
    until("the packets to be stored", || sums(&database), Sums::agree);
    service.until_asleep();
    let polls = service.metric("flowsentry_polls_total");
    let (before, waited) = (cpu_seconds(service.pid()), waits(service.pid()));
    thread::sleep(SPAN);
    let share = (cpu_seconds(service.pid()) - before) / SPAN.as_secs_f64();
    let woken = (waits(service.pid()) - waited) as f64 / SPAN.as_secs_f64();
    // The fallback timer is on: it looks once a second.
    let looked = service.metric("flowsentry_polls_total") - polls;
    println!("asleep: {:.3} % of a core, {looked} looks, threads woken {woken:.1} times a second", share * 100.0);
    assert!((3.0..12.0).contains(&looked), "{looked} looks in {SPAN:?}");
    // How long each of these takes is the machine's; on one that was slow to wake idle processes it was thirty times longer.
    assert!((1.0..WOKEN_MAX).contains(&woken), "threads woken {woken:.1} times a second");
}
