//! What is typed, and what happens to the window.

use std::io;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{self, Receiver};

use crate::terminal::Key;

/// What is typed ahead, at most; the rest waits in the terminal.
const AHEAD: usize = 64;

/// What the person at the terminal does.
pub(super) enum Typed {
    Key(Key),
    Quit,
    Suspend,
    /// The window has another size.
    Resized,
}

/// Reads the terminal from now on, on a thread of its own, which ends with the process: nothing wakes a blocked read.
pub(super) fn read() -> io::Result<Receiver<io::Result<Typed>>> {
    let (say, heard) = mpsc::channel(AHEAD);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        loop {
            let typed = event::read().map(|event| typed(&event)).transpose();
            let Some(typed) = typed else { continue };
            let is_end = typed.is_err();
            if say.blocking_send(typed).is_err() || is_end {
                break;
            }
        }
    })?;
    Ok(heard)
}

fn typed(event: &Event) -> Option<Typed> {
    match event {
        Event::Resize(..) => Some(Typed::Resized),
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(key),
        _ => None,
    }
}

fn pressed(key: &KeyEvent) -> Option<Typed> {
    let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let key = match key.code {
        KeyCode::Char('c') if has_control => return Some(Typed::Quit),
        KeyCode::Char('z') if has_control => return Some(Typed::Suspend),
        KeyCode::Char('l') if has_control => return Some(Typed::Resized),
        KeyCode::Char(letter) if !has_control => Key::Letter(letter),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    };
    Some(Typed::Key(key))
}
