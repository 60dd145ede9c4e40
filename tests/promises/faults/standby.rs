//! The primary is lost and its standby promoted, without the last packets and flows: both go back together.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use super::super::kit::{Database, Proxy, Tables, as_owner, program, until};
use super::{insert, start_behind, sums, until_all_is_stored};

const PACKETS: u32 = 300;

/// A streaming standby, beside the data of its primary and with its owner.
struct Standby {
    process: Child,
    port: u16,
}

impl Standby {
    /// Of a primary that stops for a moment and is copied: `pg_basebackup` does not come with every server.
    fn of(primary: &mut PrivatePostgres, database: &mut Database) -> Self {
        let postgres = program(database, "postgres").unwrap();
        let directory = primary.directory().to_owned();
        let data = directory.join("standby");
        primary.stop(Mode::Fast).unwrap();
        let copied = as_owner(&directory, Path::new("cp")).arg("-a").arg(directory.join("data")).arg(&data).status();
        assert!(copied.unwrap().success());
        let follow = format!("primary_conninfo = 'host=127.0.0.1 port={} user=flowsentry'\n", primary.port());
        fs::write(data.join("postgresql.auto.conf"), follow).unwrap();
        fs::write(data.join("standby.signal"), "").unwrap();
        primary.start_again().unwrap();
        database.reconnect();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = as_owner(&directory, &postgres);
        server.arg("-D").arg(&data).args(["-c", &format!("port={port}"), "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", &format!("unix_socket_directories={}", directory.display()), "-c", "fsync=off"]);
        let log = fs::File::create(directory.join("standby.log")).unwrap();
        let process = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { process, port }
    }

    /// The same database here.
    fn url(&self, database: &Database) -> String {
        let (server, name) = database.url.rsplit_once('/').unwrap();
        let (user, _) = server.rsplit_once(':').unwrap();
        format!("{user}:{}/{name}", self.port)
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn signal(name: &str, process: i64) {
    let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_standby_that_lacks_the_last_packets_is_promoted() {
    // The log that the standby needs is kept for it.
    let settings = vec![("wal_keep_size".to_owned(), "64MB".to_owned())];
    let mut primary =
        PrivatePostgres::start(Options { settings, shared_buffers_mib: 32, ..Options::default() }).unwrap();
    let mut database = Database::on(&primary.url("postgres"), Tables::Adopted);
    let proxy = Proxy::to(&database.url);
    let service = start_behind(&proxy, &database, &[]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    let standby = Standby::of(&mut primary, &mut database);
    let behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()";
    insert(&database, 2, PACKETS);
    until_all_is_stored(&database);
    until("the standby to catch up", || database.number(behind), |caught_up| *caught_up == 1);

    // Its log no longer arrives; packets and flows do.
    let sender = database.number("SELECT pid FROM pg_stat_replication");
    signal("STOP", sender);
    insert(&database, 3, PACKETS);
    insert(&database, 4, PACKETS);
    until_all_is_stored(&database);
    let lost = sums(&database).packets;
    primary.kill().unwrap();
    signal("KILL", sender);

    let survivor = Database::at(&standby.url(&database));
    survivor.execute("SELECT pg_promote()");
    assert!(sums(&survivor).packets < lost, "the standby lacks nothing, so this proves nothing");
    proxy.send_to(standby.port);
    // Their ids are those of the packets that were lost, or lie beyond.
    insert(&survivor, 5, PACKETS);
    until_all_is_stored(&survivor);
    insert(&survivor, 6, PACKETS);
    until_all_is_stored(&survivor);
    assert_eq!(sums(&survivor).packets, 4 * i64::from(PACKETS));
    assert!(service.stop().success());
}
