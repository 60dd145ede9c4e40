//! Log lines on standard error: for people or as JSON, one event a line whatever the values hold.
//!
//! What a packet or a server says ends up in values, so control characters in them are escaped and long ones cut:
//! nobody outside can write to the operator's terminal or fake a line.

use std::fmt::{self, Write};
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::config::{Environment, Log, LogFormat};

/// A longer value is cut, in characters.
const VALUE_CHARS_MAX: usize = 1024;

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is none; `Config` lets no such level pass.
    #[error("log.level = {level:?} is not a filter")]
    Level {
        /// What was set.
        level: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
}

/// Writes all events of this process from now on. If logging was installed before, that stays as it is.
///
/// In colour only for people, on a terminal, and without `NO_COLOR`.
pub fn install(settings: &Log, environment: &Environment) -> Result<(), LoggingError> {
    let colour = environment.get("NO_COLOR").is_none() && std::io::stderr().is_terminal();
    let subscriber = subscriber(settings, colour, std::io::stderr)?;
    let _ = tracing::subscriber::set_global_default(subscriber); // installed before
    Ok(())
}

fn subscriber<W>(settings: &Log, colour: bool, out: W) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = settings.level.as_str();
    let filter = EnvFilter::try_new(level).map_err(|source| LoggingError::Level { level: level.to_owned(), source })?;
    // A failed write is not reported: standard error is where it would be reported.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(out).log_internal_errors(false);
    Ok(match settings.format {
        LogFormat::Human => {
            Box::new(builder.with_ansi(colour).fmt_fields(debug_fn(write_field).delimited(" ")).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

fn write_field(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(out, "{}=", field.name())?;
    }
    let mut escaped = Escaped { out, left: VALUE_CHARS_MAX };
    write!(escaped, "{value:?}")
}

/// Passes text on with control characters (and those that turn the direction of writing) escaped, up to a length.
struct Escaped<'a, W> {
    out: &'a mut W,
    left: usize,
}

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match self.left {
                0 => return Ok(()),
                1 => self.out.write_char('…')?,
                _ if c.is_control() || is_direction(c) => write!(self.out, "{}", c.escape_default())?,
                _ => self.out.write_char(c)?,
            }
            self.left -= 1;
        }
        Ok(())
    }
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(settings: &Log, colour: bool, log: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        tracing::subscriber::with_default(subscriber(settings, colour, move || writer.clone()).unwrap(), log);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    fn json() -> Log {
        Log { format: LogFormat::Json, ..Log::default() }
    }

    #[test]
    fn a_value_can_neither_fake_a_line_nor_reach_the_terminal() {
        let hostile = "a\nERROR fake\r\x1b[31m\u{202e}\u{9b}b";
        let line =
            written(&Log::default(), false, || tracing::info!(name = hostile, shown = %hostile, "said {hostile}"));
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert!(!line.trim_end().chars().any(|c| c.is_control() || is_direction(c)), "{line:?}");
        assert!(line.contains(r"said a\nERROR fake\r\u{1b}[31m\u{202e}\u{9b}b"), "{line}");

        let line = written(&json(), false, || tracing::info!(name = hostile, "said {hostile}"));
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["name"], hostile);
    }

    #[test]
    fn long_values_are_cut() {
        let line = written(&Log::default(), false, || tracing::info!(long = "x".repeat(100_000), after = 1, "short"));
        assert!(line.len() < 1300 && line.contains("…") && line.contains("after=1"), "{}", line.len());
    }

    #[test]
    fn colour_is_used_only_where_asked_for() {
        let log = || tracing::warn!("look");
        assert!(written(&Log::default(), true, log).contains('\x1b'));
        assert!(!written(&Log::default(), false, log).contains('\x1b'));
        assert!(!written(&json(), true, log).contains('\x1b'));
    }

    #[test]
    fn what_is_below_the_level_is_not_written() {
        assert_eq!(written(&Log::default(), false, || tracing::debug!("for us")), "");
        assert_ne!(written(&Log::default(), false, || tracing::info!("state changed")), "");
    }
}
