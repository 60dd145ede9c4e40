//! A service that nobody looks after: it gives up what does not answer, ends in time whatever it is at, says what it says
//! once, and lets systemd restart it only when that helps.

use std::time::{Duration, Instant};

use super::kit::{Database, Manager, Service, StallingProxy, Tables, assert_flows_equal_group_by, sums, until};

const SECOND: Duration = Duration::from_secs(1);
/// What `service.grace_period` says by default, and a moment for the process to go.
const END: Duration = Duration::from_millis(10_500);

fn insert(database: &Database, packets: u32) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g * 0.001, '10.0.' || g % 50 || '.' || g % 200, '10.0.1.1', 'UDP', 60
         FROM generate_series(1, {packets}) g"
    ));
}

fn all_are_stored(database: &Database, packets: i64) {
    until("all packets", || sums(database), |sums| sums.agree() && sums.packets == packets);
    assert_flows_equal_group_by(database);
}

/// The URL through the proxy.
fn through(database: &Database, proxy: &StallingProxy) -> String {
    let (user, place) = database.url.rsplit_once('@').unwrap();
    let (_, name) = place.split_once('/').unwrap();
    format!("database.url={user}@{}/{name}", proxy.address())
}

fn proxy(database: &Database) -> StallingProxy {
    let (_, place) = database.url.rsplit_once('@').unwrap();
    StallingProxy::to(place.split_once('/').unwrap().0)
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn connections_that_stall_are_given_up_and_reading_goes_on() {
    let database = Database::new(Tables::Ours);
    if database.number("SELECT current_setting('server_version_num')::int") < 140_000 {
        println!("skipped: without idle_session_timeout, which came with 14, the server keeps the stalled lease");
        return;
    }
    let proxy = proxy(&database);
    let limits = ["database.statement_timeout=1s", "database.lock_timeout=1s", "wakeup.gate_timeout=500ms"];
    let url = through(&database, &proxy);
    let settings = [&limits[..], &[&url, "lease.proof_interval=500ms", "store.checkpoint_interval=50ms"]].concat();
    let service = Service::start(&database, &settings);
    service.until_owner();
    insert(&database, 1000);
    until("the packets to be read", || service.metric("flowsentry_polls_total"), |polls| *polls > 2.0);
    proxy.stall();
    let began = Instant::now();
    insert(&database, 1000);
    let attempts = || service.metric("flowsentry_attempts_total");
    until("another attempt", attempts, |attempts| *attempts >= 2.0);
    all_are_stored(&database, 2000);
    assert!(began.elapsed() < 12 * SECOND, "{:?}", began.elapsed());
    assert!(proxy.swallowed() > 0);
    let (_, page) = service.get("/metrics");
    let stalled: f64 = page
        .lines()
        .filter(|line| line.starts_with("flowsentry_sessions_stalled_total{"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert!(stalled >= 1.0, "{page}");
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn an_owner_behind_a_stalled_line_loses_the_source_to_a_standby() {
    let database = Database::new(Tables::Ours);
    if database.number("SELECT current_setting('server_version_num')::int") < 140_000 {
        return; // idle_session_timeout came with 14
    }
    let proxy = proxy(&database);
    let url = through(&database, &proxy);
    let proof = "lease.proof_interval=200ms";
    let owner = Service::start(&database, &[&url, proof]);
    owner.until_owner();
    let standby = Service::start(&database, &["lease.standby_interval=50ms", proof]);
    standby.until_logged("another instance owns the source; standing by");
    owner.signal("STOP"); // it could not connect anew either
    proxy.stall();
    standby.until_owner();
    insert(&database, 1000);
    all_are_stored(&database, 1000);
    owner.signal("CONT");
}

/// Stops it and checks that it ends as asked, in time.
#[track_caller]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn ends_in_time(service: Service) {
    let began = Instant::now();
    let (signal, status) = ("TERM", service.stop());
    assert_eq!(status.code(), Some(0), "after {signal}");
    assert!(began.elapsed() < END, "{:?}", began.elapsed());
}

#[test]
fn told_to_stop_under_load_or_in_a_replay_it_ends_in_time_and_nothing_is_lost() {
    let database = Database::new(Tables::Ours);
    let settings = ["store.checkpoint_interval=50ms", "ingest.rows_per_read=500", "ingest.rows_per_batch=500"];
    let service = Service::start(&database, &settings);
    service.until_owner();
    insert(&database, 100_000);
    let high = || database.number("SELECT position_high FROM flowsentry.checkpoint");
    until("some of it to be read", high, |high| *high > 2000);
    ends_in_time(service);
    assert!(high() < 100_000, "stopped in the middle");
    // What is open has to be read again, 500 rows at a time.
    let service = Service::start(&database, &settings);
    service.until_owner();
    ends_in_time(service);
    let service = Service::start(&database, &settings);
    all_are_stored(&database, 100_000);
    ends_in_time(service);
}

#[test]
fn told_to_stop_while_it_cannot_store_it_ends_in_time_and_says_before_what_it_waits_for() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &["store.checkpoint_interval=50ms", "database.lock_timeout=300ms"]);
    service.until_owner();
    let blocker = database.session();
    blocker.execute("BEGIN; LOCK TABLE traffic_data IN ACCESS EXCLUSIVE MODE");
    insert(&database, 1000);
    until("the sink to be blocked", || service.metric("flowsentry_sink_blocked"), |blocked| *blocked == 1.0);
    let errors = || service.metric("flowsentry_errors_total{kind=\"sink\"}");
    until("the attempts to end", errors, |errors| *errors >= 2.0);
    let (status, body) = service.get("/readyz");
    assert!(status == 503 && body.contains("flows cannot be stored: "), "{status} {body}");
    assert_eq!(service.get("/healthz").0, 200, "a restart would not help");
    ends_in_time(service);

    // One that may wait for the lock for long is cut off.
    let service = Service::start(
        &database,
        &["store.checkpoint_interval=50ms", "database.lock_timeout=50s", "service.grace_period=2s"],
    );
    service.until_owner();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'traffic_data'::regclass";
    until("the writer to wait", || database.number(waits), |waiting| *waiting == 1);
    ends_in_time(service);
    blocker.execute("COMMIT");

    let service = Service::start(&database, &[]);
    all_are_stored(&database, 1000);
    until("the sink to be free", || service.metric("flowsentry_sink_blocked"), |blocked| *blocked == 0.0);
    assert_eq!(service.get("/readyz").0, 200);
    ends_in_time(service);
}

#[test]
fn told_to_stop_in_standby_or_in_an_outage_it_ends_in_time() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &[]);
    owner.until_owner();
    let standby = Service::start(&database, &[]);
    standby.until_logged("another instance owns the source; standing by");
    ends_in_time(standby);
    ends_in_time(owner);
    // A server that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("database.url=postgres://flowsentry@{}/flows", silent.local_addr().unwrap());
    let service = Service::start(&database, &[&url, "database.connect_timeout=1m"]);
    let connection = silent.accept().unwrap();
    ends_in_time(service);
    drop(connection);
}

