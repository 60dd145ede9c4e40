//! Exactly once under every fault: a file a family. Each test provokes its fault, shows that it came, and compares all that
//! is stored with a plain GROUP BY.

mod connections;
mod crashes;
mod cut_connections;
mod disk;
mod kills;
mod locks;
mod restored;
mod sessions;
mod stalls;
mod standby;
mod store_transaction;
mod take_over;
mod truncated;

use std::sync::atomic::{AtomicBool, Ordering};

use super::kit::{Database, Proxy, Service, Sums, assert_flows_equal_group_by, sums, until};

/// Short spans, so that faults come often and recovery is quick.
const SETTINGS: [&str; 9] = [
    "store.checkpoint_interval=20ms",
    "ingest.poll_interval=10ms",
    "window.idle_timeout=100ms",
    "retry.backoff_min=10ms",
    "retry.backoff_max=200ms",
    "lease.standby_interval=20ms",
    "database.lock_timeout=500ms",
    "wakeup.gate_timeout=500ms",
    // So long that an attempt that waits for it, instead of ending where it failed, fails the test.
    "service.grace_period=10m",
];

/// Ends threads that go on until told, also where the test fails: the scope waits for them.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Starts the service with short spans, and these settings beside.
fn start(database: &Database, settings: &[&str]) -> Service {
    Service::start(database, &[&SETTINGS, settings].concat())
}

/// Starts it behind a proxy.
fn start_behind(proxy: &Proxy, database: &Database, settings: &[&str]) -> Service {
    start(database, &[&[&*proxy.setting()], settings].concat())
}

/// Inserts so many packets of as many flows, two flows of three in one window and the others in the next; each call's
/// `number` has windows of its own.
fn insert(database: &Database, number: u32, packets: u32) {
    database.execute(&burst(number, packets));
}

fn burst(number: u32, packets: u32) -> String {
    let start = 1_700_000_010 + number * 60;
    format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
         SELECT {start} + g % 3 * 13 + g * 0.001, '10.' || g % 7 || '.' || g / 250 || '.' || g % 250,
                '10.0.0.' || g % 50, 'TCP', 40 + g % 1400, 1024 + g % 5000, 443,
                CASE g % 4 WHEN 0 THEN 'SYN' WHEN 1 THEN 'SYN,ACK' WHEN 2 THEN 'FIN,ACK' END
         FROM generate_series(1, {packets}) g"
    )
}

/// Waits until all packets are stored, and compares.
#[track_caller]
fn until_all_is_stored(database: &Database) {
    until("all packets to be stored", || sums(database), Sums::agree);
    assert_flows_equal_group_by(database);
}

/// The number of the stored checkpoint.
fn checkpoint(database: &Database) -> i64 {
    database.number("SELECT number FROM flowsentry.checkpoint")
}
