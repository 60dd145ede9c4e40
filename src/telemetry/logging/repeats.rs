//! What goes wrong again and again is said at once, then counted, and summed up every minute.
//!
//! Two lines are the same if they come from the same place in the program and name the same error; what else they say, such
//! as the pause before the next attempt, does not matter. Of one place a few different errors are told apart, and all others
//! together. So neither memory nor log grows with an outage.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::escape::{Cut, bytes_max};
use crate::telemetry::clock;

/// For this long the same line is not said again.
const INTERVAL: Duration = Duration::from_mins(1);
/// Errors of one place that are told apart.
const ERRORS_A_PLACE: usize = 8;
/// Sums are always said.
const SUM: &str = "flowsentry::repeated";

/// Lines that were said, and how often again. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<Said>>);

impl Repeats {
    /// Says what is to be summed up: what a minute has passed for, at the end everything.
    pub fn tell(&self, is_end: bool) {
        let now = clock::uptime() + if is_end { INTERVAL } else { Duration::ZERO };
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner).sums(now);
        for Sum { is_error, text: Text { message, error }, count, within } in sums {
            let within = Duration::from_secs(within.as_secs());
            if is_error {
                tracing::error!(target: SUM, error, count, ?within, "repeated: {message}");
            } else {
                tracing::warn!(target: SUM, error, count, ?within, "repeated: {message}");
            }
        }
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == SUM {
            return true;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.is_new(metadata.callsite(), *metadata.level() == Level::ERROR, text, clock::uptime())
    }
}

/// What tells a line from others.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Text {
    message: String,
    error: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut cut = Cut::new(bytes_max(field.name()));
        let _ = write!(cut, "{value:?}"); // it takes everything
        match field.name() {
            "message" => self.message = cut.text,
            "error" | "reason" | "cause" | "what" => self.error.push_str(&cut.text),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[derive(Default)]
struct Said(HashMap<Identifier, Vec<Line>>);

struct Line {
    is_error: bool,
    text: Text,
    since: Duration,
    again: u64,
}

/// How often a line would have been said again.
#[derive(PartialEq, Eq, Debug)]
struct Sum {
    is_error: bool,
    text: Text,
    count: u64,
    within: Duration,
}

impl Said {
    /// Whether the line has to be said; otherwise it is counted.
    fn is_new(&mut self, place: Identifier, is_error: bool, text: Text, now: Duration) -> bool {
        let lines = self.0.entry(place).or_default();
        if let Some(line) = lines.iter_mut().find(|line| line.text == text) {
            line.again += 1;
            return false;
        }
        if lines.len() < ERRORS_A_PLACE {
            lines.push(Line { is_error, text, since: now, again: 0 });
            return true;
        }
        // The last line stands for all further errors of this place, and is not said itself.
        if lines.len() == ERRORS_A_PLACE {
            let text = Text { message: text.message, error: "various errors".to_owned() };
            lines.push(Line { is_error, text, since: now, again: 0 });
        }
        if let Some(others) = lines.last_mut() {
            others.again += 1;
        }
        false
    }

    /// What is to be summed up now. A line that did not come again is forgotten: the next one is said at once.
    fn sums(&mut self, now: Duration) -> Vec<Sum> {
        let mut sums = Vec::new();
        for lines in self.0.values_mut() {
            lines.retain_mut(|line| {
                let within = now.saturating_sub(line.since);
                if within < INTERVAL {
                    return true;
                }
                let count = std::mem::take(&mut line.again);
                line.since = now;
                if count > 0 {
                    sums.push(Sum { is_error: line.is_error, text: line.text.clone(), count, within });
                }
                count > 0
            });
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use tracing::Callsite;

    use super::*;

    fn text(message: &str, error: &str) -> Text {
        Text { message: message.to_owned(), error: error.to_owned() }
    }

    fn place() -> Identifier {
        tracing::callsite!(name: "place", kind: tracing::metadata::Kind::EVENT, fields: message).metadata().callsite()
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_is_said_at_once_and_the_others_are_summed_up_every_minute() {
        let (mut said, place) = (Said::default(), place());
        let says =
            |said: &mut Said, now: u64| said.is_new(place.clone(), false, text("ended", "refused"), seconds(now));
        let sums = |said: &mut Said, now: u64| {
            said.sums(seconds(now)).into_iter().map(|sum| (sum.count, sum.within.as_secs())).collect::<Vec<_>>()
        };
        assert!(says(&mut said, 0));
        (1..=30).for_each(|now| assert!(!says(&mut said, now)));
        assert_eq!(sums(&mut said, 59), []);
        assert_eq!(sums(&mut said, 61), [(30, 61)]);
        assert!(!says(&mut said, 70), "it still goes on");
        assert_eq!(sums(&mut said, 121), [(1, 60)]);
        assert_eq!(sums(&mut said, 182), [], "it is over");
        assert!(says(&mut said, 183), "and news when it begins again");
    }

    #[test]
    fn errors_of_one_place_are_told_apart_up_to_a_few() {
        let (mut said, place) = (Said::default(), place());
        let news = (0..10_000).filter(|n| said.is_new(place.clone(), true, text("ended", &n.to_string()), seconds(0)));
        assert_eq!(news.count(), ERRORS_A_PLACE);
        assert_eq!(said.0.values().map(Vec::len).sum::<usize>(), ERRORS_A_PLACE + 1, "memory is bounded");
        let counts: u64 = said.sums(seconds(60)).iter().map(|sum| sum.count).sum();
        assert_eq!(counts, 10_000 - ERRORS_A_PLACE as u64);
    }
}