#[test]
fn an_interrupt_ends_it_too_and_a_second_signal_ends_it_at_once() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    service.until_owner();
    service.signal("INT");
    assert_eq!(service.ended().0.code(), Some(0));

    let service = Service::start(&database, &["database.lock_timeout=50s", "service.grace_period=1m"]);
    service.until_owner();
    let blocker = database.session();
    blocker.execute("BEGIN; LOCK TABLE traffic_data IN ACCESS EXCLUSIVE MODE");
    insert(&database, 1000);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'traffic_data'::regclass";
    until("the writer to wait", || database.number(waits), |waiting| *waiting == 1);
    service.signal("TERM");
    until("it to be stopping", || service.signals_taken(), |taken| *taken);
    service.signal("TERM");
    assert_eq!(service.ended().0.code(), Some(128 + 15));
    blocker.execute("COMMIT");
    let service = Service::start(&database, &[]);
    all_are_stored(&database, 1000);
    drop(service);
}

#[test]
fn an_outage_is_told_once_and_readiness_says_it_all_the_time() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &["retry.backoff_max=20ms", "retry.backoff_min=1ms"]);
    service.until_owner();
    let name = database.url.rsplit_once('/').unwrap().1;
    let admin = database.beside();
    admin.execute(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
    admin.execute(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name LIKE 'flowsentry/%'"
    ));
    let attempts = || service.metric("flowsentry_attempts_total");
    until("many attempts", attempts, |attempts| *attempts > 50.0);
    let told = service.log().iter().filter(|line| line["message"] == "this attempt has ended").count();
    assert!((1..10).contains(&told), "{told} lines of {} attempts", attempts());
    assert_eq!(service.get("/readyz").0, 503);
    assert_eq!(service.get("/healthz").0, 200);
    admin.execute(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
    insert(&database, 1000);
    all_are_stored(&database, 1000);
    service.signal("TERM");
    let (_, log) = service.ended();
    assert!(log.contains("repeated: this attempt has ended"), "summed up at the end\n{log}");
}

