//! What the trigger costs whoever inserts while the service is awake: time a statement, and commits of eight clients.
//!
//! Four tables of the same shape take turns: one without a trigger, one whose trigger does nothing, the one that is watched
//! by a running service, and one with a trigger that notifies every time, as one would write it first. The statement's price is the least of many rounds
//! of 20,000 single-row inserts in one transaction, rolled back. Commits are counted for a second at a time, in an order
//! that turns; what is quoted is the ratio within a round. The watched table's include all that the service does with the
//! rows meanwhile, on the same two cores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::time::Duration;

use flowsentry::telemetry::clock;
use kit::clients::{CLIENTS, commits};
use kit::{Service, Session, Spread, adopt, psql, server};

const STATEMENTS: u32 = 20_000;
const STATEMENT_ROUNDS: usize = 25;
const COMMIT_ROUNDS: usize = 15;
const COMMIT_SPAN: Duration = Duration::from_secs(1);
/// The table without a trigger, the one whose trigger does nothing, ours, and the one that always notifies.
const TABLES: [&str; 4] = ["plain", "idle", "raw_packets", "notifying"];
const NAMES: [&str; 4] = ["no trigger", "empty trigger", "flowsentry, awake", "NOTIFY always"];
const OTHERS: &str = "CREATE TABLE plain (LIKE raw_packets INCLUDING ALL);
    CREATE SEQUENCE plain_id; ALTER TABLE plain ALTER id SET DEFAULT nextval('plain_id');
    CREATE TABLE idle (LIKE raw_packets INCLUDING ALL);
    CREATE SEQUENCE idle_id; ALTER TABLE idle ALTER id SET DEFAULT nextval('idle_id');
    CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER idle AFTER INSERT ON idle FOR EACH STATEMENT EXECUTE FUNCTION do_nothing();
    CREATE TABLE notifying (LIKE raw_packets INCLUDING ALL);
    CREATE SEQUENCE notifying_id; ALTER TABLE notifying ALTER id SET DEFAULT nextval('notifying_id');
    CREATE FUNCTION notify_always() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_notify('packets', ''); RETURN NULL; END $$;
    CREATE TRIGGER notify AFTER INSERT ON notifying FOR EACH STATEMENT EXECUTE FUNCTION notify_always()";
const VALUES: &str = "(timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, tcp_syn) \
                      VALUES (1700000010, 'eth0', '10.0.0.1', '10.0.0.2', 'TCP', 60, 40000, 443, 'SYN', true)";

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    psql(&url, OTHERS);
    let mut service = Service::start(&url, &["wakeup.sleep_after=1h", "retention.keep=0s"]);
    service.until_ready();
    statements(&Session::open(&url));
    clients(&url);
    let metrics = service.metrics();
    println!("notifications while awake: {}", metrics.sum("flowsentry_notifications_total"));
    service.stop();
}

fn statements(session: &Session) {
    println!("{STATEMENTS} single-row inserts a round, {STATEMENT_ROUNDS} rounds; µs a statement");
    let mut times = [const { Vec::new() }; TABLES.len()];
    for _ in 0..STATEMENT_ROUNDS {
        for (table, times) in TABLES.iter().zip(&mut times) {
            let inserts =
                format!("DO $$ BEGIN FOR i IN 1..{STATEMENTS} LOOP INSERT INTO {table} {VALUES}; END LOOP; END $$");
            session.run("BEGIN");
            let began = clock::now();
            session.run(&inserts);
            times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(STATEMENTS));
            session.run("ROLLBACK");
        }
    }
    let spreads = times.map(Spread::of);
    for (name, spread) in NAMES.iter().zip(&spreads) {
        let more = spread.quantile(0.0) - spreads[0].quantile(0.0);
        println!(
            "  {name:18} least {:6.2}, median {:6.2}; least over the least without {more:5.2}",
            spread.quantile(0.0),
            spread.median()
        );
    }
}

fn clients(url: &str) {
    println!("{CLIENTS} clients, one row a transaction, {COMMIT_ROUNDS} rounds of {COMMIT_SPAN:?} a table; commits/s");
    let mut counts = [const { Vec::new() }; TABLES.len()];
    for round in 0..COMMIT_ROUNDS {
        for turn in 0..TABLES.len() {
            let table = (round + turn) % TABLES.len();
            let insert = format!("INSERT INTO {} {VALUES}", TABLES[table]);
            counts[table].push(commits(url, &insert, COMMIT_SPAN));
        }
    }
    let ratio = |table: usize| Spread::of(counts[table].iter().zip(&counts[0]).map(|(with, without)| with / without));
    for (table, name) in NAMES.iter().enumerate() {
        let rate = Spread::of(counts[table].iter().copied());
        println!("  {name:18} {}; ÷ without, round by round: {}", rate.shown(0), ratio(table).shown(2));
    }
}
