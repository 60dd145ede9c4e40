//! `flowsentry health` says what a container engine needs to know of the real service, in time, by its exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::kit::{Database, Service, Tables, until};

/// What a frozen service may cost a probe: the limit of the command, and starting it on a busy machine.
const PROBE_MAX: Duration = Duration::from_secs(15);

/// Exit code, and what was said.
fn health(database: &Database, address: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = database.command("health");
    command.args(arguments).env("FLOWSENTRY__HTTP__LISTEN", address);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn free_address(ip: &str) -> String {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().to_string()
}

fn start(database: &Database, address: &str, settings: &[&str]) -> Service {
    let listen = format!("http.listen={address}");
    let service = Service::start(database, &[&[listen.as_str()], settings].concat());
    service.until_logged("serving metrics and health over HTTP");
    service
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn a_service_is_healthy_while_it_runs_and_a_frozen_one_is_not() {
    let database = Database::new(Tables::Ours);
    let address = free_address("127.0.0.1");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let (found, said) = health(&database, &address, arguments);
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    check(&[], 69, &format!("error: the service at http://{address} is not healthy: "));
    check(&["--ready"], 69, "is not ready: ");

    let service = start(&database, &address, &[]);
    service.until_owner();
    check(&[], 0, "alive");
    until("readiness", || health(&database, &address, &["--ready"]), |(code, _)| *code == Some(0));
    check(&["--ready"], 0, "ready: owner");

    service.signal("STOP");
    let began = Instant::now();
    check(&[], 69, "is not healthy: no answer within 3s");
    assert!(began.elapsed() < PROBE_MAX, "{:?}", began.elapsed());
    check(&["--ready"], 69, "is not ready: no answer within 3s");
    service.signal("CONT");
    until("health after the freeze", || health(&database, &address, &[]), |(code, _)| *code == Some(0));
    assert!(service.stop().success());
    check(&[], 69, "refused");
}

/// As in a container: it listens everywhere, reads need the token, and health is asked for on loopback without it.
#[test]
fn a_standby_beyond_loopback_is_ready_without_a_token() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &[]);
    owner.until_owner();
    let address = free_address("0.0.0.0");
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    let standby = start(&database, &address, &[&format!("http.token_file={}", token.display())]);
    standby.until_logged("another instance owns the source; standing by");
    let ready = until("readiness", || health(&database, &address, &["--ready"]), |(code, _)| *code == Some(0));
    assert_eq!(ready.1, "ready: standby\n");
    assert_eq!(health(&database, &address, &[]), (Some(0), "alive\n".to_owned()));
}

/// Its process is as healthy as it can be: a restart would not bring the database back.
#[test]
fn an_outage_of_the_database_is_told_by_readiness_alone() {
    let database = Database::new(Tables::Ours);
    let address = free_address("127.0.0.1");
    let service = Service::start_with(
        &database,
        &[&format!("http.listen={address}")],
        &[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")],
    );
    service.until_logged("serving metrics and health over HTTP");
    let said = until(
        "the outage to be told",
        || health(&database, &address, &["--ready"]),
        |(code, said)| *code == Some(69) && said.contains("the database cannot be used"),
    );
    assert_eq!(said.1.lines().count(), 1, "{}", said.1);
    assert_eq!(health(&database, &address, &[]).0, Some(0));
}

#[test]
fn settings_that_say_no_address_are_no_ill_health() {
    let database = Database::new(Tables::None);
    let check = |address: &str, words: &str| {
        let (code, said) = health(&database, address, &[]);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(words), "{said}");
    };
    check("off", "http.listen = off");
    check("nonsense", "http.listen");
}
