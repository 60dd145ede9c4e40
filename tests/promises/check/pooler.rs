//! A pooler between us and the server: `PgBouncer`, where it is installed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::kit::{Report, at};
use crate::kit::{Database, Tables, until};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler in front of the test's server; killed when dropped.
struct Pooler {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Pooler {
    fn start(database: &Database, mode: &str) -> Self {
        let place = database.url.rsplit_once('@').unwrap().1;
        let (host, name) = place.split_once('/').unwrap();
        let (address, server_port) = host.split_once(':').unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{name} = host={address} port={server_port} dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 5\n"
        );
        // auth_type = any logs everybody in as the user of the server that is named here.
        let text = text.replace(&format!("dbname={name}"), &format!("dbname={name} user=flowsentry"));
        fs::write(&settings, text).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command.arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        until("the pooler to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok(), |listens| *listens);
        Self { child, url: format!("postgresql://flowsentry@127.0.0.1:{port}/{name}"), _directory: directory }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// It refuses to run as root.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[test]
fn a_pooler_that_changes_sessions_between_transactions_is_refused() {
    if !Path::new(PROGRAM).exists() {
        println!("skipped: {PROGRAM} is not installed");
        return;
    }
    let database = Database::new(Tables::Ours);
    for mode in ["transaction", "statement"] {
        let pooler = Pooler::start(&database, mode);
        for _ in 0..3 {
            let report = Report::of(&at(&pooler.url, "check", &["--json"]));
            assert_eq!(report.code, Some(78), "{report:?}");
            report.has("session.direct", "refused", "sessions", "session", "pool_mode=session");
        }
        // Nothing of ours stays with the processes that the pooler hands out next.
        let idle = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(database.number(idle), 0);
    }
    let pooler = Pooler::start(&database, "session");
    let report = Report::of(&at(&pooler.url, "check", &["--json"]));
    report.is_fine("session.direct");
    report.is_fine("session.listen");
    assert_eq!(report.code, Some(0), "{report:?}");
}
