//! SIGKILL at any time: while it starts, while it reads, while it stores.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::kit::{Database, Direction, Proxy, Tables};
use super::{Over, burst, checkpoint, start_behind, until_all_is_stored};

/// Kills at least; more, until one came in the middle of a transaction.
const KILLS: u32 = 20;
const KILLS_MAX: u32 = 100;
/// The longest life of the first one; later ones may live longer, for a machine on which starting takes its time.
const LIFE_MAX: Duration = Duration::from_millis(400);
const LIFE_MORE: Duration = Duration::from_millis(20);
const PACKETS: u32 = 50;
/// So that the service keeps up, and stores all the time.
const PAUSE: Duration = Duration::from_millis(5);
const SEED: u64 = 20_231_115;

#[test]
fn killed_at_any_time_while_packets_come() {
    let database = Database::new(Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    let (over, bursts) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut random = StdRng::seed_from_u64(SEED);
    let mut kills = 0;
    let interrupted = || {
        let begun = i64::try_from(proxy.messages("store", Direction::Up, "START")).unwrap();
        begun - checkpoint(&database)
    };
    thread::scope(|scope| {
        let _over = Over(&over);
        scope.spawn(|| {
            let session = database.session();
            while !over.load(Ordering::Acquire) {
                let number = bursts.fetch_add(1, Ordering::AcqRel);
                session.execute(&burst(number / 5, PACKETS));
                thread::sleep(PAUSE);
            }
        });
        while kills < KILLS || (interrupted() <= 0 && kills < KILLS_MAX) {
            kills += 1;
            let service = start_behind(&proxy, &database, &[]);
            thread::sleep(random.random_range(Duration::from_millis(30)..LIFE_MAX + LIFE_MORE * kills));
            service.kill();
        }
    });
    let interrupted = interrupted();
    assert!(interrupted > 0, "none of {kills} kills came in the middle of a transaction");
    let service = start_behind(&proxy, &database, &[]);
    until_all_is_stored(&database);
    println!("{} packets, {kills} kills, {interrupted} within a transaction", super::sums(&database).packets);
    assert!(service.stop().success());
}
