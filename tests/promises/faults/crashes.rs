//! The database crashes and starts again, while sniffers insert with `synchronous_commit = off`: packets that were read
//! already vanish, and their ids come back as others.

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use super::super::kit::{Database, Direction, Proxy, Tables, until};
use super::{burst, start_behind, until_all_is_stored};

/// Rounds at least; more, until packets were lost that had been read.
const ROUNDS: u32 = 4;
const ROUNDS_MAX: u32 = 12;
const DURABLE: u32 = 200;
const LOST: u32 = 150;

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
