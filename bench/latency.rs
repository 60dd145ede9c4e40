//! How soon, at 10,000 packets a second: a window's flows are stored after its end, and a packet is folded after its commit.
//!
//! All is seen from outside. The transaction that stores the flows of a window is the one that moves the watermark past its
//! end: so a window's delay is from its end and the out-of-orderness bound until that watermark is seen in the stored
//! checkpoint, asked for every two milliseconds. Windows are five seconds long here, so that there are some, and
//! have about 29,000 flows each, nearly as many as thirty seconds of the traffic for catching up have. A packet is folded
//! when the watermark of `/metrics` has come to its time less the bound; asked for every two milliseconds, counted from the
//! answer to the sniffer's commit. Awake, 10,000 packets a second come in uploads of 100; asleep, one packet comes each time
//! that the service has fallen asleep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use flowsentry::telemetry::clock;
use kit::{Service, Session, Spread, adopt, server};

const AWAKE_SPAN: Duration = Duration::from_mins(1);
/// One upload, and how often one comes: 10,000 packets a second.
const ROWS_PER_UPLOAD: u32 = 100;
const UPLOAD_INTERVAL: Duration = Duration::from_millis(10);
/// Of how many uploads one is watched: a page of metrics costs the service more than an upload does.
const WATCHED_EVERY: u32 = 23;
const ASLEEP_ROUNDS: u32 = 30;
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
const LIMIT: Duration = Duration::from_secs(20);
const WINDOW_SECONDS: f64 = 5.0;
const OUT_OF_ORDERNESS: f64 = 1.0;
const SETTINGS: [&str; 5] = [
    "window.length=5s",
    "window.out_of_orderness=1s",
    "store.checkpoint_interval=10ms",
    "wakeup.sleep_after=200ms",
    "retention.keep=0s",
];

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    let mut service = Service::start(&url, &SETTINGS);
    service.until_ready();
    println!("asleep: packet committed → folded, ms: {}", percentiles(asleep(&url, &service)));
    let cpu = service.cpu_seconds();
    let awake = awake(&url, &service);
    let cpu = (service.cpu_seconds() - cpu) / AWAKE_SPAN.as_secs_f64() * 100.0;
    println!("awake, {:.0} packets/s: packet committed → folded, ms: {}", awake.rate, percentiles(awake.packets));
    println!("end of window + out-of-orderness → flows committed, ms: {}", percentiles(awake.windows));
    let (windows, flows): (i64, i64) = {
        let session = Session::open(&url);
        (
            session.one("SELECT count(DISTINCT window_start) FROM traffic_data"),
            session.one("SELECT count(*) FROM traffic_data"),
        )
    };
    println!("flows a window: {:.0}; CPU of the service: {cpu:.1} % of a core", flows as f64 / windows as f64);
    service.stop();
}

fn asleep(url: &str, service: &Service) -> Vec<f64> {
    let sniffer = Session::open(url);
    let mut times = Vec::new();
    for _ in 0..ASLEEP_ROUNDS {
        let deadline = clock::now() + LIMIT;
        while service.metrics().sum("flowsentry_awake") > 0.0 {
            assert!(clock::now() < deadline, "it does not fall asleep: {}", service.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let time = inserted(&sniffer, 1);
        let committed = clock::now();
        while folded_until(service) < time {
            assert!(committed.elapsed() < LIMIT, "a packet is not folded: {}", service.log());
            std::thread::sleep(LOOK_INTERVAL);
        }
        times.push(committed.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// What came of the steady packets: delays in milliseconds.
struct Awake {
    rate: f64,
    packets: Vec<f64>,
    windows: Vec<f64>,
}

fn awake(url: &str, service: &Service) -> Awake {
    let (sniffer, watch) = (Session::open(url), Session::open(url));
    let (tell, told) = sync_channel(1024);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let packets = scope.spawn(|| folded(service, told));
        let windows = scope.spawn(|| stored(&watch, &done));
        let began = clock::now();
        let mut uploads = 0;
        while began.elapsed() < AWAKE_SPAN {
            uploads += 1;
            std::thread::sleep((UPLOAD_INTERVAL * uploads).saturating_sub(began.elapsed()));
            let last = inserted(&sniffer, ROWS_PER_UPLOAD);
            if uploads % WATCHED_EVERY == 0 {
                tell.send((last, clock::now())).unwrap();
            }
        }
        let rate = f64::from(uploads * ROWS_PER_UPLOAD) / began.elapsed().as_secs_f64();
        drop(tell);
        done.store(true, Ordering::Relaxed);
        Awake { rate, packets: packets.join().unwrap(), windows: windows.join().unwrap() }
    })
}

/// The greatest time of a packet that has been folded, Unix seconds.
fn folded_until(service: &Service) -> f64 {
    // Half a microsecond for what is lost in writing such a number.
    service.metrics().sum("flowsentry_watermark_timestamp_seconds") + OUT_OF_ORDERNESS + 5e-7
}

/// From commits until the packets are folded.
fn folded(service: &Service, told: Receiver<(f64, Instant)>) -> Vec<f64> {
    let mut times = Vec::new();
    for (time, committed) in told {
        while folded_until(service) < time {
            assert!(committed.elapsed() < LIMIT, "a packet is not folded: {}", service.log());
            std::thread::sleep(LOOK_INTERVAL);
        }
        times.push(committed.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// From the ends of windows until their flows are stored.
#[allow(clippy::cast_possible_truncation)] // whole seconds
fn stored(watch: &Session, done: &AtomicBool) -> Vec<f64> {
    let (mut windows, mut times) = (BTreeSet::new(), Vec::new());
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_INTERVAL);
        let watermark: i64 = watch.one("SELECT coalesce(max(watermark), 0) FROM flowsentry.checkpoint");
        let last_end = (watermark as f64 / 1e6 / WINDOW_SECONDS).floor() * WINDOW_SECONDS;
        // The first two are of before: there the watermark waited for packets, not flows for being stored.
        if windows.insert(last_end as i64) && windows.len() > 2 {
            times.push((clock::since_epoch().as_secs_f64() - last_end - OUT_OF_ORDERNESS) * 1e3);
        }
    }
    times
}

/// Inserts packets of now between 60,000 pairs of hosts, in one transaction; gives the time of the last one.
fn inserted(sniffer: &Session, rows: u32) -> f64 {
    sniffer.one(&format!(
        "WITH inserted AS (
            INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
            SELECT extract(epoch FROM clock_timestamp()), 'eth0', '10.0.0.' || n / 240, '10.1.0.' || n % 240, 'TCP',
                   60 + n % 1400, 1024 + n % 60000, 443, 'ACK'
            FROM (SELECT (random() * 59999)::int AS n FROM generate_series(1, {rows})) q RETURNING timestamp)
         SELECT max(timestamp) FROM inserted"
    ))
}

fn percentiles(times: Vec<f64>) -> String {
    let count = times.len();
    let spread = Spread::of(times);
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| spread.quantile(share));
    format!("p50 {p50:.0}, p99 {p99:.0}, most {max:.0} ({count} times)")
}
