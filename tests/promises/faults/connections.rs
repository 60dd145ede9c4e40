//! No connection is to be had: the service stays up, says that it is not ready, and goes on when one is free.

use flowsentry::sandbox::{Options, PrivatePostgres};

use super::super::kit::{Database, Service, Session, Tables, until};
use super::{insert, start, until_all_is_stored};

const PACKETS: u32 = 200;
const MAX_CONNECTIONS: u32 = 12;
/// What PostgreSQL keeps for superusers, unless told otherwise.
const RESERVED: usize = 3;
/// Who the service is here: superusers are let in for longer.
const ROLE: &str = "watcher";

fn server() -> (PrivatePostgres, Database) {
    let options = Options { max_connections: MAX_CONNECTIONS, shared_buffers_mib: 32, ..Options::default() };
    let server = PrivatePostgres::start(options).unwrap();
    let database = Database::on(&server.url("postgres"), Tables::Adopted);
    database.execute(&format!(
        "CREATE ROLE {ROLE} LOGIN; GRANT USAGE ON SCHEMA public, flowsentry TO {ROLE};
         GRANT SELECT ON raw_packets, raw_packets_id_seq TO {ROLE};
         GRANT INSERT ON traffic_data TO {ROLE};
         GRANT USAGE ON SEQUENCE traffic_data_id_num_seq, flowsentry.alerts_id_seq TO {ROLE};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA flowsentry TO {ROLE};"
    ));
    (server, database)
}

fn start_as_role(database: &Database) -> Service {
    let url = format!("database.url={}", database.url.replace("//flowsentry@", &format!("//{ROLE}@")));
    start(database, &[&url, "retention.keep=0s"])
}

/// Waits until the service was refused for want of a connection, as this text says, and has tried twice since. An attempt
/// that got the lease's connection and not yet been refused the next one is ready for a moment.
fn until_refused(service: &Service, text: &str) {
    until("the service to be refused", || service.get("/readyz").1, |page| page.contains(text));
    let before = service.metric("flowsentry_attempts_total");
    until("two more attempts", || service.metric("flowsentry_attempts_total"), |now| *now >= before + 2.0);
    assert_eq!(service.get("/healthz").0, 200);
    until("the service to say that it is not ready", || service.get("/readyz").0, |status| *status == 503);
}

/// Takes connections until only those are left that are kept for superusers.
fn take_all(database: &Database) -> Vec<Session<'_>> {
    // One is ours.
    (1..MAX_CONNECTIONS as usize - RESERVED).map(|_| database.session()).collect()
}

#[test]
fn others_have_all_connections_and_give_them_back_one_by_one() {
    let (_server, database) = server();
    let mut others = take_all(&database);
    let service = start_as_role(&database);
    insert(&database, 1, PACKETS);
    // "remaining connection slots are reserved for …", in words that differ from version to version.
    until_refused(&service, "connection slots are reserved");
    // Enough for the lease, then for the lease and one stage, …: each attempt ends at another session.
    for _ in 0..3 {
        others.pop();
        until_refused(&service, "connection slots are reserved");
    }
    others.clear();
    until_all_is_stored(&database);
    until("the service to be ready", || service.get("/readyz").0, |status| *status == 200);
    assert!(service.stop().success());
}

#[test]
fn not_even_a_superuser_is_let_in_while_all_connections_are_taken() {
    let (_server, database) = server();
    let mut others = take_all(&database);
    others.extend((0..RESERVED).map(|_| database.session()));
    let service = start(&database, &[]);
    insert(&database, 1, PACKETS);
    until_refused(&service, "too many clients");
    others.clear();
    until_all_is_stored(&database);
    assert!(service.stop().success());
}

#[test]
fn the_role_has_too_many_connections_while_packets_come() {
    let (_server, database) = server();
    let service = start_as_role(&database);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    for limit in 0..=3 {
        database.execute(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT {limit}"));
        database.execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"));
        insert(&database, 2 + limit, PACKETS);
        until_refused(&service, "too many connections for role");
    }
    database.execute(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT -1"));
    until_all_is_stored(&database);
    assert!(service.stop().success());
}
