//! Nothing lost, nothing doubled: twelve writers of mixed shapes, the service killed again and again, and a naive reader
//! that loses rows in the same trial.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::kit::{Database, Service, Session, Sums, Tables, assert_flows_equal_group_by, assert_verified, sums, until};

const WRITERS: u64 = 12;
const TRANSACTIONS: usize = 60;
const KILLS: usize = 4;
const SETTINGS: [&str; 4] = [
    "store.checkpoint_interval=50ms",
    "ingest.poll_interval=5ms",
    "ingest.rows_per_read=200",
    "ingest.rows_per_batch=64",
];

/// Values of a packet somewhere in the last minutes, mostly in time order.
fn values(random: &mut StdRng, step: usize) -> String {
    let time = 1_700_000_000.0 + step as f64 * 1.7 + random.random_range(-6.0..6.0);
    let protocol = ["TCP", "UDP", "ICMP"][random.random_range(0..3)];
    let flags = ["NULL", "'SYN'", "'SYN,ACK'", "'RST'", "'FIN,ACK'", "''"][random.random_range(0..6)];
    let flags = if protocol == "TCP" { flags } else { "NULL" };
    let (source, destination) = (random.random_range(1..20), random.random_range(1..5));
    let (length, port) = (random.random_range(40..1500), random.random_range(1..65_536));
    format!("{time:.6}, '10.0.0.{source}', '10.0.1.{destination}', '{protocol}', {length}, {port}, 443, {flags}")
}

const COLUMNS: &str = "timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags";

const PAST_TRIGGER: &str = "SET LOCAL session_replication_role = replica;";

/// A transaction of one of the shapes that sniffers and ORMs have, with ids held, skipped, drawn early or prepared.
fn transaction(random: &mut StdRng, step: usize, name: &str) -> String {
    let insert =
        |random: &mut StdRng| format!("INSERT INTO raw_packets ({COLUMNS}) VALUES ({});", values(random, step));
    let hold = format!("SELECT pg_sleep({});", random.random_range(0.0..0.05));
    match random.random_range(0..7) {
        0 => insert(random),
        1 => {
            let rows: Vec<String> = (0..20).map(|_| format!("({})", values(random, step))).collect();
            format!("BEGIN; INSERT INTO raw_packets ({COLUMNS}) VALUES {}; {hold} COMMIT;", rows.join(", "))
        }
        2 => format!("BEGIN; {} {hold} ROLLBACK;", insert(random)),
        3 => format!("BEGIN; SAVEPOINT s; {} ROLLBACK TO s; {hold} {} COMMIT;", insert(random), insert(random)),
        // PostgreSQL refuses to prepare what has notified, so these go past the trigger; the fallback timer finds them.
        4 => format!(
            "BEGIN; {PAST_TRIGGER} {} PREPARE TRANSACTION '{name}'; {hold} COMMIT PREPARED '{name}';",
            insert(random)
        ),
        5 => format!(
            "BEGIN; {PAST_TRIGGER} {} PREPARE TRANSACTION '{name}'; {hold} ROLLBACK PREPARED '{name}';",
            insert(random)
        ),
        // The id is drawn first, as an ORM does that fetches keys; no table lock in between.
        6 => format!(
            "DO $$ DECLARE drawn bigint := nextval('raw_packets_id_seq'); BEGIN PERFORM pg_sleep({});
             INSERT INTO raw_packets (id, {COLUMNS}) VALUES (drawn, {}); END $$;",
            random.random_range(0.0..0.05),
            values(random, step)
        ),
        _ => {
            let rows: Vec<String> = (0..30).map(|_| format!("SELECT {}", values(random, step))).collect();
            format!("BEGIN; INSERT INTO raw_packets ({COLUMNS}) {}; {hold} COMMIT;", rows.join(" UNION ALL "))
        }
    }
}

/// A COPY whose stream is held open: its ids are taken as the lines come.
fn copy(session: &Session<'_>, random: &mut StdRng, step: usize) {
    let line =
        |random: &mut StdRng| values(random, step).replace(", ", "\t").replace("NULL", "\\N").replace('\'', "") + "\n";
    let lines: Vec<String> = (0..40).map(|_| line(random)).collect();
    let hold = Duration::from_millis(random.random_range(0..50));
    session.copy_slowly(&format!("COPY raw_packets ({COLUMNS}) FROM STDIN"), &lines, hold);
}

