//! What the guide says of upgrades of PostgreSQL: a cluster that `pg_upgrade` made anew, with a system identifier of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use crate::kit::{Database, Service, Tables, as_owner, assert_flows_equal_group_by, program, sums, until};

const SETTINGS: [&str; 2] = ["window.idle_timeout=100ms", "store.checkpoint_interval=50ms"];

#[test]
fn a_cluster_that_pg_upgrade_made_goes_on_where_it_was() {
    let options = Options { shared_buffers_mib: 32, ..Options::default() };
    let mut server = PrivatePostgres::start(options).unwrap();
    let mut database = Database::on(&server.url("postgres"), Tables::Adopted);
    let (Some(initdb), Some(pg_upgrade)) = (program(&database, "initdb"), program(&database, "pg_upgrade")) else {
        return;
    };
    let identifier = "SELECT system_identifier FROM pg_control_system()";
    let before = database.number(identifier);
    let service = Service::start(&database, &SETTINGS);
    insert(&database, 1_700_000_000);
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 500);
    assert!(service.stop().success());
    server.stop(Mode::Fast).unwrap();

    let (directory, programs) = (server.directory().to_owned(), initdb.parent().unwrap().to_owned());
    let data = directory.join("data");
    let old = directory.join("old");
    std::fs::rename(&data, &old).unwrap();
    let made = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=flowsentry", "--pgdata"];
    succeed(as_owner(&directory, &initdb).args(made).arg(&data));
    let mut upgrade = as_owner(&directory, &pg_upgrade);
    upgrade.arg("-b").arg(&programs).arg("-B").arg(&programs).arg("-d").arg(&old).arg("-D").arg(&data);
    upgrade.args(["-U", "flowsentry", "-p", &free_port(), "-P", &free_port(), "-s"]).arg(&directory);
    succeed(&mut upgrade);
    server.start_again().unwrap();
    database.reconnect();
    assert_ne!(database.number(identifier), before, "the same cluster, so this proves nothing");

    let service = Service::start(&database, &SETTINGS);
    insert(&database, 1_700_003_600);
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    assert_flows_equal_group_by(&database);
    assert_eq!(database.number("SELECT generation FROM flowsentry.checkpoint"), 1);
    assert!(service.stop().success());
}

fn insert(database: &Database, start: i64) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT {start} + g * 0.1, '10.0.0.' || g % 7, '10.0.1.1', 'UDP', 60 FROM generate_series(1, 500) g"
    ));
}

fn free_port() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string()
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}
