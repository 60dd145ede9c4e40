//! The live page as a person meets it, in a real Chromium.

mod hostile;
mod keys;
mod live;
mod looks;
mod many;
mod signing;
mod silencing;

use std::fs;
use std::time::Instant;

use tempfile::TempDir;

use crate::kit::{Browser, Database, Service, Tab, Tables, model, until_some};

const TOKEN: &str = "0123456789abcdef0123";
/// Flows of more packets are an attack to the model of these tests.
const BORDER: u16 = 10;

const SETTINGS: [&str; 4] = [
    "early.interval=250ms",
    "ingest.poll_interval=20ms",
    "store.checkpoint_interval=50ms",
    // Windows close by packets that come later, and not by the clock.
    "window.idle_timeout=1h",
];

/// A service with a token and a model whose verdicts are known, and somebody who looks at it.
struct Stage {
    database: Database,
    service: Service,
    browser: Browser,
    /// Where its pages are.
    own: String,
    _directory: TempDir,
}

impl Stage {
    /// `None`, aloud, where there is no browser.
    fn set() -> Option<Self> {
        Self::set_with(Database::new(Tables::Adopted))
    }

    fn set_with(database: Database) -> Option<Self> {
        let browser = Browser::start()?;
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("model"), model("known", BORDER, ["Normal", "DDoS"])).unwrap();
        fs::write(file("token"), TOKEN).unwrap();
        let files = [("model.path", "model"), ("http.token_file", "token")]
            .map(|(key, name)| format!("{key}={}", file(name).display()));
        let settings = [&SETTINGS[..], &files.each_ref().map(String::as_str)].concat();
        let service = Service::start(&database, &settings);
        service.until_owner();
        let own = format!("http://{}", service.address());
        Some(Self { database, service, browser, own, _directory: directory })
    }

    /// A tab that shows this path.
    fn open(&mut self, path: &str) -> Tab {
        let mut tab = self.browser.tab();
        tab.screen(1280, 900);
        tab.open(&format!("{}{path}", self.own));
        tab
    }

    /// `packets` packets from a host to another, a hundredth of a second apart, from so many seconds after a window's
    /// beginning, five minutes ago.
    fn send(&self, seconds: i64, packets: i64, source: &str, destination: &str) {
        self.database.execute(&format!(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port)
             SELECT floor(extract(epoch FROM now()) / 300) * 300 - 300 + {seconds} + p * 0.01, '{source}', '{destination}',
                 'UDP', 60, 4000, 53
             FROM generate_series(1, {packets}) p"
        ));
    }

    /// An attack that goes on, told as an alert; its number, and since when the database has it.
    #[allow(clippy::disallowed_methods)] // tests have no other clock
    fn attack(&self) -> (i64, Instant) {
        self.send(1, 40, "10.0.0.66", "10.0.1.1");
        let stored = until_some("an alert", || {
            let found = self.database.query("SELECT id FROM flowsentry.alerts ORDER BY id DESC LIMIT 1");
            found.first().map(|row| row.get(0))
        });
        (stored, Instant::now())
    }

    /// An attack of four windows, with ordinary traffic beside it, which goes on; stored with its flows.
    fn attack_for_a_while(&self) -> i64 {
        let (alert, _) = self.attack();
        for window in 0..4 {
            for host in 1..=window + 2 {
                self.send(window * 30 + 2, 20 + 10 * host, "10.0.0.66", &format!("10.0.1.{host}"));
                self.send(window * 30 + 3, 3, &format!("10.0.2.{host}"), "10.0.0.66");
            }
        }
        self.send(130, 30, "10.0.0.66", "10.0.1.1");
        self.service.until_metric("flowsentry_windows_stored_total", 4.0);
        alert
    }
}

/// Alerts of the last days, of all kinds and states; these must be the first.
fn insert_alerts(database: &Database, count: u32) {
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen,
             last_seen, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory)
         SELECT 1, ('10.0.' || n % 4 || '.' || n % 200)::inet, (ARRAY['attacker', 'victim', 'identity'])[1 + n % 3],
             (ARRAY['DDoS', 'PortScan'])[1 + n % 2], (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4],
             (ARRAY['open', 'closed', 'withdrawn'])[1 + n % 3], 0.5, seen - interval '10 s', seen, n, 60 * n, 1, 1, 1,
             ARRAY['192.0.2.1'::inet], 1, '{{22}}', '{{TCP}}', '{{}}'
         FROM generate_series(1, {count}) n, LATERAL (SELECT now() - n / 1000 * interval '1 hour' AS seen) s;
         ANALYZE flowsentry.alerts"
    ));
}