fn write(database: &Database, writer: u64, written: &AtomicUsize) {
    let session = database.session();
    let mut random = StdRng::seed_from_u64(writer);
    for step in 0..TRANSACTIONS {
        let name = format!("{}_{writer}_{step}", std::process::id());
        if step % 8 == 7 {
            copy(&session, &mut random, step);
            written.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // One statement a message: PREPARE and COMMIT PREPARED cannot share an implicit transaction.
        session.execute_each(&transaction(&mut random, step, &name));
        written.fetch_add(1, Ordering::Relaxed);
    }
}

/// What `SELECT … WHERE id > last` sees, polling all the while.
fn read_naively(database: &Database, done: &AtomicBool) -> BTreeSet<i64> {
    let session = database.session();
    let mut seen = BTreeSet::new();
    loop {
        let last = seen.last().copied().unwrap_or(0);
        let is_done = done.load(Ordering::Acquire);
        let ids = session.ids(&format!("SELECT id::bigint FROM raw_packets WHERE id > {last} ORDER BY id"));
        if is_done && ids.is_empty() {
            return seen;
        }
        seen.extend(ids);
    }
}

#[test]
fn twelve_writers_and_a_service_that_is_killed_lose_and_double_nothing() {
    trial(&Database::new(Tables::Adopted));
}

#[test]
fn nor_in_a_table_of_our_own_that_is_partitioned_by_day() {
    trial(&Database::new(Tables::Ours));
}

fn trial(database: &Database) {
    let (written, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let all = usize::try_from(WRITERS).unwrap() * TRANSACTIONS;
    let seen = thread::scope(|scope| {
        let naive = scope.spawn(|| read_naively(database, &done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let (database, written) = (database, &written);
                    move || write(database, writer, written)
                })
            })
            .collect();
        for kill in 1..=KILLS {
            let service = Service::start(database, &SETTINGS);
            service.until_owner();
            let enough = all * kill / (KILLS + 2);
            // One that failed is told below.
            let ended = || writers.iter().all(ScopedJoinHandle::is_finished);
            until(
                "the writers to get on",
                || (written.load(Ordering::Relaxed), ended()),
                |(count, ended)| *count >= enough || *ended,
            );
            service.kill();
        }
        let ended: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Release);
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
        naive.join().unwrap()
    });

    let service = Service::start(database, &SETTINGS);
    until("all packets to be stored", || sums(database), Sums::agree);
    assert_flows_equal_group_by(database);
    assert_verified(database);
    let packets = sums(database).packets;
    assert!(packets > 5_000, "the trial was too small: {packets}");
    let lost = usize::try_from(packets).unwrap() - seen.len();
    assert!(lost > 0, "a reader of id > last lost nothing, so the trial proves nothing");
    println!("{packets} packets, {KILLS} kills; id > last would have lost {lost}");
    assert!(service.stop().success());
}

#[test]
fn ids_that_were_rolled_back_are_waited_for_and_then_counted_dead() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    service.until_owner();
    let insert = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                  SELECT 1700000000 + g, '10.0.0.1', '10.0.0.2', 'UDP', 60 FROM generate_series(1, 5) g";
    let writer = database.session();
    writer.execute("BEGIN");
    writer.execute(insert);
    database.execute(insert);
    until("the later rows", || service.metric("flowsentry_packets_read_total"), |read| *read == 5.0);
    service.until_metric("flowsentry_pending_ids", 5.0);
    assert_eq!(service.metric("flowsentry_ids_dead_total"), 0.0);
    writer.execute("ROLLBACK");
    until("the ids to be dead", || service.metric("flowsentry_ids_dead_total"), |dead| *dead == 5.0);
    assert_eq!(service.metric("flowsentry_pending_ids"), 0.0);
}

