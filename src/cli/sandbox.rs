//! `flowsentry sandbox`: runs a command beside a private PostgreSQL that is gone when the command has ended.

use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::context::Context;
use crate::exit::{Exit, Failure};
use crate::sandbox::{Options, PrivatePostgres, SandboxError};

/// A terminal sends Ctrl-C to the command as well: it may end by itself before it is told again.
const AFTER_INTERRUPT: Duration = Duration::from_secs(2);
/// For the command to end after it was told to.
const GRACE: Duration = Duration::from_secs(10);

/// Run a command beside a private PostgreSQL that is gone when the command has ended. The command finds the server in
/// `DATABASE_URL` and `FLOWSENTRY_TEST_DATABASE_URL`; its exit code is passed on.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry sandbox -- sh -c 'psql \"$DATABASE_URL\"'
  flowsentry sandbox -- cargo test
  flowsentry sandbox --keep-fsync -- pgbench -i")]
pub struct Args {
    /// Let commits wait for the disk, as in production; without it a crash of the machine may lose some
    #[arg(long)]
    keep_fsync: bool,

    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Starts the server, runs the command, removes the server and ends the process with the command's exit code.
pub fn execute(args: Args, _context: &Context) -> Result<(), Failure> {
    let Args { keep_fsync, command } = args;
    let runtime = super::runtime()?;
    let code = runtime.block_on(async {
        // Before the server starts: a signal must not find us without a handler.
        let mut signals = Signals::listen().map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let options = Options { fsync: keep_fsync, max_prepared_transactions: 64, ..Options::default() };
        let server = PrivatePostgres::start(options).map_err(failure)?;
        run(&command, &server.url("postgres"), signals.received()).await
    })?;
    std::process::exit(code)
}

/// A sandbox that could not be had, as the end of a command.
pub(super) fn failure(error: SandboxError) -> Failure {
    match error {
        SandboxError::NotInstalled | SandboxError::NotThere(_) => Failure::new(Exit::Configuration, error),
        _ => Failure::new(Exit::Unavailable, error),
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first signal, and how long the command may ignore it before it is told to end.
    async fn received(&mut self) -> Duration {
        tokio::select! {
            Some(()) = self.interrupt.recv() => AFTER_INTERRUPT,
            Some(()) = self.terminate.recv() => Duration::ZERO,
            else => pending().await,
        }
    }
}

/// Gives the command's exit code. `told` ends when we are told to stop, and says how long the command may go on then.
async fn run(command: &[OsString], url: &str, told: impl Future<Output = Duration>) -> Result<i32, Failure> {
    let [program, arguments @ ..] = command else { return Ok(0) };
    let child = Command::new(program)
        .args(arguments)
        .env("DATABASE_URL", url)
        .env("FLOWSENTRY_TEST_DATABASE_URL", url)
        .kill_on_drop(true)
        .spawn();
    let cannot_run = |error: io::Error| Failure::new(Exit::Usage, format!("{}: {error}", program.display()));
    let mut child = child.map_err(|error| cannot_run(error).hint("name a program in PATH, or its path"))?;
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        patience = told => {
            tokio::time::timeout(patience, child.wait()).await.ok()
        }
    };
    let status = match ended {
        Some(status) => status,
        None => end(&mut child).await,
    };
    Ok(exit_code(status.map_err(cannot_run)?))
}

/// Tells the command to end, and makes it where it does not.
async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    if let Some(pid) = child.id() {
        Command::new("/bin/sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid.to_string()]).status().await?;
    }
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status;
    }
    child.kill().await?;
    child.wait().await
}

/// As a shell has it.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(script: &str, told: impl Future<Output = Duration>) -> i32 {
        let command: Vec<OsString> = ["/bin/sh", "-c", script].map(OsString::from).into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&command, "postgresql://u@h/d", told)).unwrap()
    }

    #[test]
    fn the_exit_code_is_the_commands() {
        let check = |script: &str, expected: i32| assert_eq!(code(script, pending()), expected, "{script}");
        check("exit 0", 0);
        check("exit 7", 7);
        check("kill -9 $$", 137);
        check(
            "[ \"$DATABASE_URL\" = postgresql://u@h/d ] && [ \"$FLOWSENTRY_TEST_DATABASE_URL\" = \"$DATABASE_URL\" ]",
            0,
        );
    }

    #[test]
    fn the_command_ends_when_we_are_told_to() {
        assert_eq!(code("exec sleep 600", async { Duration::ZERO }), 143);
        assert_eq!(code("exit 3", async { GRACE }), 3);
    }

    #[test]
    fn a_command_that_is_not_there_is_a_usage_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let failure = runtime.block_on(run(&["/no/such/program".into()], "", pending())).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.to_string().starts_with("error: /no/such/program: "), "{failure}");
    }
}