const WATCHDOG: (&str, &str) = ("WATCHDOG_USEC", "600000");

#[test]
fn the_service_manager_hears_that_it_is_ready_and_alive_idle_under_load_and_in_an_outage() {
    let database = Database::new(Tables::Ours);
    let manager = Manager::new();
    let socket = ("NOTIFY_SOCKET", manager.path().to_str().unwrap());
    let service = Service::start_with(&database, &[], &[socket, WATCHDOG]);
    assert!(manager.hears("READY=1").contains("STATUS=owner of the source"));
    (0..3).for_each(|_| drop(manager.hears("WATCHDOG=1")));
    insert(&database, 50_000);
    (0..3).for_each(|_| drop(manager.hears("WATCHDOG=1")));
    all_are_stored(&database, 50_000);
    manager.hears("STATUS=owner of the source, position 50000, 0 rows behind");

    let name = database.url.rsplit_once('/').unwrap().1;
    let admin = database.beside();
    admin.execute(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
    admin.execute(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name LIKE 'flowsentry/%'"
    ));
    manager.hears("STATUS=starting; ");
    (0..5).for_each(|_| drop(manager.hears("WATCHDOG=1")));
    admin.execute(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
    manager.hears("STATUS=owner of the source");

    service.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(service.ended().0.code(), Some(0));
}

#[test]
fn a_standby_is_ready_and_a_process_that_hangs_is_not_alive() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &[]);
    owner.until_owner();
    let manager = Manager::new();
    let socket = ("NOTIFY_SOCKET", manager.path().to_str().unwrap());
    let standby = Service::start_with(&database, &[], &[socket, WATCHDOG]);
    assert!(manager.hears("READY=1").contains("STATUS=standing by"));
    manager.hears("WATCHDOG=1");
    standby.signal("STOP");
    assert!(manager.hears_nothing_for(2 * SECOND));
    standby.signal("CONT");
    manager.hears("WATCHDOG=1");
}

#[test]
fn a_trigger_of_the_owners_finds_its_tables_while_we_store() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "CREATE SCHEMA theirs; CREATE TABLE theirs.seen (label text);
         CREATE FUNCTION theirs.note() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN INSERT INTO seen VALUES (NEW.predicted_label); RETURN NEW; END$$;
         CREATE TRIGGER note BEFORE INSERT ON traffic_data FOR EACH ROW EXECUTE FUNCTION theirs.note()",
    );
    let name = database.url.rsplit_once('/').unwrap().1;
    database.execute(&format!("ALTER DATABASE {name} SET search_path = public, theirs"));
    let service = Service::start(&database, &[]);
    insert(&database, 1000);
    all_are_stored(&database, 1000);
    let flows = database.number("SELECT count(*) FROM traffic_data");
    assert_eq!(database.number("SELECT count(*) FROM theirs.seen"), flows);
    drop(service);
}
