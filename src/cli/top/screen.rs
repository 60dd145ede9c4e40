//! The terminal, taken and given back.
//!
//! Promise: it is given back as it was however the command ends: asked to, by an error, by a panic, stopped by Ctrl-Z.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;

use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};

use crate::terminal::{Paint, View, frame};

/// The terminal as ours. Given back when dropped.
pub(super) struct Screen {
    backend: CrosstermBackend<BufWriter<Stdout>>,
    paint: Paint,
    /// What is seen; nothing if that is not known.
    seen: Option<Buffer>,
}

impl Screen {
    /// Takes the terminal.
    pub fn take(paint: Paint) -> io::Result<Self> {
        give_back_on_panic();
        let mut screen = Self { backend: CrosstermBackend::new(BufWriter::new(io::stdout())), paint, seen: None };
        screen.resume()?;
        Ok(screen)
    }

    /// Takes it again, or anew: what is seen then is not known.
    pub fn resume(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        self.seen = None;
        Ok(())
    }

    /// Gives it back and stops, as Ctrl-Z does elsewhere; returns when the process goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        self.resume()
    }

    /// Draws everything the next time: others may have written to the terminal.
    pub fn forget(&mut self) {
        self.seen = None;
    }

    /// Shows the view; only cells that have changed are written.
    pub fn show(&mut self, view: &mut View) -> io::Result<()> {
        let buffer = frame(view, size()?, self.paint);
        let seen = if let Some(seen) = self.seen.take().filter(|seen| seen.area == buffer.area) {
            seen
        } else {
            self.backend.clear_region(ClearType::All)?;
            Buffer::empty(buffer.area)
        };
        self.backend.draw(seen.diff(&buffer).into_iter())?;
        Write::flush(&mut self.backend)?;
        self.seen = Some(buffer);
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whatever of this fails, there is nothing better to do.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Before the panic is told: what is told on the other screen vanishes with it.
fn give_back_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            told(panic);
        }));
    });
}
