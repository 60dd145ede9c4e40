//! What the benches share: a private server, the release binary as a process, what the system and its metrics say of it.
#![allow(dead_code)] // each bench uses a part

pub mod caught_up;
pub mod chart;
pub mod clients;
pub mod python;
pub mod service;

use std::process::{Command, Stdio};

use flowsentry::sandbox::{Options, PrivatePostgres};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

pub use service::{Metrics, Service, flowsentry};

/// The existing system's tables.
pub const EXISTING: &str = include_str!("../../tests/promises/kit/existing.sql");
/// What the service reads of the adopted table.
pub const COLUMNS: &str = "id, timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, \
                           arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst, dns_response, dns_qname";

/// A server as on a real machine: `fsync` on, room for the log, so that no checkpoint falls into one round and not another.
pub fn server() -> PrivatePostgres {
    let settings = [("max_wal_size", "8GB"), ("checkpoint_timeout", "1h")];
    server_with(&settings)
}

/// The same with further settings.
pub fn server_with(settings: &[(&str, &str)]) -> PrivatePostgres {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = Options { fsync: true, shared_buffers_mib: 1024, settings, ..Options::default() };
    PrivatePostgres::start(options).expect("a private PostgreSQL")
}

/// Makes the existing system's tables and adopts them.
pub fn adopt(url: &str) {
    psql(url, EXISTING);
    migrate(url);
}

/// Adopts the tables that are there.
pub fn migrate(url: &str) {
    assert!(flowsentry(url, "migrate").arg("--adopt").status().expect("flowsentry migrate").success());
}

/// `packets` packets, 120 µs apart, of 1,001 sources to at most 33,000 pairs of hosts with cubic skew: a full window of 30 s
/// has about 32,000 flows of 7.9 packets. The same every time.
pub fn load(url: &str, packets: u64) {
    psql(url, &traffic(packets, "(random() ^ 2 * 1000)::int", "(s * 7 + (random() ^ 3 * 33)::int) % 1000"));
}

/// `packets` packets between the sources `s` and the destinations `d` (SQL, numbers below 65536).
pub fn traffic(packets: u64, s: &str, d: &str) -> String {
    format!(
        "BEGIN;
        SELECT setseed(0.42);
        INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags,
                                 tcp_syn, tcp_ack, tcp_fin, tcp_rst, tcp_psh)
        SELECT 1700000010 + g * 0.00012, 'eth0', '10.0.' || s % 4 || '.' || s / 4, '10.1.' || d % 4 || '.' || d / 4,
               CASE WHEN (s + d) % 7 > 0 THEN 'TCP' ELSE 'UDP' END, 60 + (a * 1400)::int, 1024 + (b * 60000)::int,
               (ARRAY[80, 443, 22, 53, 8080])[1 + (c * 4)::int],
               CASE WHEN (s + d) % 7 = 0 THEN NULL WHEN f < 0.1 THEN 'SYN' WHEN f < 0.2 THEN 'SYN,ACK'
                    WHEN f < 0.5 THEN 'ACK' ELSE 'PSH,ACK' END, f < 0.2, f > 0.1, false, false, false
        FROM (SELECT g, s, {d} AS d, a, b, c, f
              FROM (SELECT g, {s} AS s, random() AS a, random() AS b, random() AS c, random() AS f
                    FROM generate_series(1, {packets}) g) q) p
        ORDER BY g;
        COMMIT;
        VACUUM ANALYZE raw_packets;
        CHECKPOINT"
    )
}

/// Runs statements, each on its own.
pub fn psql(url: &str, sql: &str) {
    let mut command = Command::new("psql");
    command.args(["-Xq", "-v", "ON_ERROR_STOP=1"]).stdout(Stdio::null());
    for statement in sql.split(";\n") {
        command.args(["-c", statement]);
    }
    assert!(command.arg(url).status().expect("psql").success(), "{sql}");
}

/// One session, with the runtime that drives it while a question is open.
pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    pub fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    /// The first column of the first row.
    pub fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, query: &str) -> T {
        self.runtime
            .block_on(self.client.query_one(query, &[]))
            .unwrap_or_else(|error| panic!("{query}: {error}"))
            .get(0)
    }

    /// Statements without an answer.
    pub fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Asks for the highest id that a checkpoint holds, 0 before the first: prepared, for it is asked a hundred times a
    /// second beside what is measured.
    pub fn position(&self) -> impl Fn() -> i64 {
        let statement = self
            .runtime
            .block_on(self.client.prepare("SELECT coalesce(max(position_high), 0) FROM flowsentry.checkpoint"))
            .expect("a prepared statement");
        move || self.runtime.block_on(self.client.query_one(&statement, &[])).expect("the position").get(0)
    }
}

/// Sorted figures.
pub struct Spread(Vec<f64>);

impl Spread {
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_unstable_by(f64::total_cmp);
        Self(figures)
    }

    /// The figure below which this share of all lies; NaN of none.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an index
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// `median (least..greatest)`, with so many digits.
    pub fn shown(&self, digits: usize) -> String {
        let [least, median, greatest] = [0.0, 0.5, 1.0].map(|share| self.quantile(share));
        format!("{median:.digits$} ({least:.digits$}..{greatest:.digits$})")
    }
}
