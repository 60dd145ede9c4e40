//! `flowsentry export`: what other programs read of it is what the tables hold, in memory that does not grow with them.

mod bounds;
mod files;
mod read_back;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::kit::{Database, Tables, python, until};

/// An export into a directory of its own.
struct Export<'a> {
    database: &'a Database,
    directory: TempDir,
}

impl<'a> Export<'a> {
    fn of(database: &'a Database) -> Self {
        Self { database, directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `flowsentry export` with these arguments.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.database.command("export");
        command.args(arguments);
        command
    }

    /// Runs it.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Exports into a file; must succeed.
    #[track_caller]
    fn to(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.path(name);
        let output = self.command(arguments).arg("--output").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        path
    }

    /// Names of all files that are there, hidden ones too.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What it said on standard error.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Stores so many flows, a millisecond apart from 2026-01-01 on.
fn store_flows(database: &Database, count: u32) {
    database.execute(&format!(
        "INSERT INTO traffic_data (src_ip, dest_ip, protocol, packet_count, byte_count, window_start, window_end, first_seen,
             last_seen, predicted_label, confidence, model_version, tcp_flags, revision)
         SELECT '10.0.' || i / 250 % 250 || '.' || i % 250, '10.1.0.' || i % 7, (ARRAY['TCP', 'UDP', 'ARP'])[1 + i % 3],
             i % 1000, i % 1000 * 60, start, start + interval '30 s', start, start + interval '1 s',
             (ARRAY['Normal', 'DDoS', 'Port Scanning'])[1 + i % 3], 0.9, 'v1', 'SYN', 0
         FROM generate_series(1, {count}) i,
             LATERAL (SELECT timestamptz '2026-01-01 00:00:00Z' + i * interval '1 ms') s (start)"
    ));
}

/// All of [`store_flows`].
const SPAN: [&str; 4] = ["--since", "2026-01-01T00:00:00Z", "--until", "2026-01-02T00:00:00Z"];

/// Stores an alert of each kind, with text that is hostile.
fn store_alerts(database: &Database) {
    database.execute(
        "INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen,
             last_seen, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, reasons, note, memory)
         SELECT 1, ('10.0.0.' || i)::inet, (ARRAY['attacker', 'victim', 'identity'])[1 + i % 3],
             (ARRAY['Port Scanning', 'DDoS', '=HYPERLINK(\"http://x\")'])[1 + i % 3], (ARRAY['low', 'medium', 'high', 'critical'])[1 + i % 4],
             CASE i % 5 WHEN 0 THEN 'withdrawn' WHEN 1 THEN 'open' ELSE 'closed' END, 0.9,
             timestamptz '2026-01-01 00:00:00Z' + i * interval '1 s', timestamptz '2026-01-01 00:10:00Z', i * 10, i * 600, i, 1,
             2, ARRAY['10.1.0.1', '2001:db8::1']::inet[], 1, ARRAY[22], ARRAY['TCP'],
             jsonb_build_object('sentence', E'\\u202e\\\" <img src=x onerror=alert(1)>'), E'@SUM(1)\\r\\n\\x1b[31m', '{}'
         FROM generate_series(1, 40) i",
    );
}
