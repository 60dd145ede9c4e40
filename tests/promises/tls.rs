//! The whole service through TLS, and what `check`, the log and errors say of the way to the database.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};
use tempfile::TempDir;

use super::check::kit::{Report, at};
use super::kit::{Database, Service, Tables, sums, until};

/// A server that lets nobody in without TLS but from this test, and the root certificate to verify it by.
struct Server {
    postgres: PrivatePostgres,
    directory: TempDir,
}

impl Server {
    /// Its certificate is for these names.
    fn start(names: &[&str]) -> Self {
        let settings = vec![("listen_addresses".to_owned(), "*".to_owned())];
        let mut postgres = PrivatePostgres::start(Options { settings, ..Options::default() }).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("root.crt"), made.cert.pem()).unwrap();
        let data = postgres.directory().join("data");
        let conf = fs::read_to_string(data.join("postgresql.conf")).unwrap();
        let log_ins = "local all all trust\nhostnossl all flowsentry 127.0.0.1/32 trust\nhostssl all all all trust\n\
                       hostnossl all open all trust\n";
        for (name, text) in [
            ("postgresql.conf", format!("{conf}\nssl = on\n")),
            ("pg_hba.conf", log_ins.to_owned()),
            ("server.crt", made.cert.pem()),
            ("server.key", made.signing_key.serialize_pem()),
        ] {
            let (path, owner) = (data.join(name), fs::metadata(&data).unwrap());
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        postgres.stop(Mode::Fast).unwrap();
        postgres.start_again().unwrap();
        Self { postgres, directory }
    }

    fn root(&self) -> String {
        self.directory.path().join("root.crt").display().to_string()
    }
}

/// An address of this machine that others may have a way to.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?; // nothing is sent
    let address = socket.local_addr().ok()?.ip();
    Some(address)
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
        .map(|address| address.to_string())
}

#[test]
fn the_service_reads_and_stores_through_tls() {
    let server = Server::start(&["127.0.0.1"]);
    let database = Database::on(&server.postgres.url("postgres"), Tables::Ours);
    let url = format!("database.url={}?sslmode=verify-full&sslrootcert={}", database.url, server.root());
    let service = Service::start(&database, &[&url]);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g * 0.1, '10.0.0.1', '10.0.1.1', 'UDP', 60 FROM generate_series(1, 20000) g",
    );
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 20_000);
    let sql =
        "SELECT count(*) FILTER (WHERE NOT s.ssl), count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
               WHERE a.application_name LIKE 'flowsentry/%'";
    let row = &database.query(sql)[0];
    assert_eq!(row.get::<_, i64>(0), 0, "all of {} sessions", row.get::<_, i64>(1));
    assert!(row.get::<_, i64>(1) >= 3);
    assert!(!service.log().iter().any(|line| line["message"].as_str().unwrap_or("").contains("weaker")));
    assert!(service.stop().success());
}

#[test]
fn check_says_by_what_a_session_is_protected() {
    let server = Server::start(&["127.0.0.1"]);
    let url = server.postgres.url("postgres");
    assert!(at(&url, "migrate", &[]).status.success());
    let look = |options: &str| Report::of(&at(&format!("{url}?{options}"), "check", &["--json"]));
    let verified = format!("sslmode=verify-full&sslrootcert={}", server.root());
    let has = |options: &str, found: &str| {
        let report = look(options);
        report.has("connection.tls", "fine", "127.0.0.1:", found, "");
        assert_eq!(report.code, Some(0), "{report:?}");
    };
    has(
        &verified,
        "TLSv1.3, the server's certificate and name verified, channel binding offered (sslmode=verify-full)",
    );
    has("sslmode=require", "the server's certificate not verified");
    has("sslmode=disable", "not encrypted, within this machine (sslmode=disable)");
    has("connect_timeout=9", "TLSv1.3, the server's certificate not verified");
    // The system's authorities, which these variables name to all programs.
    let by_system = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
        command.args(["check", "--json"]).env_clear().env("SSL_CERT_FILE", file).env("HOME", "/nonexistent");
        command.env("DATABASE_URL", format!("{url}?sslrootcert=system")).current_dir(env!("CARGO_MANIFEST_DIR"));
        Report::of(&command.output().unwrap())
    };
    by_system(&server.root()).has("connection.tls", "fine", "127.0.0.1:", "certificate and name verified", "");
    let none = by_system("/nonexistent/roots");
    none.has("connection", "refused", "database", "no root certificate to verify 127.0.0.1:", "sslrootcert=FILE");
    let report = look("sslmode=verify-full&sslrootcert=/nonexistent/root");
    assert_eq!(report.code, Some(69), "{report:?}");
    report.has("connection", "refused", "database", "sslrootcert: /nonexistent/root cannot be read", "name a PEM file");
}

#[test]
fn a_way_out_of_the_machine_is_verified_or_a_warning() {
    let Some(address) = own_address() else {
        println!("skipped: this machine has no address but loopback");
        return;
    };
    let server = Server::start(&[&address]);
    let local = server.postgres.url("postgres");
    assert!(at(&local, "migrate", &[]).status.success());
    Database::at(&local).execute("CREATE ROLE open SUPERUSER LOGIN");
    let away = |user: &str| local.replace("flowsentry@127.0.0.1", &format!("{user}@{address}"));
    let look = |user: &str, options: &str| Report::of(&at(&format!("{}?{options}", away(user)), "check", &["--json"]));
    let root = format!("sslrootcert={}", server.root());

    // Where nobody says how, by the name.
    let report = look("flowsentry", &root);
    report.has("connection.tls", "fine", &address, "certificate and name verified", "");
    let report = look("flowsentry", "connect_timeout=9");
    assert_eq!(report.code, Some(69), "{report:?}");
    report.has("connection", "refused", "database", "is not to be trusted: ", "sslrootcert=FILE");
    for (user, options, found) in [
        ("flowsentry", "sslmode=require", "certificate not verified"),
        ("flowsentry", &*format!("sslmode=verify-ca&{root}"), "its name not"),
        ("open", "sslmode=disable", "not encrypted (sslmode=disable)"),
        ("open", "sslmode=allow", "not encrypted (sslmode=allow)"),
    ] {
        let report = look(user, options);
        report.has("connection.tls", "warning", &address, found, "sslmode=verify-full");
    }

    let database = Database::at(&local);
    let weak = format!("database.url={}?sslmode=require", away("flowsentry"));
    let service = Service::start(&database, &[&weak]);
    let line = service.until_logged("the way to the database is weaker than sslmode=verify-full");
    assert_eq!(line["level"], "WARN");
    assert!(line["way"].as_str().unwrap().contains("not verified"), "{line}");
    service.until_owner();
    let told = service.log().into_iter().filter(|line| line["message"].as_str().unwrap_or("").contains("weaker"));
    assert_eq!(told.count(), 1, "once is enough");
    assert!(service.stop().success());
    let strict = format!("database.url={}", away("flowsentry"));
    let (status, log) = Service::start(&database, &[&strict]).ended();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(log.contains("is not to be trusted") && log.contains("sslrootcert=FILE"), "{log}");
}
