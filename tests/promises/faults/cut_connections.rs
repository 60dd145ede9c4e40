//! Connections that are cut at any byte: in the middle of a message, of the login, of a row.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::kit::{Database, Direction, Proxy, Tables, until};
use super::{insert, start_behind, until_all_is_stored};

/// What sessions are for.
const ROLES: [&str; 5] = ["lease", "wakeup", "ingest", "store", POOL];
/// Retention, the audit and whoever tells others have sessions of this name, and which of them is cut is not known; so it is cut
/// within what each says at once.
const POOL: &str = "pool";
const POOL_BYTES: u64 = 500;
const DIRECTIONS: [Direction; 2] = [Direction::Up, Direction::Down];
/// For each role and direction.
const CUTS: u32 = 4;
const PACKETS: u32 = 300;
const SEED: u64 = 20_231_114;

/// Retention looks at the table all the time and deletes nothing.
const SETTINGS: [&str; 2] = ["retention.interval=100ms", "retention.keep=36500d"];

#[test]
fn cut_at_any_byte_in_either_direction() {
    let database = Database::new(Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    let service = start_behind(&proxy, &database, &SETTINGS);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut bursts = 0;
    let mut insert_more = |packets| {
        bursts += 1;
        insert(&database, bursts, packets);
    };
    insert_more(PACKETS);
    until_all_is_stored(&database);
    let ways = ROLES.into_iter().flat_map(|role| DIRECTIONS.map(|direction| (role, direction)));
    // As many bytes as the first session has carried until these packets were stored.
    let ways: Vec<_> = ways.map(|(role, direction)| (role, direction, proxy.bytes(role, direction))).collect();
    for (role, direction, usual) in ways {
        assert!(usual > 0, "{role} has no session");
        for _ in 0..CUTS {
            let most = if role == POOL { POOL_BYTES } else { 200_000 };
            let bytes = random.random_range(1..=usual.min(most));
            let sprung = proxy.cut_after(role, direction, bytes);
            proxy.cut_all();
            insert_more(PACKETS);
            until_cut(&format!("{role} {direction:?} cut after {bytes}"), &sprung, || insert_more(1));
            until_all_is_stored(&database);
        }
    }
    assert!(service.stop().success());
}

/// Some packets more now and then, for sessions that speak only when there are any.
fn until_cut(what: &str, sprung: &AtomicBool, mut go_on: impl FnMut()) {
    let mut looks = 0;
    until(
        what,
        || {
            looks += 1;
            if looks % 10 == 0 {
                go_on();
            }
            sprung.load(Ordering::Acquire)
        },
        |sprung| *sprung,
    );
}
