//! Log lines on standard error: for people or as JSON, one event a line whatever the values hold.
//!
//! What a packet or a server says ends up in values, so control characters in them are escaped and long ones cut (`escape`):
//! nobody outside can write to the operator's terminal or fake a line. And what is said again and again in an outage is said
//! once, then counted and summed up (`repeats`).

mod escape;
mod json;
mod repeats;

use std::fmt::{self, Write};
use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;

use escape::{Escaped, bytes_max};
use json::JsonLine;
use repeats::Repeats;

use crate::config::{Environment, Log, LogFormat};

/// Those of this process.
static REPEATS: OnceLock<Repeats> = OnceLock::new();

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
    let repeats = REPEATS.get_or_init(Repeats::default).clone();
    let subscriber = subscriber(settings, colour, repeats, std::io::stderr)?;
    let _ = tracing::subscriber::set_global_default(subscriber); // installed before
    Ok(())
}

/// Sums up what was said again and again. To be called every few seconds, and with `is_end` at the end.
pub fn tell_of_repetitions(is_end: bool) {
    if let Some(repeats) = REPEATS.get() {
        repeats.tell(is_end);
    }
}

fn subscriber<W>(
    settings: &Log,
    colour: bool,
    repeats: Repeats,
    out: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = settings.level.as_str();
    let filter = EnvFilter::try_new(level).map_err(|source| LoggingError::Level { level: level.to_owned(), source })?;
    // A failed write is not reported: standard error is where it would be reported.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(out).log_internal_errors(false);
    Ok(match settings.format {
        LogFormat::Human => {
            let human = builder.with_ansi(colour).fmt_fields(debug_fn(write_field).delimited(" "));
            Box::new(human.finish().with(repeats))
        }
        LogFormat::Json => Box::new(builder.with_ansi(false).event_format(JsonLine).finish().with(repeats)),
    })
}

fn write_field(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(out, "{}=", field.name())?;
    }
    let mut escaped = Escaped::new(out, bytes_max(field.name()));
    write!(escaped, "{value:?}")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::escape::is_hidden;
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
        let subscriber = subscriber(settings, colour, Repeats::default(), move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
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
        assert!(!line.trim_end().chars().any(is_hidden), "{line:?}");
        assert!(line.contains(r"said a\nERROR fake\r\u{1b}[31m\u{202e}\u{9b}b"), "{line}");

        let line = written(&json(), false, || tracing::info!(name = hostile, "said {hostile}"));
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert!(!line.trim_end().chars().any(is_hidden), "{line:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["name"], hostile);
    }

    #[test]
    fn long_values_are_cut() {
        for settings in [Log::default(), json()] {
            let long = "ü".repeat(100_000);
            let line = written(&settings, false, || {
                tracing::info!(name = long, shown = %long, error = long, after = 1, "{long}");
            });
            assert!(line.len() < 2 * 256 + 2 * 1024 + 250, "{}", line.len());
            assert_eq!(line.matches('…').count(), 4, "{line}");
            assert!(line.contains("after=1") || line.contains("\"after\":1"), "{line}");
        }
    }

    #[test]
    fn json_keeps_numbers_and_truth_values() {
        let line = written(&json(), false, || tracing::info!(n = 1_u64, x = 1.5, yes = true, text = "1", "said"));
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&object["n"], &object["x"], &object["yes"], &object["text"], &object["message"], &object["level"]),
            (&1.into(), &1.5.into(), &true.into(), &"1".into(), &"said".into(), &"INFO".into())
        );
        assert!(object["timestamp"].as_str().unwrap().ends_with('Z') && object["target"].is_string());
    }

    #[test]
    fn what_is_said_again_and_again_is_said_once_in_either_format() {
        for settings in [Log::default(), json()] {
            let page = written(&settings, false, || {
                for round in 0..1000 {
                    tracing::warn!(error = "refused", again_in = round, "this attempt has ended");
                    tracing::info!(round, "news");
                }
                tracing::warn!(error = "another", "this attempt has ended");
            });
            assert_eq!(page.matches("this attempt has ended").count(), 2, "{page}");
            assert_eq!(page.matches("news").count(), 1000);
        }
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
