//! A log line as one JSON object: time, level, the event's fields, module.
//!
//! What the JSON encoder leaves as it is, but a terminal would obey, is escaped too; a reader gets the same text.

use std::fmt::{self, Debug, Write};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::escape::{Cut, bytes_max, is_hidden};

/// Formats events as JSON.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let mut line = Line { out: &mut out, outcome: Ok(()) };
        line.out.write_char('{')?;
        line.pair("timestamp", &time.into())?;
        line.next("level", &metadata.level().as_str().into());
        event.record(&mut line);
        line.next("target", &metadata.target().into());
        line.outcome?;
        out.write_str("}\n")
    }
}

struct Line<'a, 'w> {
    out: &'a mut Writer<'w>,
    outcome: fmt::Result,
}

impl Line<'_, '_> {
    fn next(&mut self, name: &str, value: &Value) {
        if self.outcome.is_ok() {
            self.outcome = self.out.write_char(',').and_then(|()| self.pair(name, value));
        }
    }

    fn pair(&mut self, name: &str, value: &Value) -> fmt::Result {
        for c in format!("\"{name}\":{value}").chars() {
            if is_hidden(c) {
                write!(self.out, "\\u{:04x}", u32::from(c))?; // all of them have four digits
            } else {
                self.out.write_char(c)?;
            }
        }
        Ok(())
    }
}

impl Visit for Line<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.next(field.name(), &value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.next(field.name(), &value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.next(field.name(), &value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.next(field.name(), &value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.next(field.name(), &Cut::of(value, bytes_max(field.name())).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut cut = Cut::new(bytes_max(field.name()));
        self.outcome = self.outcome.and_then(|()| write!(cut, "{value:?}"));
        self.next(field.name(), &cut.text.into());
    }
}
