//! One alert an attack: known while its window is open, confirmed by the closed one, closed when the attack stops; and whatever
//! dies when, none is lost, doubled, or left open for ever.

mod flood;
mod kills;
mod take_over;

use std::fs;

use tempfile::TempDir;

use super::kit::{Database, Service, Tables, model, until};

/// Flows of more packets are an attack to the model of these tests.
const BORDER: u16 = 10;
/// Packets of an attack.
const ATTACK: i64 = 40;
/// A window of 30 s begins here.
const BEGIN: i64 = 1_700_000_010;

const SETTINGS: [&str; 7] = [
    "early.interval=250ms",
    "ingest.poll_interval=20ms",
    "store.checkpoint_interval=50ms",
    "retry.backoff_min=10ms",
    "retry.backoff_max=200ms",
    "lease.standby_interval=20ms",
    // Windows close by packets that come later, and not by the clock.
    "window.idle_timeout=1h",
];

/// A database, and a model whose verdicts are known.
struct Site {
    database: Database,
    directory: TempDir,
}

impl Site {
    fn new() -> Self {
        Self::with_border(BORDER)
    }

    fn with_border(border: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("model"), model("known", border, ["Normal", "DDoS"])).unwrap();
        Self { database: Database::new(Tables::Adopted), directory }
    }

    fn start(&self, settings: &[&str]) -> Service {
        let path = format!("model.path={}", self.directory.path().join("model").display());
        Service::start(&self.database, &[&SETTINGS[..], &[path.as_str()], settings].concat())
    }

    /// `packets` packets from a host to another, a hundredth of a second apart, from so many seconds after the beginning.
    fn send(&self, seconds: i64, packets: i64, source: &str, destination: &str) {
        self.database.execute(&format!(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port)
             SELECT {BEGIN} + {seconds} + p * 0.01, '{source}', '{destination}', 'UDP', 60, 4000, 53
             FROM generate_series(1, {packets}) p"
        ));
    }

    fn attack(&self, seconds: i64) {
        self.send(seconds, ATTACK, "10.0.0.66", "10.0.1.1");
    }

    /// A packet of somebody else: event time goes on.
    fn time_goes_on(&self, seconds: i64) {
        self.send(seconds, 1, "10.0.9.9", "10.0.9.8");
    }

    /// The alerts, as `subject kind label state windows packets`.
    fn alerts(&self) -> Vec<String> {
        let query =
            "SELECT pg_catalog.concat_ws(' ', pg_catalog.host(subject), subject_kind, label, state, windows, packets)
                     FROM flowsentry.alerts ORDER BY id";
        self.database.query(query).iter().map(|row| row.get(0)).collect()
    }

    #[track_caller]
    fn until_alerts(&self, what: &str, expected: &[&str]) {
        until(what, || self.alerts(), |alerts| alerts == expected);
    }

    /// The attack is over and told: once, all of its packets, and as the stored flows have it.
    #[track_caller]
    fn assert_told_once(&self, windows: i64) {
        let packets = windows * ATTACK;
        self.until_alerts("the attack to be over", &[&format!("10.0.0.66 attacker DDoS closed {windows} {packets}")]);
        let stored = "SELECT coalesce(sum(packet_count), 0)::bigint FROM traffic_data WHERE predicted_label = 'DDoS'";
        assert_eq!(self.database.number(stored), packets);
        let shown = "SELECT coalesce(sum(packets), 0)::bigint FROM flowsentry.alert_windows";
        assert_eq!(self.database.number(shown), packets);
    }
}

#[test]
fn an_attack_is_known_while_its_window_is_open_and_told_once() {
    let site = Site::new();
    let service = site.start(&[]);
    service.until_owner();
    site.attack(1);
    site.until_alerts("an alert", &["10.0.0.66 attacker DDoS open 0 40"]);
    assert_eq!(site.database.number("SELECT count(*) FROM traffic_data"), 0, "no window has closed");
    site.time_goes_on(36);
    site.until_alerts("the window to confirm it", &["10.0.0.66 attacker DDoS open 1 40"]);
    site.attack(40);
    site.until_alerts("it to grow", &["10.0.0.66 attacker DDoS open 1 80"]);
    site.time_goes_on(66);
    site.until_alerts("the second window", &["10.0.0.66 attacker DDoS open 2 80"]);
    site.time_goes_on(160);
    site.assert_told_once(2);
    assert_eq!(service.metric("flowsentry_alerts_withdrawn_total"), 0.0);
}

#[test]
fn without_early_verdicts_the_closed_window_tells() {
    let site = Site::new();
    let service = site.start(&["early.interval=0s"]);
    site.attack(1);
    site.time_goes_on(36);
    site.until_alerts("the window to tell", &["10.0.0.66 attacker DDoS open 1 40"]);
    assert_eq!(service.metric("flowsentry_looks_total{result=\"taken\"}"), 0.0);
    site.time_goes_on(200);
    site.assert_told_once(1);
}

#[test]
fn an_attack_that_goes_silent_with_all_traffic_is_closed_by_the_clock() {
    let site = Site::new();
    let service = site.start(&["window.length=1s", "window.out_of_orderness=0s", "window.idle_timeout=100ms"]);
    site.attack(1);
    site.until_alerts("it to be closed", &["10.0.0.66 attacker DDoS closed 1 40"]);
    assert!(service.stop().success());
}

#[test]
fn an_exception_silences_alerts_within_a_second_and_flows_keep_their_labels() {
    let site = Site::new();
    let service = site.start(&[]);
    service.until_owner();
    site.database.execute(
        "INSERT INTO flowsentry.exceptions (source, owner, reason) VALUES ('10.0.0.0/24', 'test', 'a load test')",
    );
    until("the exception to be in force", || service.metric("flowsentry_exceptions"), |count| *count == 1.0);
    site.attack(1);
    site.send(2, ATTACK, "10.0.7.7", "10.0.1.2");
    site.until_alerts("the other attack", &["10.0.7.7 attacker DDoS open 0 40"]);
    site.time_goes_on(36);
    let silenced = "SELECT silenced FROM flowsentry.exceptions";
    until("the verdict to be counted", || site.database.number(silenced), |count| *count == 1);
    let labelled = "SELECT count(*) FROM traffic_data WHERE predicted_label = 'DDoS'";
    assert_eq!(site.database.number(labelled), 2);
    assert_eq!(site.alerts().len(), 1);
}
