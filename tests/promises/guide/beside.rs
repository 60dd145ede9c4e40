//! What goes on while somebody adopts flowsentry: a sniffer that inserts as ever, and a stand-in of the old service, which
//! asks every second what has come since the last time, groups it, and stores flow by flow, as an ORM does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::kit::Database;

/// The old service's period.
const PERIOD: Duration = Duration::from_secs(1);
/// Between two uploads of the sniffer.
const PAUSE: Duration = Duration::from_millis(100);

/// One upload: ordinary packets of the last moment, three that come late, and now and then one that cannot be used.
const UPLOAD: &str = "
    INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, tcp_syn)
        SELECT extract(epoch FROM clock_timestamp()) - g * 0.002, 'eth0', '10.0.0.' || g % 9, '10.0.1.' || g % 4, 'TCP', 60 + g,
               40000 + g, 443, 'SYN,ACK', g % 5 = 0 FROM generate_series(1, 40) g;
    INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port)
        SELECT extract(epoch FROM clock_timestamp()) - 3 - g, 'eth0', '10.0.2.' || g, '10.0.1.9', 'UDP', 90, 5000, 53
        FROM generate_series(1, 3) g;";
const UNUSABLE: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
    VALUES (extract(epoch FROM clock_timestamp()), 'nobody', '10.0.1.1', 'TCP', 60)";
const GROUP: &str = "
    SELECT dst_ip, protocol, count(*)::int, sum(length)::int, max(timestamp) - min(timestamp),
           count(*) FILTER (WHERE tcp_syn)::int, count(DISTINCT src_port)::int
    FROM raw_packets WHERE id > {last} AND id <= {newest} GROUP BY src_ip, dst_ip, protocol";

/// Packets with these ids, both included, are in the old service's rows of one round, which was stored up to this moment.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub ids: (i64, i64),
    /// Unix seconds.
    pub stored: f64,
}

/// The sniffer and the old service.
#[derive(Default)]
pub struct Beside {
    over: AtomicBool,
    sniffing: AtomicBool,
    /// Held during an upload; their count.
    uploads: Mutex<u64>,
    serving: AtomicBool,
    /// Held during a round.
    rounds: Mutex<Vec<Round>>,
}

impl Beside {
    /// Both running from the start.
    pub fn running() -> Self {
        Self { sniffing: AtomicBool::new(true), serving: AtomicBool::new(true), ..Self::default() }
    }

    /// Ends both threads.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Lets no further upload begin, and waits for the present one.
    pub fn stop_sniffing(&self) {
        self.sniffing.store(false, Ordering::Release);
        drop(self.uploads.lock().unwrap());
    }

    /// Lets uploads go on.
    pub fn sniff_again(&self) {
        self.sniffing.store(true, Ordering::Release);
    }

    /// How often the sniffer has uploaded.
    pub fn uploads(&self) -> u64 {
        *self.uploads.lock().unwrap()
    }

    /// Stops the old service after its round.
    pub fn stop_serving(&self) {
        self.serving.store(false, Ordering::Release);
        drop(self.rounds.lock().unwrap());
    }

    /// Starts it again: what came meanwhile it has not seen and never asks for.
    pub fn serve_again(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// What it has done.
    pub fn rounds(&self) -> Vec<Round> {
        self.rounds.lock().unwrap().clone()
    }

    /// The sniffer's thread.
    pub fn sniff(&self, url: &str) {
        let database = Database::at(url);
        while !self.over.load(Ordering::Acquire) {
            let mut uploads = self.uploads.lock().unwrap();
            if self.sniffing.load(Ordering::Acquire) {
                database.execute(UPLOAD);
                if uploads.is_multiple_of(10) {
                    database.execute(UNUSABLE);
                }
                *uploads += 1;
            }
            drop(uploads);
            thread::sleep(PAUSE);
        }
    }

    /// The old service's thread.
    pub fn serve(&self, url: &str) {
        let database = Database::at(url);
        let newest = || database.number("SELECT max(id) FROM raw_packets");
        let mut last = 0;
        while !self.over.load(Ordering::Acquire) {
            let mut rounds = self.rounds.lock().unwrap();
            if self.serving.load(Ordering::Acquire) {
                let newest = newest();
                store(&database, last, newest);
                let stored = database.query("SELECT extract(epoch FROM clock_timestamp())::float8")[0].get(0);
                rounds.push(Round { ids: (last + 1, newest), stored });
                last = newest;
            } else {
                last = newest();
            }
            drop(rounds);
            thread::sleep(PERIOD);
        }
    }
}

fn store(database: &Database, last: i64, newest: i64) {
    let sql = GROUP.replace("{last}", &last.to_string()).replace("{newest}", &newest.to_string());
    for row in database.query(&sql) {
        let (destination, protocol): (&str, &str) = (row.get(0), row.get(1));
        let (packets, octets, syn, ports): (i32, i32, i32, i32) = (row.get(2), row.get(3), row.get(5), row.get(6));
        let seconds = row.get::<_, f64>(4).max(0.001);
        let label = if packets > 1000 { "DDoS" } else { "Normal" };
        database.execute(&format!(
            "INSERT INTO traffic_data (dest_ip, packet_count, packet_per_sec, byte_count, byte_per_sec, tcp_flags,
                 connection_attempts, unique_ports, protocol, predicted_label, created_at)
             VALUES ('{destination}', {packets}, {}, {octets}, {}, 'ACK,SYN', {syn}, {ports}, '{protocol}', '{label}',
                 clock_timestamp() AT TIME ZONE 'utc')",
            f64::from(packets) / seconds,
            f64::from(octets) / seconds,
        ));
    }
}
