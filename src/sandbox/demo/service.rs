//! The service as a process of its own, as in production: started, watched through its log and its pages, told to stop.
//!
//! A shell waits at a pipe that only our process holds open. When the pipe closes it sends SIGTERM to the service: that is
//! how we stop it, and what happens if we are killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::DemoError;
use crate::telemetry::clock;

/// What differs from the defaults: a free port, a log to read, and an end of the windows soon after the replay's.
const SETTINGS: [&str; 3] = ["http.listen=127.0.0.1:0", "log.format=json", "window.idle_timeout=3s"];
const MODEL_FILE: &str = "model.safetensors";
const LOG_FILE: &str = "service.log";
const TOKEN_FILE: &str = "token";
const LOG_LINES: usize = 12;

/// For the service to own its source.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// For one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(5);
const PAGE_BYTES_MAX: u64 = 1 << 20;
/// Longer than the grace period that it gives itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

const WATCHDOG: &str = "read nothing; kill -TERM \"$1\" 2> /dev/null";

/// A running `flowsentry run`; stopped when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    watchdog: Child,
    log: PathBuf,
    token: String,
    ended: Option<ExitStatus>,
}

impl Service {
    /// Starts this program's service on the database at `url`, with this model. Log, model and a token are files in
    /// `directory`. Nothing of our own settings reaches it.
    pub fn start(directory: &Path, url: &str, model: &[u8]) -> Result<Self, DemoError> {
        let program = std::env::current_exe().map_err(DemoError::system("find", "the running program"))?;
        let (model_path, log) = (directory.join(MODEL_FILE), directory.join(LOG_FILE));
        fs::write(&model_path, model).map_err(DemoError::system("write", &model_path))?;
        let (token, token_path) = (format!("{:032x}", rand::random::<u128>()), directory.join(TOKEN_FILE));
        fs::write(&token_path, &token).map_err(DemoError::system("write", &token_path))?;
        let errors = File::create(&log).map_err(DemoError::system("write", &log))?;
        let mut command = Command::new(&program);
        // In a group of its own: Ctrl-C at our terminal is for us, and we pass it on in our order.
        command.arg("run").env_clear().env("DATABASE_URL", url).current_dir(directory).process_group(0);
        command.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
        command.arg("--set").arg(format!("model.path={}", model_path.display()));
        command.arg("--set").arg(format!("http.token_file={}", token_path.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let mut child = command.spawn().map_err(DemoError::system("run", &program))?;
        match watch_over(&child) {
            Ok(watchdog) => Ok(Self { child, watchdog, log, token, ended: None }),
            Err(error) => {
                end(&mut child);
                Err(DemoError::system("run", "/bin/sh")(error))
            }
        }
    }

    /// Waits until it owns its source, and gives the address of its pages.
    pub async fn until_ready(&mut self) -> Result<String, DemoError> {
        let deadline = clock::now() + START_TIMEOUT;
        loop {
            self.check(deadline, START_TIMEOUT, "the service to start", || "it is not ready".to_owned())?;
            if let Some(address) = self.address() {
                // Until it listens, or while it is busy starting, there is nothing to report.
                if let Ok(page) = get(&address, "/readyz").await
                    && page.starts_with("HTTP/1.1 200")
                {
                    return Ok(address);
                }
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// What changes over HTTP need.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Fails if the service has ended, or if `deadline`, which is `limit` after the start of the wait, has passed.
    pub(super) fn check(
        &mut self,
        deadline: Instant,
        limit: Duration,
        what: &'static str,
        state: impl FnOnce() -> String,
    ) -> Result<(), DemoError> {
        let ended = self.child.try_wait().map_err(DemoError::system("wait for", "the service"))?;
        if let Some(status) = ended {
            self.ended = Some(status);
            return Err(self.ended_with(status));
        }
        if clock::now() < deadline {
            return Ok(());
        }
        Err(DemoError::Timeout { what, seconds: limit.as_secs(), state: state(), log: self.end_of_log() })
    }

    /// Waits until it ends although nobody asked it to.
    pub async fn ended(&mut self) -> DemoError {
        loop {
            match self.child.try_wait() {
                Ok(None) => sleep(POLL_INTERVAL).await,
                Ok(Some(status)) => {
                    self.ended = Some(status);
                    return self.ended_with(status);
                }
                Err(error) => return DemoError::system("wait for", "the service")(error),
            }
        }
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<(), DemoError> {
        match self.end() {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.ended_with(status)),
            None => Err(DemoError::Timeout {
                what: "the service to stop",
                seconds: STOP_TIMEOUT.as_secs(),
                state: "it was killed".to_owned(),
                log: self.end_of_log(),
            }),
        }
    }

    /// `None`: it had to be killed. As long as nobody has waited for the child, its process id is nobody else's.
    fn end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_some() {
            end(&mut self.watchdog);
            return self.ended;
        }
        drop(self.watchdog.stdin.take());
        if let Err(error) = self.watchdog.wait() {
            tracing::warn!(%error, "cannot wait for the shell that stops the service");
        }
        let deadline = clock::now() + STOP_TIMEOUT;
        while clock::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.ended = Some(status);
                return self.ended;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        end(&mut self.child);
        None
    }

    /// Where its log says that it listens.
    fn address(&self) -> Option<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.find(|line| line["message"] == "serving metrics and health over HTTP")?;
        line["address"].as_str().map(str::to_owned)
    }

    fn ended_with(&self, status: ExitStatus) -> DemoError {
        DemoError::ServiceEnded { status: status.to_string(), log: self.end_of_log() }
    }

    fn end_of_log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

fn watch_over(child: &Child) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHDOG, "sh", &child.id().to_string()]).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn end(child: &mut Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        tracing::warn!(%error, "cannot end a process");
    }
}

/// The whole answer to a GET, head and body.
async fn get(address: &str, page: &'static str) -> io::Result<String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(PAGE_BYTES_MAX).read_to_string(&mut answer).await?;
        Ok(answer)
    };
    timeout(PAGE_TIMEOUT, talk).await?
}

/// The page of metrics, read by name.
#[derive(Debug)]
pub struct Metrics(String);

impl Metrics {
    /// Asks the service at `address`.
    pub async fn of(address: &str) -> Result<Self, DemoError> {
        let page = "/metrics";
        let answer = get(address, page).await;
        answer.map(Self).map_err(|source| DemoError::NoAnswer { address: address.to_owned(), page, source })
    }

    /// The value of a metric, named with its labels as on the page; 0 where it is not there, as for what never happened.
    pub fn value<T: FromStr + Default>(&self, name: &str) -> T {
        let mut values = self.0.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.find_map(|value| value.trim().parse().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let page = Metrics("# HELP a_total x\na_total{kind=\"b\"} 2\na_total_more 3\na_total 4\n".to_owned());
        let check = |name: &str, expected: u64| assert_eq!(page.value::<u64>(name), expected, "{name}");
        check("a_total", 4);
        check("a_total{kind=\"b\"}", 2);
        check("a_total_more", 3);
        check("a", 0);
    }
}
