//! Where the guide is followed: a server of its own, with the roles that it speaks of and the existing system's tables, and a
//! directory in which a reader would sit.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flowsentry::sandbox::{Options, PrivatePostgres};
use tempfile::TempDir;

use crate::kit::{Database, program};

const EXISTING: &str = include_str!("../kit/existing.sql");
/// What today's version of the existing system has beside its first.
const TODAY: &str = "ALTER TABLE traffic_data ADD COLUMN created_at timestamp without time zone;
    GRANT INSERT ON raw_packets TO sniffer; GRANT USAGE ON SEQUENCE raw_packets_id_seq TO sniffer";
/// Beside the guide's own settings: windows of a second, so that a test sees many, and a free port.
const SETTINGS: [(&str, &str); 6] = [
    ("FLOWSENTRY__WINDOW__LENGTH", "1s"),
    ("FLOWSENTRY__WINDOW__OUT_OF_ORDERNESS", "300ms"),
    ("FLOWSENTRY__WINDOW__ALLOWED_LATENESS", "2s"),
    ("FLOWSENTRY__WINDOW__IDLE_TIMEOUT", "500ms"),
    ("FLOWSENTRY__STORE__CHECKPOINT_INTERVAL", "200ms"),
    ("FLOWSENTRY__HTTP__LISTEN", "127.0.0.1:0"),
];

/// A server, a directory, and the service if it runs.
pub struct Site {
    server: PrivatePostgres,
    directory: TempDir,
    programs: PathBuf,
    /// A superuser's session.
    pub database: Database,
    service: Option<Child>,
}

impl Site {
    /// With packets and flows from before; `None`, aloud, where a program is missing.
    pub fn new() -> Option<Self> {
        let server = PrivatePostgres::start(Options::default()).unwrap();
        let postgres = Database::at(&server.url("postgres"));
        for name in ["psql", "pg_dump"] {
            program(&postgres, name)?;
        }
        let programs = program(&postgres, "psql")?.parent()?.to_owned();
        postgres.execute("CREATE ROLE app LOGIN; CREATE ROLE sniffer LOGIN");
        postgres.execute("CREATE DATABASE traffic OWNER app");
        let app = Database::at(&server.url("traffic").replace("flowsentry@", "app@"));
        app.execute(EXISTING);
        app.execute(TODAY);
        let database = Database::at(&server.url("traffic"));
        Some(Self { server, directory: tempfile::tempdir().unwrap(), programs, database, service: None })
    }

    /// Address of the database, for a role.
    pub fn url(&self, role: &str) -> String {
        self.url_of(role, "traffic")
    }

    /// Address of any database of the server.
    pub fn url_of(&self, role: &str, database: &str) -> String {
        let role = if role == "superuser" { "flowsentry" } else { role };
        self.server.url(database).replace("flowsentry@", &format!("{role}@"))
    }

    /// Writes a file of the guide.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), with_paths(text)).unwrap();
    }

    /// Runs commands of the guide; the first that fails ends them.
    pub fn shell(&self, text: &str) -> Output {
        self.command("-ec", text).output().unwrap()
    }

    /// Runs statements of the guide as psql does.
    pub fn sql(&self, role: &str, text: &str) -> Output {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", &self.url(role)]).stdin(Stdio::piped());
        let mut psql = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        psql.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        psql.wait_with_output().unwrap()
    }

    /// Starts the command of the guide that goes on.
    pub fn begin(&mut self, text: &str) {
        assert!(self.service.is_none(), "it runs already");
        let log = File::create(self.directory.path().join("log")).unwrap();
        // No shell in between, which would end before the service does.
        let service = self.command("-c", &format!("exec env {text}")).stdout(Stdio::null()).stderr(log).spawn();
        self.service = Some(service.unwrap());
    }

    /// Stops it as a reader would, and waits for its end.
    pub fn stop(&mut self) {
        let mut service = self.service.take().expect("it runs");
        signal("TERM", &service);
        let status = service.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The schema as `pg_dump` says it, without what is another in each run.
    pub fn schema(&self) -> String {
        let output = Command::new(self.programs.join("pg_dump")).args(["-s", &self.url("superuser")]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| !line.starts_with('\\')).collect::<Vec<_>>().join("\n")
    }

    fn command(&self, flag: &str, text: &str) -> Command {
        let port = self.server.port();
        let text = with_paths(text)
            .replace("@localhost/", &format!("@127.0.0.1:{port}/"))
            .replace("postgres://postgres@", "postgres://flowsentry@");
        let ours = Path::new(env!("CARGO_BIN_EXE_flowsentry")).parent().unwrap();
        let path = format!("{}:{}:/usr/bin:/bin", ours.display(), self.programs.display());
        let mut command = Command::new("/bin/sh");
        command.args([flag, &text]);
        command.env_clear().env("PATH", path).envs(SETTINGS).current_dir(self.directory.path());
        command
    }
}

fn with_paths(text: &str) -> String {
    text.replace("/path/to/flowsentry", env!("CARGO_MANIFEST_DIR"))
}

fn signal(name: &str, process: &Child) {
    let script = format!("kill -{name} {}", process.id());
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(service) = &mut self.service {
            signal("KILL", service);
            service.wait().ok();
        }
        if std::thread::panicking() {
            println!("the service's log:\n{}", self.log());
        }
    }
}
