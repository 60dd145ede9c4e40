//! The last half hour, in memory, for charts: what was read, how far behind it was, and what flows were found to be.
//!
//! Promise: bounded, and nothing is asked of the database. A process that has just started knows only what it has seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::telemetry::clock;
use crate::telemetry::metrics::Handle;

/// How often figures are looked at.
pub(super) const SAMPLE: Duration = Duration::from_secs(1);
/// Seconds of a point of throughput and lag.
const STEP: u64 = 10;
/// Steps of a column of verdicts: flows are stored as windows close, so shorter columns would be empty in between.
const STEPS_A_COLUMN: u64 = 3;
const STEPS: u64 = 180;
/// Samples that the current rate is of.
const RATE_SAMPLES: usize = 5;

/// What has been, and what is now.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub(super) struct Past {
    /// Packets read in the last seconds, per second. Null: not known yet.
    pub packets_per_second: Option<f64>,
    /// Seconds of a point.
    pub step_seconds: u64,
    /// Packets read per second, a value a point; the last point ended within the last step. Null: the process did not run.
    pub packets: Vec<Option<f64>>,
    /// The greatest lag in a point, seconds. Null: not known.
    pub lag_seconds: Vec<Option<f64>>,
    /// Seconds of a column of verdicts.
    pub column_seconds: u64,
    /// Flows stored, by label, a value a column; the last column goes on.
    pub verdicts: BTreeMap<String, Vec<u64>>,
}

/// Keeps figures of the last half hour. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Arc<Mutex<Track>>);

impl History {
    /// Looks at the figures as they are now.
    pub fn sample(&self, metrics: &Handle) {
        self.with(|track| track.take(clock::uptime(), &Figures::of(&metrics.render())));
    }

    /// What has been until now.
    pub fn past(&self) -> Past {
        self.with(|track| track.past(clock::uptime()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Track) -> T) -> T {
        // A figure more or less is no reason to show none.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counters and gauges that charts show.
#[derive(Clone, PartialEq, Debug, Default)]
struct Figures {
    packets: u64,
    lag: Option<f64>,
    flows: BTreeMap<String, u64>,
}

impl Figures {
    /// From a page of metrics.
    fn of(page: &str) -> Self {
        let mut figures = Self::default();
        for line in page.lines().filter_map(|line| line.strip_prefix("flowsentry_")) {
            if let Some(value) = line.strip_prefix("packets_read_total ") {
                figures.packets = value.parse().unwrap_or_default();
            } else if let Some(value) = line.strip_prefix("lag_seconds ") {
                figures.lag = value.parse().ok().filter(|lag: &f64| lag.is_finite());
            } else if let Some((label, value)) =
                line.strip_prefix("flows_stored_total{label=\"").and_then(|rest| rest.rsplit_once("\"} "))
            {
                figures.flows.insert(unescaped(label), value.parse().unwrap_or_default());
            }
        }
        figures
    }
}

/// As labels are written on the page: backslash, quote and line feed are escaped.
fn unescaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    let mut rest = label.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => text.extend(rest.next().map(|next| if next == 'n' { '\n' } else { next })),
            other => text.push(other),
        }
    }
    text
}

/// Bins by number, counted from the start of the process.
#[derive(Debug, Default)]
struct Track {
    last: Option<Figures>,
    /// Packets in all, with the time of the sample.
    recent: VecDeque<(Duration, u64)>,
    steps: BTreeMap<u64, Step>,
    columns: BTreeMap<u64, BTreeMap<String, u64>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    packets: u64,
    lag: Option<f64>,
}

impl Track {
    fn take(&mut self, uptime: Duration, now: &Figures) {
        let step = uptime.as_secs() / STEP;
        let column = step / STEPS_A_COLUMN;
        let last = self.last.get_or_insert_with(|| now.clone());
        let bin = self.steps.entry(step).or_default();
        bin.packets += now.packets.saturating_sub(last.packets);
        bin.lag = bin.lag.into_iter().chain(now.lag).reduce(f64::max);
        let flows = self.columns.entry(column).or_default();
        for (label, &count) in &now.flows {
            let more = count.saturating_sub(last.flows.get(label).copied().unwrap_or_default());
            if more > 0 {
                *flows.entry(label.clone()).or_default() += more;
            }
        }
        self.last = Some(now.clone());
        self.recent.push_back((uptime, now.packets));
        if self.recent.len() > RATE_SAMPLES + 1 {
            self.recent.pop_front();
        }
        self.steps.retain(|&at, _| at + STEPS >= step);
        self.columns.retain(|&at, _| (at + 1) * STEPS_A_COLUMN + STEPS > step);
    }

