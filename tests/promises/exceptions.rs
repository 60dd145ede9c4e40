//! Exceptions take effect within a second, without a restart; and are proved before they are saved.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Database, Service, Tables, until};

/// Three alerts of the last days, one of which is of 2000 peers, and one that is too old.
const ALERTS: &str = "
    INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen,
        packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory)
    SELECT 1, subject, kind, label, severity, 'closed', 1, now() - age, now() - age, 1, 60, 1, 1, peers, sample, 1, '{22}',
        '{TCP}', '{}'
    FROM (VALUES
        ('10.1.2.3'::inet, 'attacker', 'PortScan', 'low', interval '1 day', 1, '{192.0.2.1}'::inet[]),
        ('10.1.2.4', 'attacker', 'PortScan', 'high', '2 days', 1, '{192.0.2.1}'),
        ('192.0.2.1', 'victim', E'DDoS\\x1b[2J', 'critical', '3 days', 2000, '{10.7.7.7,10.8.8.8}'),
        ('172.16.0.1', 'attacker', 'PortScan', 'critical', '8 days', 1, '{192.0.2.1}')
    ) a (subject, kind, label, severity, age, peers, sample)";

fn insert(database: &Database, values: &str) {
    database.execute(&format!(
        "INSERT INTO flowsentry.exceptions (source, schedule, owner, reason) VALUES ({values}, 'test', 'a test')"
    ));
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn a_change_takes_effect_within_a_second_without_a_restart() {
    let database = Database::new(Tables::Ours);
    insert(&database, "'10.0.0.0/8', NULL");
    let service = Service::start(&database, &[]);
    service.until_owner();
    let in_force = |expected: f64| {
        until("the exceptions", || service.metric("flowsentry_exceptions"), |found| found.total_cmp(&expected).is_eq());
    };
    in_force(1.0);

    // The fallback alone would take 2.5 s on the average.
    let mut delays: Vec<Duration> = (1..=5_u8)
        .map(|round| {
            insert(&database, &format!("'10.0.0.{round}/32', 'mon-sun 00:00-24:00'"));
            let began = Instant::now();
            in_force(f64::from(round) + 1.0);
            began.elapsed()
        })
        .collect();
    delays.sort();
    assert!(delays[2] < Duration::from_secs(1), "{delays:?}");

    database.execute("DELETE FROM flowsentry.exceptions WHERE schedule IS NOT NULL");
    in_force(1.0);
    insert(&database, "'10.9.0.0/16', 'mon-fry'");
    until("the fault", || service.metric("flowsentry_exceptions_unusable"), |found| *found > 0.0);
    in_force(1.0);
    let told =
        service.until_logged("an exception cannot be understood and silences nothing: UPDATE flowsentry.exceptions");
    assert!(told["fault"].as_str().unwrap().contains("\"fry\", names no days"), "{told}");
    // An exception that has ended is none, whatever its row says.
    database.execute("UPDATE flowsentry.exceptions SET schedule = NULL, expires_at = now() - interval '1 s'");
    in_force(0.0);

    // Its session is gone, and comes again.
    let listening = "SELECT pid FROM pg_stat_activity WHERE application_name = 'flowsentry/exceptions'
                     AND datname = current_database()";
    let before = database.number(listening);
    database.execute(&format!("SELECT pg_terminate_backend({before})"));
    insert(&database, "'10.1.0.0/16', NULL");
    in_force(1.0);
    assert!(database.number(listening) != before);
    // Nobody tells of a change, and it is found all the same.
    database.execute("ALTER TABLE flowsentry.exceptions DISABLE TRIGGER exceptions_changed");
    insert(&database, "'10.2.0.0/16', NULL");
    in_force(2.0);
    assert_eq!(service.metric("flowsentry_attempts_total"), 1.0, "nothing of it was a restart");
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |octets| String::from_utf8(octets).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn exceptions(database: &Database, arguments: &[&str]) -> Ended {
    database.command("exceptions").args(arguments).env("USER", "jo").output().unwrap().into()
}

#[test]
fn an_exception_is_proved_by_the_alerts_of_the_last_seven_days() {
    let database = Database::new(Tables::Ours);
    database.execute(ALERTS);
    let ended = exceptions(&database, &["try", "--label", "portscan"]);
    assert_eq!(
        (ended.code, ended.out.lines().next().unwrap()),
        (0, "Of 3 alerts of the last 7 days, it would have silenced 2.")
    );
    assert!(ended.out.contains("       1  PortScan low\n       1  PortScan high\n"), "{}", ended.out);
    assert!(ended.out.contains("  alert 2  20"), "{}", ended.out);
    assert!(ended.out.contains("high PortScan attacker 10.1.2.4, 1 peers\n"), "{}", ended.out);

    let ended = exceptions(&database, &["try", "--source", "10.0.0.0/8", "--destination", "192.0.2.1", "--json"]);
    let proof = ended.json();
    assert_eq!((&proof["silenced"], &proof["by_sample"]), (&3.into(), &1.into()), "{proof}");
    assert!(proof["objection"].as_str().unwrap().contains("every one of the 3 alerts"), "{proof}");
    assert_eq!(proof["urgent"][1]["by"], "a sample of 2 of 2000 peers", "{proof}");
    let shown = exceptions(&database, &["try", "--source", "10.0.0.0/8"]).out;
    assert!(!shown.contains('\u{1b}') && shown.contains("(by a sample of 2 of 2000 peers)"), "{shown}");
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 0, "trying saves nothing");
}

#[test]
fn exceptions_are_added_listed_and_removed() {
    let database = Database::new(Tables::Ours);
    database.execute(ALERTS);
    let add = ["add", "--source", "10.1.2.3", "--schedule", "mon-fri 22:00-04:00; sat,sun", "--reason", "inventory"];
    let ended = exceptions(&database, &[&add[..], &["--expires", "90d"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(
        ended.out.starts_with("Of 3 alerts")
            && ended.out.ends_with("Saved as exception 1; it takes effect within a second.\n")
    );
    let ended = exceptions(
        &database,
        &["add", "--port", "53", "--protocol", "udp", "--reason", "r", "--owner", "di", "--json"],
    );
    assert_eq!(ended.json()["id"], 2, "{}", ended.out);
    insert(&database, "NULL, 'mon-fry'");

    let listed = exceptions(&database, &["list", "--json"]).json();
    let states: Vec<_> = listed["exceptions"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["in_force", "in_force", "unusable"], "{listed}");
    assert_eq!(
        (&listed["exceptions"][0]["source"], &listed["exceptions"][0]["owner"]),
        (&"10.1.2.3/32".into(), &"jo".into())
    );
    assert_eq!((&listed["exceptions"][1]["protocol"], &listed["exceptions"][1]["port"]), (&"UDP".into(), &53.into()));
    let shown = exceptions(&database, &["list"]).out;
    assert!(shown.contains("   1  source 10.1.2.3/32, on mon-fri 22:00-04:00; sat,sun, until 20"), "{shown}");
    assert!(shown.contains("[silences nothing: schedule = "), "{shown}");

    assert_eq!(exceptions(&database, &["remove", "1"]).code, 0);
    let ended = exceptions(&database, &["remove", "1"]);
    assert_eq!((ended.code, ended.err.lines().next().unwrap()), (64, "error: there is no exception 1"));
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 2);
}

#[test]
fn what_would_silence_everything_is_refused_unless_forced() {
    let database = Database::new(Tables::Ours);
    database.execute(ALERTS);
    let refused = |arguments: &[&str], said: &str| {
        let ended = exceptions(&database, &[&["add", "--reason", "r"], arguments].concat());
        assert!(ended.code == 64 && ended.err.contains(said), "{arguments:?}: {} {}", ended.code, ended.err);
        assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 0);
    };
    refused(&[], "would silence everything while it holds");
    refused(&["--source", "0.0.0.0/0"], "would silence everything while it holds");
    refused(&["--schedule", "sat"], "would silence everything while it holds");
    refused(&["--source", "10.0.0.0/8", "--destination", "192.0.2.1"], "every one of the 3 alerts");
    refused(&["--source", "10.1.2.3/8"], "source = \"10.1.2.3/8\": write 10.0.0.0/8 for the net");
    refused(&["--schedule", "mon-fry"], "part 1, \"fry\", names no days");
    refused(&["--label", "PortScan", "--owner", " "], "needs an owner and a reason");
    refused(&["--expires", "2001-01-01T00:00:00Z"], "write a time to come");
    let forced = ["add", "--reason", "r", "--force", "--source", "0.0.0.0/0"];
    assert_eq!(exceptions(&database, &forced).code, 0);
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 1);
}
