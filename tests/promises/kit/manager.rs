//! A service manager, as far as the service sees it: the socket that it tells how it is.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A service manager's end of the socket.
pub struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Manager {
    /// How long it waits for what it should hear.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// A socket of its own, in a directory of its own.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Self::PATIENCE)).unwrap();
        Self { socket, path, _directory: directory }
    }

    /// What `NOTIFY_SOCKET` says.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a datagram with this line.
    #[track_caller]
    pub fn hears(&self, what: &str) -> String {
        let mut octets = [0; 4096];
        loop {
            let count = self.socket.recv(&mut octets).unwrap_or_else(|error| panic!("not heard: {what}: {error}"));
            let text = String::from_utf8_lossy(&octets[..count]).into_owned();
            if text.lines().any(|line| line.starts_with(what)) {
                return text;
            }
        }
    }

    /// Takes what is there, and waits until nothing more comes for a while.
    #[track_caller]
    pub fn hears_nothing_for(&self, span: Duration) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 4096]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
        self.socket.set_read_timeout(Some(span)).unwrap();
        let heard = self.socket.recv(&mut [0; 4096]);
        self.socket.set_read_timeout(Some(Self::PATIENCE)).unwrap();
        heard.is_err()
    }
}