    fn past(&self, uptime: Duration) -> Past {
        let step = uptime.as_secs() / STEP;
        // Whole steps only: one that has just begun would look like a fall.
        let steps: Vec<Option<Step>> =
            (1..=STEPS).rev().map(|back| self.steps.get(&step.checked_sub(back)?).copied()).collect();
        let column = step / STEPS_A_COLUMN;
        let columns: Vec<Option<&BTreeMap<String, u64>>> =
            (0..STEPS / STEPS_A_COLUMN).rev().map(|back| self.columns.get(&column.checked_sub(back)?)).collect();
        let labels = columns.iter().flatten().flat_map(|column| column.keys());
        let verdicts = labels.map(|label| {
            let count = |column: Option<&BTreeMap<String, u64>>| column.and_then(|it| it.get(label)).copied();
            (label.clone(), columns.iter().map(|&column| count(column).unwrap_or_default()).collect())
        });
        Past {
            packets_per_second: self.rate(),
            step_seconds: STEP,
            packets: steps.iter().map(|bin| bin.map(|bin| bin.packets as f64 / STEP as f64)).collect(),
            lag_seconds: steps.iter().map(|bin| bin.and_then(|bin| bin.lag)).collect(),
            column_seconds: STEP * STEPS_A_COLUMN,
            verdicts: verdicts.collect(),
        }
    }

    fn rate(&self) -> Option<f64> {
        let ((began, before), (ended, after)) = (self.recent.front()?, self.recent.back()?);
        let seconds = ended.checked_sub(*began)?.as_secs_f64();
        (seconds > 0.0).then(|| after.saturating_sub(*before) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(packets: u64, lag: Option<f64>, flows: &[(&str, u64)]) -> Figures {
        Figures { packets, lag, flows: flows.iter().map(|&(label, count)| (label.to_owned(), count)).collect() }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn figures_are_read_from_the_page_that_prometheus_reads() {
        let page = "# HELP flowsentry_lag_seconds x\nflowsentry_packets_read_total 7\nflowsentry_lag_seconds NaN\n\
                    flowsentry_flows_stored_total{label=\"a \\\"b\\\" \\\\ \\n\"} 3\nflowsentry_flows_stored_total{label=\"Normal\"} 4\n";
        assert_eq!(Figures::of(page), figures(7, None, &[("a \"b\" \\ \n", 3), ("Normal", 4)]));
        crate::telemetry::metrics::install().unwrap();
        for name in ["flowsentry_packets_read_total", "flowsentry_lag_seconds", "flowsentry_flows_stored_total"] {
            assert!(crate::telemetry::metrics::ALL.iter().any(|metric| metric.name == name), "{name}");
        }
    }

    #[test]
    fn what_counters_gain_is_shown_where_they_gained_it() {
        let mut track = Track::default();
        track.take(at(100), &figures(1000, Some(0.5), &[("Normal", 10)]));
        assert_eq!(track.past(at(100)).packets_per_second, None);
        track.take(at(101), &figures(1100, Some(2.5), &[("Normal", 10)]));
        track.take(at(102), &figures(1500, None, &[("Normal", 12), ("DDoS", 5)]));
        let past = track.past(at(110));
        assert_eq!(past.packets_per_second, Some(250.0));
        assert_eq!(past.packets.len(), 180);
        assert_eq!(past.packets.last(), Some(&Some(50.0)), "500 in 10 s; what was before the first look is not known");
        assert_eq!(past.packets[178], None);
        assert_eq!(past.lag_seconds.last(), Some(&Some(2.5)));
        assert_eq!(past.verdicts["DDoS"].last(), Some(&5));
        assert_eq!(past.verdicts["Normal"].iter().sum::<u64>(), 2);
        assert!(past.verdicts.values().all(|columns| columns.len() == 60));
    }

    #[test]
    fn a_day_takes_no_more_than_half_an_hour() {
        let mut track = Track::default();
        for second in 0..86_400 {
            track.take(at(second), &figures(second * 10, Some(0.1), &[("Normal", second)]));
        }
        assert!(track.steps.len() <= 181 && track.columns.len() <= 62, "{} {}", track.steps.len(), track.columns.len());
        let past = track.past(at(86_400));
        assert!(past.packets.iter().all(|&rate| rate == Some(10.0)));
        assert_eq!(past.verdicts["Normal"][..59], [30; 59]);
    }
}
