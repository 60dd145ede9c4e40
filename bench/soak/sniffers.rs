//! Two sniffers that insert at a steady rate, and count what they committed: the rows themselves are deleted soon.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowsentry::flow::time::EventTime;
use flowsentry::sandbox::{RawRow, Sniffer, demo_traffic};
use flowsentry::telemetry::clock;
use tokio_postgres::NoTls;

/// Of both together.
pub const PACKETS_PER_SECOND: u32 = 10_000;
/// How often each uploads.
const UPLOADS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// At most in one upload: after a stall the rest follows in the next ones.
const ROWS_PER_UPLOAD_MAX: u64 = 20_000;
/// Every how many packets the source is forged, one is out of order (by up to 4 s), and one is a minute late.
const FORGED_EVERY: u64 = 20;
const DELAYED_EVERY: u64 = 31;
const LATE_EVERY: u64 = 10_007;
/// Every how many uploads one is rolled back first, and its ids are lost.
const ROLLED_BACK_EVERY: u64 = 50;

/// Running sniffers.
pub struct Sniffers {
    threads: Vec<JoinHandle<()>>,
    committed: Arc<AtomicU64>,
}

impl Sniffers {
    /// They insert for so long.
    pub fn start(url: &str, duration: Duration) -> Self {
        let committed = Arc::new(AtomicU64::new(0));
        let begun = clock::now();
        let threads = UPLOADS.iter().zip(0..).map(|(interval, number)| {
            let (url, committed) = (url.to_owned(), Arc::clone(&committed));
            let upload = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(insert(&url, Plan { begun, duration, interval: *interval, number }, &committed));
            };
            std::thread::spawn(upload)
        });
        Self { threads: threads.collect(), committed }
    }

    /// Packets that are in the table, or were.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Waits until all have ended, and gives how many packets they committed.
    pub fn join(self) -> u64 {
        for thread in self.threads {
            thread.join().expect("a sniffer");
        }
        self.committed.load(Ordering::Relaxed)
    }
}

/// When one of them inserts.
struct Plan {
    begun: Instant,
    duration: Duration,
    interval: Duration,
    number: u64,
}

async fn insert(url: &str, plan: Plan, committed: &AtomicU64) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
    tokio::spawn(connection);
    let sniffer = Sniffer::open(&client, "raw_packets", &[].into(), "eth0").await.expect("raw_packets");
    let start = clock::since_epoch().as_secs_f64();
    let recorded = recorded();
    let rate = u64::from(PACKETS_PER_SECOND) / UPLOADS.len() as u64;
    let (mut sent, mut uploads) = (0, 0_u64);
    let mut rows = Vec::new();
    while plan.begun.elapsed() < plan.duration {
        uploads += 1;
        let due = plan.interval.saturating_mul(u32::try_from(uploads).unwrap());
        tokio::time::sleep(due.saturating_sub(plan.begun.elapsed())).await;
        let until = u64::try_from(plan.begun.elapsed().as_millis()).unwrap() * rate / 1000;
        let until = until.min(sent + ROWS_PER_UPLOAD_MAX);
        rows.clear();
        rows.extend((sent..until).map(|number| {
            let row = &recorded[usize::try_from((number + plan.number * 7919) % recorded.len() as u64).unwrap()];
            packet(row, number, start + number as f64 / rate as f64)
        }));
        if uploads.is_multiple_of(ROLLED_BACK_EVERY) {
            client.batch_execute("BEGIN").await.unwrap();
            sniffer.insert(&rows).await.expect("packets inserted");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
        committed.fetch_add(sniffer.insert(&rows).await.expect("packets inserted"), Ordering::Relaxed);
        sent = until;
    }
}

/// The demo's packets; their times are seconds after its start.
fn recorded() -> Vec<RawRow> {
    demo_traffic(EventTime::EPOCH).expect("the recordings").rows
}

/// A recorded packet, seen at `time`. What makes it unusable stays: no time, one an hour ahead, a flaw.
fn packet(recorded: &RawRow, number: u64, time: f64) -> RawRow {
    let mut row = recorded.clone();
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let delay = match number {
        number if number % LATE_EVERY == LATE_EVERY - 1 => 60.0,
        number if number % DELAYED_EVERY == 1 => (mixed % 4000) as f64 / 1000.0,
        _ => 0.0,
    };
    let ahead = if row.packet.timestamp >= 3600.0 { 3600.0 } else { 0.0 };
    if !row.packet.timestamp.is_nan() {
        row.packet.timestamp = time - delay + ahead;
    }
    if number.is_multiple_of(FORGED_EVERY)
        && let Some((source @ IpAddr::V4(_), _)) = &mut row.packet.addresses
    {
        *source = Ipv4Addr::from_bits(u32::try_from(mixed).unwrap()).into();
    }
    row
}