#[test]
fn the_comparison_itself_notices_a_packet_too_many_and_a_row_stored_twice() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    insert_fifty(&database, 1_700_000_000);
    until("the packets", || sums(&database), |sums| sums.stored == 50);
    assert!(service.stop().success());
    assert_eq!(database.differences(), Vec::<String>::new());
    let one = "WHERE id_num = (SELECT min(id_num) FROM traffic_data)";
    database.execute(&format!("UPDATE traffic_data SET packet_count = packet_count + 1 {one}"));
    assert_eq!(database.differences().len(), 1);
    database.execute(&format!("UPDATE traffic_data SET packet_count = packet_count - 1 {one}"));
    database.execute(
        "CREATE TEMP TABLE twice AS TABLE traffic_data; UPDATE twice SET id_num = id_num + 1000;
                      INSERT INTO traffic_data SELECT * FROM twice LIMIT 1",
    );
    let found = database.differences();
    assert!(found.iter().any(|one| one.starts_with("stored twice")), "{found:?}");
}

fn insert_fifty(database: &Database, after: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT {after} + g, '10.0.0.1', '10.0.0.2', 'UDP', 60 FROM generate_series(1, 50) g"
    ));
}

#[test]
fn a_table_emptied_with_its_identity_restarted_is_read_as_new_packets() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    insert_fifty(&database, 1_700_000_000);
    until("the first packets", || sums(&database), |sums| sums.stored == 50);
    database.execute("TRUNCATE raw_packets RESTART IDENTITY");
    insert_fifty(&database, 1_700_003_600);
    until("the second packets", || sums(&database), |sums| sums.stored == 100);
    assert_eq!(database.number("SELECT generation FROM flowsentry.checkpoint"), 2);
    service.until_metric("flowsentry_source_generations_total", 1.0);
}

#[test]
fn packets_that_were_read_before_their_table_was_emptied_are_stored() {
    check_emptied("TRUNCATE raw_packets RESTART IDENTITY", 2);
    check_emptied("TRUNCATE raw_packets", 1);
}

fn check_emptied(emptied: &str, generation: i64) {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["window.idle_timeout=10m", "service.grace_period=50s"]);
    // Some in windows that close, some in one that stays open.
    insert_fifty(&database, 1_700_000_000);
    until("the packets in open windows", || service.metric("flowsentry_open_flows"), |open| *open > 0.0);
    assert!(sums(&database).stored < 50, "all is stored already, so this test proves nothing");
    database.execute(emptied);
    insert_fifty(&database, 1_700_003_600);
    until("the packets that are gone", || sums(&database).stored, |stored| *stored >= 50);
    let read = format!(
        "SELECT position_high FROM flowsentry.checkpoint c
         WHERE generation = {generation} AND position_high = (SELECT last_value FROM raw_packets_id_seq)"
    );
    until("the new ones", || database.number(&read), |high| *high > 0);
    assert!(service.stop().success());
    let first = database.number("SELECT sum(packet_count) FROM traffic_data WHERE window_start < '2023-11-14 22:30Z'");
    assert_eq!(first, 50, "{emptied}");
}

#[test]
fn a_table_that_is_rewritten_goes_on_where_it_was() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    insert_fifty(&database, 1_700_000_000);
    until("the first packets", || sums(&database), |sums| sums.stored == 50);
    database.execute("ALTER TABLE raw_packets ALTER id TYPE bigint; ALTER SEQUENCE raw_packets_id_seq AS bigint");
    insert_fifty(&database, 1_700_003_600);
    until("the second packets", || sums(&database), |sums| sums.stored == 100);
    assert_eq!(database.number("SELECT generation FROM flowsentry.checkpoint"), 1);
    assert_flows_equal_group_by(&database);
    drop(service);
}

#[test]
fn an_id_made_by_hand_far_above_does_not_lose_the_honest_ones() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    insert_fifty(&database, 1_700_000_000);
    until("the first packets", || sums(&database), |sums| sums.stored == 50);
    database.execute(
        "INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length)
                      VALUES (2000000000, 1700000000, '10.0.0.1', '10.0.0.2', 'UDP', 60)",
    );
    insert_fifty(&database, 1_700_003_600);
    until("the honest packets", || sums(&database), |sums| sums.stored == 100);
    drop(service);
}
