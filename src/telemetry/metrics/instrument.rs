//! The kinds of metric. Each goes to whatever recorder is installed; without one it costs next to nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Values of one label that are told apart. Those of labels that a model file brings could else grow without end: each new
/// file may have new ones.
const LABEL_VALUES_MAX: usize = 64;
/// Octets of a label's value; a longer one is cut.
const LABEL_BYTES_MAX: usize = 64;
/// All values past the bound.
const OTHER: &str = "other";

/// What is known of a metric before it is first used.
#[derive(Debug)]
pub struct Definition {
    /// As Prometheus sees it, unit included.
    pub name: &'static str,
    /// How it is rendered.
    pub kind: Kind,
    /// The one label it has, if any.
    pub label: Option<Label>,
    /// A sentence for people.
    pub help: &'static str,
}

/// A label and the values that are known from the start.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Rendered at zero until they occur.
    pub values: &'static [&'static str],
    /// The values that have occurred.
    pub(super) occurred: Mutex<BTreeSet<String>>,
}

impl Label {
    /// The value as it is recorded: one of a bounded number, each of bounded length.
    fn bounded<'v>(&self, value: &'v str) -> &'v str {
        let value = &value[..value.floor_char_boundary(LABEL_BYTES_MAX)];
        let mut occurred = self.occurred.lock().unwrap_or_else(PoisonError::into_inner);
        if occurred.contains(value) {
            return value;
        }
        if occurred.len() >= LABEL_VALUES_MAX {
            return OTHER;
        }
        occurred.insert(value.to_owned());
        value
    }

    /// Every value that was recorded.
    fn values_so_far(&self) -> Vec<String> {
        let occurred = self.occurred.lock().unwrap_or_else(PoisonError::into_inner);
        let other = (occurred.len() >= LABEL_VALUES_MAX).then(|| OTHER.to_owned());
        occurred.iter().cloned().chain(other).collect()
    }
}

/// How a metric is rendered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole number that only grows.
    Counter,
    /// Seconds, with fractions, that only grow.
    TimeCounter,
    /// A number.
    Gauge,
    /// Durations in buckets.
    Histogram,
    /// Durations in buckets that were counted elsewhere.
    Tally,
}

/// A whole number that only grows.
#[derive(Debug)]
pub struct Counter(pub(super) Definition);

/// Seconds that only grow. Kept as whole microseconds, for counters are integers, and rendered as seconds.
#[derive(Debug)]
pub struct TimeCounter(pub(super) Definition);

/// A number.
#[derive(Debug)]
pub struct Gauge(pub(super) Definition);

/// How long something took, each time.
#[derive(Debug)]
pub struct Histogram(pub(super) Definition);

/// How long many things took, counted elsewhere in the buckets of its label: what is too frequent to record one by one.
/// Rendered as a histogram, kept as a counter a bucket and one for the sum, in microseconds.
#[derive(Debug)]
pub struct Tally(pub(super) Definition);

/// The value of a tally's label under which its sum is kept.
pub(super) const SUM: &str = "sum";

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.counter(None).increment(count);
    }

    /// Adds `count` where `label` is `value`.
    pub fn add_with(&self, label: &'static str, value: &str, count: u64) {
        self.0.counter(Some((label, value))).increment(count);
    }
}

impl TimeCounter {
    /// Adds `time` where `label` is `value`.
    pub fn add_with(&self, label: &'static str, value: &str, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.counter(Some((label, value))).increment(microseconds);
    }
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.gauge(None).set(value);
    }

    /// Sets it where `label` is `label_value`.
    pub fn set_with(&self, label: &'static str, label_value: &str, value: f64) {
        self.0.gauge(Some((label, label_value))).set(value);
    }

    /// Sets it to 1 where `label` is `value`, and to 0 wherever it was something else before. `None`: to 0 everywhere.
    pub fn set_only_with(&self, label: &'static str, value: Option<&str>) {
        for before in self.0.label.iter().flat_map(Label::values_so_far) {
            self.set_with(label, &before, 0.0);
        }
        if let Some(value) = value {
            self.set_with(label, value, 1.0);
        }
    }
}

impl Histogram {
    /// Counts one that took `time`.
    pub fn record(&self, time: Duration) {
        self.0.histogram(None).record(time.as_secs_f64());
    }

    /// Counts one that took `time` where `label` is `value`.
    pub fn record_with(&self, label: &'static str, value: &str, time: Duration) {
        self.0.histogram(Some((label, value))).record(time.as_secs_f64());
    }
}

impl Tally {
    /// Adds counts, one for each bucket of its label in their order, and the sum of all that was counted.
    pub fn add(&self, counts: &[u64], sum_micros: u64) {
        let Some(label) = &self.0.label else { return };
        for (bound, count) in label.values.iter().zip(counts).filter(|(_, count)| **count > 0) {
            self.0.counter(Some((label.name, bound))).increment(*count);
        }
        self.0.counter(Some((label.name, SUM))).increment(sum_micros);
    }
}

type LabelValue<'v> = Option<(&'static str, &'v str)>;

impl Definition {
    /// Makes the metric known, with its help and at zero.
    pub(super) fn register(&self) {
        match self.kind {
            Kind::Counter | Kind::TimeCounter => metrics::describe_counter!(self.name, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.help),
            Kind::Tally => metrics::describe_counter!(self.name, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, self.help),
        }
        match &self.label {
            None => self.touch(None),
            Some(label) => label.values.iter().for_each(|value| self.touch(Some((label.name, *value)))),
        }
    }

    fn touch(&self, label: LabelValue<'_>) {
        match self.kind {
            Kind::Counter | Kind::TimeCounter | Kind::Tally => self.counter(label).increment(0),
            Kind::Gauge => self.gauge(label).set(0.0),
            Kind::Histogram => drop(self.histogram(label)),
        }
    }

    fn counter(&self, label: LabelValue<'_>) -> metrics::Counter {
        metrics::counter!(self.name, self.labels(label))
    }

    fn gauge(&self, label: LabelValue<'_>) -> metrics::Gauge {
        metrics::gauge!(self.name, self.labels(label))
    }

    fn histogram(&self, label: LabelValue<'_>) -> metrics::Histogram {
        metrics::histogram!(self.name, self.labels(label))
    }

    fn labels(&self, label: LabelValue<'_>) -> Vec<metrics::Label> {
        debug_assert_eq!(label.map(|(name, _)| name), self.label.as_ref().map(|label| label.name), "{}", self.name);
        let value = |value| self.label.as_ref().map_or(value, |label| label.bounded(value)).to_owned();
        label.into_iter().map(|(name, given)| metrics::Label::new(name, value(given))).collect()
    }
}
