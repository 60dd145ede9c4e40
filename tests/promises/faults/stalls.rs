//! A network that swallows all that is sent, and tells neither side: what was asked is given up after its time, and asked
//! again.

use std::sync::atomic::Ordering;

use super::super::kit::{Database, Direction, Proxy, Tables, until};
use super::{insert, start_behind, until_all_is_stored};

const DIRECTIONS: [Direction; 2] = [Direction::Up, Direction::Down];
const PACKETS: u32 = 300;
const SETTINGS: [&str; 3] = ["database.statement_timeout=1s", "database.connect_timeout=2s", "service.grace_period=1s"];

/// While it logs in, and once it works: a part of the bytes that a session carries until the packets are stored.
const PERCENT: [u64; 2] = [10, 95];

/// The service behind a proxy that stalls sessions for `role`, at each of the parts and in both directions.
fn stalled(role: &str) {
    let database = Database::new(Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    let service = start_behind(&proxy, &database, &SETTINGS);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    let usual = DIRECTIONS.map(|direction| (direction, proxy.bytes(role, direction)));
    let mut bursts = 1;
    for (direction, usual) in usual {
        for part in PERCENT {
            let bytes = usual * part / 100;
            let sprung = proxy.stall_after(role, direction, bytes);
            proxy.cut_all();
            let mut more = || {
                bursts += 1;
                insert(&database, bursts, PACKETS);
            };
            more();
            let mut looks = 0;
            let is_stalled = || {
                looks += 1;
                if looks % 20 == 0 {
                    more();
                }
                sprung.load(Ordering::Acquire)
            };
            until(&format!("{role} {direction:?} to stall after {bytes}"), is_stalled, |stalled| *stalled);
            more();
            until_all_is_stored(&database);
        }
    }
    assert!(service.stop().success());
}

#[test]
fn the_session_that_holds_the_lease() {
    stalled("lease");
}

#[test]
fn the_session_that_listens() {
    stalled("wakeup");
}

#[test]
fn the_session_that_reads() {
    stalled("ingest");
}

#[test]
fn the_session_that_stores() {
    stalled("store");
}
