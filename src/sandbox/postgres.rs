//! A PostgreSQL server of our own: found, set up, started on a free port, ended, in a second or two.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::SandboxError;
use super::directory::Directory;
use super::programs::Programs;
use super::watchdog::Watchdog;
use crate::config::Environment;
use crate::telemetry::clock;

/// The superuser; no password, on this machine only.
const USER: &str = "flowsentry";
/// Starting after a crash replays the log; stopping writes a checkpoint.
const TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Somebody may take the free port between our look and the server's.
const START_ATTEMPTS: u32 = 5;
const LOG_LINES: usize = 12;

/// How the server is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether commits survive a crash of the machine. Off is faster; a crash of the server alone loses nothing.
    pub fsync: bool,
    /// In MiB.
    pub shared_buffers_mib: u32,
    /// Sessions at a time.
    pub max_connections: u32,
    /// 0 refuses PREPARE TRANSACTION.
    pub max_prepared_transactions: u32,
    /// Further settings by name; the last one of a name wins.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fsync: false,
            shared_buffers_mib: 256,
            max_connections: 100,
            max_prepared_transactions: 0,
            settings: Vec::new(),
        }
    }
}

/// How a server is asked to stop (`pg_ctl stop --mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// When the last session has ended.
    Smart,
    /// Now; sessions are told, a checkpoint is written.
    Fast,
    /// Now, like a crash: the log is replayed at the next start.
    Immediate,
}

/// A running server, or a stopped one that can be started again. Dropped, it is gone with all its data.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Option<Child>,
    port: u16,
    options: Options,
    programs: Programs,
    // In this order: the watchdog's end removes the directory of a killed process, ours what is left of it.
    _watchdog: Watchdog,
    directory: Directory,
}

impl PrivatePostgres {
    /// Finds the programs, makes a data directory and starts. Blocks for a second or two.
    pub fn start(options: Options) -> Result<Self, SandboxError> {
        let programs = Programs::find(&Environment::of_process())?;
        let directory = Directory::create()?;
        let watchdog = Watchdog::start(&directory, &programs.path("pg_ctl"))?;
        initdb(&programs, &directory)?;
        let mut this = Self { server: None, port: 0, options, programs, _watchdog: watchdog, directory };
        for attempt in 1.. {
            this.port = free_port()?;
            match this.start_again() {
                Err(SandboxError::Start { log, .. })
                    if attempt < START_ATTEMPTS && log.contains("Address already in use") => {}
                result => return result.map(|()| this),
            }
        }
        Ok(this)
    }

    /// `postgresql://` address of a database; `postgres` is there from the start.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// On 127.0.0.1; the same for the whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its unix socket, its log (`log`) and its data (`data`) are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Process id of the postmaster; `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Stops the server and waits for its end; the data stays. Nothing to do if it is stopped already.
    pub fn stop(&mut self, mode: Mode) -> Result<(), SandboxError> {
        let Some(server) = &self.server else { return Ok(()) };
        let signal = match mode {
            Mode::Smart => "-TERM",
            Mode::Fast => "-INT",
            Mode::Immediate => "-QUIT",
        };
        // The shell's own `kill`: small images have no other.
        let shell = Path::new("/bin/sh");
        let pid = server.id().to_string();
        let status = Command::new(shell).args(["-c", "kill \"$1\" \"$2\" 2>/dev/null", "sh", signal, &pid]).status();
        status.map_err(SandboxError::system("run", shell))?;
        self.wait_for_end()
    }

    /// Kills the postmaster as the operating system would (SIGKILL), and waits for its end.
    pub fn kill(&mut self) -> Result<(), SandboxError> {
        if let Some(server) = &mut self.server {
            server.kill().map_err(SandboxError::system("kill", self.programs.path("postgres")))?;
        }
        self.wait_for_end()
    }

