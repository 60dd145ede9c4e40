//! A terminal as a person has one: a shell in a window of tmux, on a server of its own.

use std::fmt;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{Database, until};

const PROMPT: &str = "prompt$ ";

/// A window with a shell; its server ends when dropped.
pub struct Terminal {
    socket: String,
}

/// What is to be seen, in one piece: so a wait that fails shows the whole window.
pub struct Screen(pub String);

impl fmt::Debug for Screen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\n{}", self.0)
    }
}

impl Terminal {
    /// 80 × 24, with these variables; `None`, aloud, where there is no tmux.
    pub fn start(database: &Database, variables: &[(&str, &str)]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = format!("flowsentry-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let this = Self { socket };
        let mut command = this.command();
        command.env("DATABASE_URL", &database.url).env("PS1", PROMPT).env("SHELL", "/bin/sh");
        command.args(["new-session", "-d", "-x", "80", "-y", "24"]);
        for (name, value) in variables {
            command.args(["-e", &format!("{name}={value}")]);
        }
        // Two arguments: tmux starts a single one by another shell.
        match command.args(["/bin/sh", "-i"]).current_dir(env!("CARGO_MANIFEST_DIR")).output() {
            Err(error) => {
                println!("SKIPPED: there is no tmux: {error}");
                None
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                this.until("the shell", |screen| screen.starts_with(PROMPT.trim_end()));
                Some(this)
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin").env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]);
        command
    }

    #[track_caller]
    fn ask(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command().args(arguments).output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Types a line and Enter.
    pub fn run(&self, line: &str) {
        self.ask(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    /// Runs `flowsentry top` with these arguments.
    pub fn top(&self, arguments: &str) {
        self.run(&format!("{} top {arguments}", env!("CARGO_BIN_EXE_flowsentry")));
    }

    /// Presses a key by tmux's name of it.
    pub fn press(&self, key: &str) {
        self.ask(&["send-keys", key]);
    }

    /// Sends a signal to what the shell runs.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let shell = self.ask(&["display-message", "-p", "#{pane_pid}"]).trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let child = children.split_whitespace().next().unwrap();
        assert!(Command::new("/bin/sh").args(["-c", &format!("kill -{name} {child}")]).status().unwrap().success());
    }

    pub fn resize(&self, width: u16, height: u16) {
        self.ask(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// What is to be seen.
    pub fn screen(&self) -> Screen {
        Screen(self.ask(&["capture-pane", "-p"]))
    }

    /// The same with the sequences that make it look as it does.
    pub fn painted(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e"])
    }

    /// Waits until what is to be seen is as it should be.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        until(what, || self.screen(), |screen| is_so(&screen.0)).0
    }

    /// Waits until this text is to be seen.
    #[track_caller]
    pub fn until_seen(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until the shell has the terminal again, as it was: its own screen, a cursor, what is typed is seen, and lines
    /// are edited by the terminal.
    #[track_caller]
    pub fn until_given_back(&self) {
        let flags = || self.ask(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        until("the terminal to be given back", flags, |flags| flags.trim() == "0 1");
        // What is typed before the shell asks for it may still be taken by the program that ends.
        self.until("the prompt", |screen| screen.lines().rfind(|line| !line.is_empty()) == Some(PROMPT.trim_end()));
        self.run("echo of four $(stty -a | tr ' ;' '\\n\\n' | grep -cxE 'icanon|echo|isig|opost')");
        self.until_seen("of four 4");
        self.run("clear");
        self.until("an empty window", |screen| !screen.contains("of four"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seen =
                self.command().args(["capture-pane", "-p"]).output().map(|output| output.stdout).unwrap_or_default();
            println!("the window is:\n{}", String::from_utf8_lossy(&seen));
        }
        self.command().arg("kill-server").output().ok();
    }
}
