//! Catching up: the whole path on two million packets of the adopted table, against a bare COPY of the same columns.
//!
//! The two alternate in one run, and what is quoted is the ratio of each pair. The floor is psql, thrown away: the server
//! and a C client that does nothing. The whole path counts from the start of the process until the checkpoint holds the
//! last packet; its checkpoint moves every 50 ms here and it polls every 10 ms, so that
//! the end is seen when it comes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flowsentry::sandbox::{Options, PrivatePostgres};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

const PACKETS: u32 = 2_000_000;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_mins(2);
/// What the service reads of the adopted table.
const COLUMNS: &str = "id, timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, \
                       arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst";
const EXISTING: &str = include_str!("../tests/promises/kit/existing.sql");
/// 240 s of traffic: 1,001 sources and about 33,000 pairs of hosts with cubic skew, so about 32,000 flows a window.
const TRAFFIC: &str = "SELECT setseed(0.42);
    INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags,
                             tcp_syn, tcp_ack, tcp_fin, tcp_rst, tcp_psh)
    SELECT 1700000010 + g * 0.00012, 'eth0', '10.0.' || s % 4 || '.' || s / 4, '10.1.' || d % 4 || '.' || d / 4,
           CASE WHEN (s + d) % 7 > 0 THEN 'TCP' ELSE 'UDP' END, 60 + (a * 1400)::int, 1024 + (b * 60000)::int,
           (ARRAY[80, 443, 22, 53, 8080])[1 + (c * 4)::int],
           CASE WHEN (s + d) % 7 = 0 THEN NULL WHEN f < 0.1 THEN 'SYN' WHEN f < 0.2 THEN 'SYN,ACK'
                WHEN f < 0.5 THEN 'ACK' ELSE 'PSH,ACK' END, f < 0.2, f > 0.1, false, false, false
    FROM (SELECT g, s, (s * 7 + (random() ^ 3 * 33)::int) % 1000 AS d, a, b, c, f
          FROM (SELECT g, (random() ^ 2 * 1000)::int AS s, random() AS a, random() AS b, random() AS c, random() AS f
                FROM generate_series(1, 2000000) g) q) p
    ORDER BY g;
    VACUUM ANALYZE raw_packets;
    CHECKPOINT";

/// One run of the whole path.
struct Whole {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
    stages: Vec<(String, f64)>,
}

fn main() {
    let settings = [("max_wal_size", "8GB"), ("checkpoint_timeout", "1h")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { fsync: true, shared_buffers_mib: 1024, settings, ..Options::default() };
    let server = PrivatePostgres::start(options).expect("a private PostgreSQL");
    let url = server.url("postgres");
    println!("loading {PACKETS} packets …");
    psql(&url, EXISTING);
    for statement in TRAFFIC.split(';') {
        psql(&url, statement);
    }
    assert!(flowsentry(&url, "migrate").arg("--adopt").status().expect("flowsentry migrate").success());

    let mut ratios = Vec::new();
    println!("round  floor s  whole s  of floor  packets/s  client CPU µs/packet  peak MiB");
    for round in 0..=ROUNDS {
        let floor = floor(&url);
        let whole = whole(&url);
        let ratio = floor / whole.seconds;
        let packets = f64::from(PACKETS);
        println!(
            "{:>5}  {floor:7.2}  {:7.2}  {ratio:8.2}  {:9.0}  {:20.2}  {:8.0}",
            if round == 0 { "warm".to_owned() } else { round.to_string() },
            whole.seconds,
            packets / whole.seconds,
            whole.cpu_seconds / packets * 1e6,
            whole.peak_mib,
        );
        if round > 0 {
            ratios.push(ratio);
        }
        if round == ROUNDS {
            println!("where the time goes, seconds: {}", shown(&whole.stages));
        }
    }
    ratios.sort_unstable_by(f64::total_cmp);
    println!("of floor: median {:.2} ({:.2}..{:.2})", ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1]);
}

fn shown(stages: &[(String, f64)]) -> String {
    stages.iter().map(|(stage, seconds)| format!("{stage} {seconds:.2}")).collect::<Vec<_>>().join(", ")
}

/// Seconds that a bare COPY of the same columns takes, its output thrown away.
#[allow(clippy::disallowed_methods)] // a bench reads the clock
fn floor(url: &str) -> f64 {
    let copy = format!("COPY (SELECT {COLUMNS} FROM raw_packets WHERE id > 0 ORDER BY id) TO STDOUT (FORMAT binary)");
    let began = Instant::now();
    psql(url, &copy);
    began.elapsed().as_secs_f64()
}

#[allow(clippy::disallowed_methods)] // a bench reads the clock
fn whole(url: &str) -> Whole {
    psql(url, "TRUNCATE traffic_data; TRUNCATE flowsentry.checkpoint; CHECKPOINT");
    let log = tempfile();
    let watch = Watch::new(url);
    let began = Instant::now();
    let mut child = flowsentry(url, "run")
        .args(["--set", "http.listen=127.0.0.1:0", "--set", "window.idle_timeout=1h", "--set", "log.format=json"])
        .args(["--set", "store.checkpoint_interval=50ms", "--set", "ingest.poll_interval=10ms"])
        .args(["--set", "retention.keep=0s"])
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .expect("flowsentry run");
    while watch.position() < i64::from(PACKETS) {
        assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", fs::read_to_string(&log).unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = began.elapsed().as_secs_f64();
    let whole = Whole { seconds, cpu_seconds: cpu(&child), peak_mib: peak(&child), stages: stages(&log) };
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(log).unwrap();
    whole
}

/// A session that asks where the checkpoint stands; one session, for a psql a question would take a third of a core.
struct Watch {
    runtime: Runtime,
    client: Client,
}

impl Watch {
    fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    fn position(&self) -> i64 {
        let query = "SELECT coalesce(max(position_high), 0) FROM flowsentry.checkpoint";
        self.runtime.block_on(self.client.query_one(query, &[])).expect("the checkpoint").get(0)
    }
}

/// User and system time so far, in seconds (`/proc/PID/stat`, fields 14 and 15, in ticks of 10 ms).
fn cpu(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

fn peak(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Seconds that each stage was busy, and waited for the next.
fn stages(log: &PathBuf) -> Vec<(String, f64)> {
    let text = fs::read_to_string(log).unwrap();
    let address = text.split("\"address\":\"").nth(1).unwrap().split('"').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let stage = |line: &str, prefix: &str, what: &str| {
        let (name, value) = line.strip_prefix(prefix)?.split_once("\"} ")?;
        Some((format!("{name} {what}"), value.parse().ok()?))
    };
    page.lines()
        .filter_map(|line| {
            stage(line, "flowsentry_stage_busy_seconds_sum{stage=\"", "busy")
                .or_else(|| stage(line, "flowsentry_stage_wait_seconds_total{stage=\"", "waiting"))
        })
        .collect()
}

fn tempfile() -> PathBuf {
    std::env::temp_dir().join(format!("flowsentry-bench-{}.log", std::process::id()))
}

/// The release binary beside this example.
fn flowsentry(url: &str, command: &str) -> Command {
    let here = std::env::current_exe().unwrap();
    let binary = here.parent().and_then(|examples| examples.parent()).unwrap().join("flowsentry");
    let mut process = Command::new(binary);
    process.arg(command).env("DATABASE_URL", url).stdout(Stdio::null());
    process
}

fn psql(url: &str, sql: &str) {
    let mut command = Command::new("psql");
    command.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).stdout(Stdio::null());
    assert!(command.status().expect("psql").success(), "{sql}");
}