    /// Starts a stopped or killed server again, on the same port, with the same data; recovery included.
    pub fn start_again(&mut self) -> Result<(), SandboxError> {
        if self.server.is_some() {
            return Ok(());
        }
        let deadline = clock::now() + TIMEOUT;
        loop {
            self.spawn()?;
            match self.wait_until_ready(deadline) {
                // The processes of a killed postmaster take a moment to notice. They write into the same log, and may leave only
                // the end of what the new one says.
                Err(SandboxError::Start { log, .. })
                    if clock::now() < deadline
                        && (log.contains("shared memory block") || log.contains("old server processes")) => {}
                result => return result,
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn spawn(&mut self) -> Result<(), SandboxError> {
        let path = self.directory.path();
        let log = path.join("log");
        let output = File::create(&log).map_err(SandboxError::system("write", &log))?;
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), self.port.to_string()),
            ("unix_socket_directories".to_owned(), path.display().to_string()),
            ("fsync".to_owned(), self.options.fsync.to_string()),
            ("full_page_writes".to_owned(), self.options.fsync.to_string()),
            ("shared_buffers".to_owned(), format!("{}MB", self.options.shared_buffers_mib)),
            ("max_connections".to_owned(), self.options.max_connections.to_string()),
            ("max_prepared_transactions".to_owned(), self.options.max_prepared_transactions.to_string()),
            ("max_wal_size".to_owned(), "4GB".to_owned()),
            ("log_line_prefix".to_owned(), "%m [%p] %a ".to_owned()),
        ];
        settings.extend(self.options.settings.iter().cloned());
        let program = self.programs.path("postgres");
        let mut command = self.directory.command(&program);
        command.arg("-D").arg(path.join("data"));
        command.args(settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]));
        let errors = output.try_clone().map_err(SandboxError::system("write", &log))?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        self.server = Some(child.map_err(SandboxError::system("run", program))?);
        Ok(())
    }

    /// The eighth line of postmaster.pid tells, as `pg_ctl` reads it. One of an earlier run names another process.
    fn wait_until_ready(&mut self, deadline: std::time::Instant) -> Result<(), SandboxError> {
        let pid_file = self.directory.path().join("data/postmaster.pid");
        loop {
            let Some(server) = &mut self.server else { return Ok(()) };
            let pid_text = fs::read_to_string(&pid_file).unwrap_or_default();
            let mut lines = pid_text.lines().map(str::trim);
            if lines.next() == Some(&*server.id().to_string()) && lines.nth(6) == Some("ready") {
                return Ok(());
            }
            let ended = server.try_wait().map_err(SandboxError::system("wait for", self.programs.path("postgres")))?;
            if let Some(status) = ended {
                self.server = None;
                return Err(SandboxError::Start { status: status.to_string(), log: self.end_of_log() });
            }
            if clock::now() > deadline {
                self.kill()?;
                return Err(self.timeout("start"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn wait_for_end(&mut self) -> Result<(), SandboxError> {
        let deadline = clock::now() + TIMEOUT;
        while let Some(server) = &mut self.server {
            let ended = server.try_wait().map_err(SandboxError::system("wait for", self.programs.path("postgres")))?;
            if ended.is_some() {
                self.server = None;
            } else if clock::now() > deadline {
                return Err(self.timeout("stop"));
            } else {
                std::thread::sleep(POLL_INTERVAL);
            }
        }
        Ok(())
    }

    fn timeout(&self, action: &'static str) -> SandboxError {
        SandboxError::Timeout { action, seconds: TIMEOUT.as_secs(), log: self.end_of_log() }
    }

    fn end_of_log(&self) -> String {
        last_lines(&fs::read(self.directory.path().join("log")).unwrap_or_default())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop(Mode::Immediate) {
            tracing::warn!(%error, "a private PostgreSQL did not stop");
        }
    }
}

fn initdb(programs: &Programs, directory: &Directory) -> Result<(), SandboxError> {
    let program = programs.path("initdb");
    let mut command = directory.command(&program);
    command.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    command.arg(format!("--username={USER}")).arg("--pgdata").arg(directory.path().join("data"));
    let output = command.stdin(Stdio::null()).output().map_err(SandboxError::system("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let output = last_lines(&[output.stdout, output.stderr].concat());
    Err(SandboxError::Initdb { program, output })
}

fn free_port() -> Result<u16, SandboxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(SandboxError::system("listen on", "127.0.0.1"))?.port())
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

#[cfg(test)]
mod tests;
