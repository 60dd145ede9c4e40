//! Signals that end a command, as the exit codes that a shell has for them.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell adds to a signal's number.
pub const SIGNALLED: i32 = 128;

/// Listens from the start, so that no signal finds the command without a handler.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())?, hang_up: signal(SignalKind::hangup())? })
    }

    /// Waits for the first that ends us, and gives its exit code.
    pub async fn ended(&mut self) -> i32 {
        let kind = tokio::select! {
            Some(()) = self.interrupt.recv() => SignalKind::interrupt(),
            Some(()) = self.terminate.recv() => SignalKind::terminate(),
            Some(()) = self.hang_up.recv() => SignalKind::hangup(),
            else => pending().await,
        };
        SIGNALLED + kind.as_raw_value()
    }
}
