//! The database crashes and starts again, while sniffers insert with `synchronous_commit = off`: packets that were read
//! already vanish, and their ids come back as others.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use super::super::kit::{Database, Direction, Proxy, Tables, until};
use super::{Over, burst, checkpoint, start, start_behind, until_all_is_stored};

/// Rounds at least; more, until packets were lost that had been read.
const ROUNDS: u32 = 4;
const ROUNDS_MAX: u32 = 12;
const DURABLE: u32 = 200;
const LOST: u32 = 150;
/// Crashes while sniffers insert on and on, a few packets at a time.
const CRASHES: u32 = 4;
const FEW: u32 = 40;
const PAUSE: Duration = Duration::from_millis(10);

/// A server that keeps what was committed without waiting in its memory for as long as it may.
fn forgetful() -> PrivatePostgres {
    let settings = [
        ("wal_writer_delay", "10s"),
        ("wal_writer_flush_after", "1GB"),
        ("wal_buffers", "16MB"),
        ("bgwriter_lru_maxpages", "0"),
        ("autovacuum", "off"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    PrivatePostgres::start(Options { settings, shared_buffers_mib: 32, ..Options::default() }).unwrap()
}

#[test]
fn packets_that_were_read_and_did_not_survive_a_crash_are_not_counted() {
    let mut server = forgetful();
    let mut database = Database::on(&server.url("postgres"), Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    // Nothing is stored but when windows close, so what was read stays without a checkpoint for a while.
    let service = start_behind(&proxy, &database, &["store.checkpoint_interval=1s", "window.idle_timeout=1s"]);
    let (mut lost, mut round) = (0, 0);
    while round < ROUNDS || (lost == 0 && round < ROUNDS_MAX) {
        round += 1;
        let mode = if round % 2 == 0 { Some(Mode::Immediate) } else { None };
        lost += crash(&mut server, &mut database, &proxy, round, mode);
    }
    assert!(lost > 0, "every packet survived {round} crashes, so they prove nothing");
    println!("{round} crashes, {lost} packets were read and lost");
    assert!(service.stop().success());
}

/// Some packets that are safe, some that were committed and read but not flushed, and a crash. Gives how many were lost.
fn crash(server: &mut PrivatePostgres, database: &mut Database, proxy: &Proxy, round: u32, mode: Option<Mode>) -> i64 {
    let read = || proxy.messages("ingest", Direction::Down, "d");
    database.execute(&burst(round * 3, DURABLE));
    until_all_is_stored(database);
    let (before, known) = (read(), database.number("SELECT count(*) FROM raw_packets"));
    database.execute("SET synchronous_commit = off");
    database.execute(&burst(round * 3 + 1, LOST));
    // A message a row.
    until("the packets to be read", read, |now| *now >= before + u64::from(LOST));
    match mode {
        Some(mode) => server.stop(mode).unwrap(),
        None => server.kill().unwrap(),
    }
    server.start_again().unwrap();
    database.reconnect();
    let survived = database.number("SELECT count(*) FROM raw_packets") - known;
    // The ids that came back belong to other packets now.
    database.execute(&burst(round * 3 + 2, LOST / 2));
    until_all_is_stored(database);
    i64::from(LOST) - survived
}

/// Inserts until it is over, in a new session whenever the server has ended the last one.
fn insert_on_and_on(url: &str, commit: &str, over: &AtomicBool, number: &AtomicU32) {
    while !over.load(Ordering::Acquire) {
        let Some(session) = Database::try_at(url) else {
            thread::sleep(PAUSE);
            continue;
        };
        let set = format!("SET synchronous_commit = {commit}");
        let mut works = session.try_execute(&set);
        while works && !over.load(Ordering::Acquire) {
            works = session.try_execute(&burst(number.fetch_add(1, Ordering::AcqRel) / 5, FEW));
            thread::sleep(PAUSE);
        }
    }
}

#[test]
fn sniffers_that_go_on_while_the_server_crashes_again_and_again() {
    let mut server = forgetful();
    let mut database = Database::on(&server.url("postgres"), Tables::Adopted);
    let service = start(&database, &[]);
    let (over, number) = (AtomicBool::new(false), AtomicU32::new(1));
    let url = database.url.clone();
    thread::scope(|scope| {
        let _over = Over(&over);
        for commit in ["on", "off", "off"] {
            let (url, over, number) = (&url, &over, &number);
            scope.spawn(move || insert_on_and_on(url, commit, over, number));
        }
        for round in 0..CRASHES {
            let (written, stored) = (number.load(Ordering::Acquire), checkpoint(&database));
            until("packets to be stored", || checkpoint(&database), |now| *now > stored + 5);
            until("more packets", || number.load(Ordering::Acquire), |now| *now > written + 20);
            if round % 2 == 0 { server.kill() } else { server.stop(Mode::Immediate) }.unwrap();
            server.start_again().unwrap();
            database.reconnect();
        }
    });
    until_all_is_stored(&database);
    assert_eq!(database.number("SELECT generation FROM flowsentry.checkpoint"), 1);
    assert!(service.stop().success());
}
