//! Whether the process gets on with its work: what the watchdog is fed with.
//!
//! A timer that feeds a watchdog proves that the timer runs. Here each part of the service says when it will report next at
//! the latest: busy with one piece of work, within the limit; waiting for work, whenever some comes; waiting for
//! something that comes regularly, within that time and the limit. A part that has not reported in time is stuck: a
//! deadlock, an endless loop, a blocked thread. Waits on the database end by themselves before that (`check` of the settings
//! sees to it), and an outage is no standstill: trying again is what there is to do then.
//!
//! Pure but for [`Report`], which reads the clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock;

/// What can get stuck. Retention is left out: it may take its time, and nothing waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Beginning an attempt: connecting, owning the source, or standing by.
    Attempt,
    /// Reading. It is asked to at least now and then, so it also tells when whoever asks is stuck.
    Ingest,
    /// Folding.
    Aggregate,
    /// Labelling.
    Classify,
    /// Storing.
    Store,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Attempt, Self::Ingest, Self::Aggregate, Self::Classify, Self::Store];

    /// As metrics and log lines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Ingest => "ingest",
            Self::Aggregate => "aggregate",
            Self::Classify => "classify",
            Self::Store => "store",
        }
    }
}

/// A part that has not reported in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// The part.
    pub part: Part,
    /// How long ago it should have reported.
    pub overdue: Duration,
}

impl fmt::Display for Stuck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let overdue = Duration::from_secs(self.overdue.as_secs());
        write!(out, "{} should have reported {} ago", self.part.name(), humantime::format_duration(overdue))
    }
}

/// No report is due.
const NEVER: u64 = u64::MAX;

/// When each part reports next. Clones share it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Process uptime in microseconds.
    due: Arc<[AtomicU64; Part::ALL.len()]>,
    limit: Duration,
}

impl Progress {
    /// No part is at anything. One piece of work may take `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { due: Arc::new(std::array::from_fn(|_| AtomicU64::new(NEVER))), limit }
    }

    /// What a part reports by.
    pub fn report(&self, part: Part) -> Report {
        Report { progress: self.clone(), part }
    }

    /// The part is late for longest at uptime `now`, if any is.
    pub fn stuck(&self, now: Duration) -> Option<Stuck> {
        let late = Part::ALL.into_iter().filter_map(|part| {
            let due = self.due[part as usize].load(Ordering::Relaxed);
            let overdue = now.checked_sub(Duration::from_micros(due)).filter(|overdue| !overdue.is_zero())?;
            (due != NEVER).then_some(Stuck { part, overdue })
        });
        late.max_by_key(|stuck| stuck.overdue)
    }

    /// At uptime `now` the part says that it reports again within the limit and `span`; `None`: it may take for ever.
    fn expect(&self, part: Part, now: Duration, span: Option<Duration>) {
        let due = span.map_or(NEVER, |span| {
            let due = now.saturating_add(self.limit).saturating_add(span);
            u64::try_from(due.as_micros()).unwrap_or(NEVER)
        });
        self.due[part as usize].store(due, Ordering::Relaxed);
    }
}

/// By which a part says what it is at; dropped, it is at nothing.
#[derive(Debug)]
pub struct Report {
    progress: Progress,
    part: Part,
}

impl Report {
    /// The part that reports.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Has begun a piece of work.
    pub fn busy(&self) {
        self.progress.expect(self.part, clock::uptime(), Some(Duration::ZERO));
    }

    /// Waits for work, or for somebody to take it: as long as that takes.
    pub fn waiting(&self) {
        self.progress.expect(self.part, clock::uptime(), None);
    }

    /// Waits for something that comes at least every `span`.
    pub fn waiting_for(&self, span: Duration) {
        self.progress.expect(self.part, clock::uptime(), Some(span));
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.waiting();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_part_is_stuck_once_it_has_missed_its_report() {
        let progress = Progress::new(seconds(60));
        let check = |now: u64, expected: Option<(Part, u64)>| {
            let found = progress.stuck(seconds(now)).map(|stuck| (stuck.part, stuck.overdue.as_secs()));
            assert_eq!(found, expected, "at {now}");
        };
        check(0, None);
        check(1_000_000, None);
        progress.expect(Part::Store, seconds(100), Some(Duration::ZERO));
        check(160, None);
        check(161, Some((Part::Store, 1)));
        progress.expect(Part::Ingest, seconds(100), Some(seconds(30)));
        check(190, Some((Part::Store, 30)));
        progress.expect(Part::Store, seconds(191), None);
        check(190, None);
        check(195, Some((Part::Ingest, 5)));
        progress.expect(Part::Ingest, seconds(195), Some(Duration::ZERO));
        check(255, None);
        check(300, Some((Part::Ingest, 45)));
    }

    #[test]
    fn many_short_pieces_are_no_long_one_and_an_end_is_none() {
        let progress = Progress::new(seconds(60));
        for now in 0..1000 {
            progress.expect(Part::Aggregate, seconds(now), Some(Duration::ZERO));
            assert_eq!(progress.stuck(seconds(now)), None);
        }
        drop(progress.report(Part::Aggregate));
        assert_eq!(progress.stuck(seconds(1_000_000)), None);
    }

    #[test]
    fn a_blocked_thread_is_seen_and_a_busy_one_is_not() {
        let progress = Progress::new(Duration::from_millis(50));
        let (report, watched) = (progress.report(Part::Classify), progress.clone());
        let (release, held) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = std::thread::spawn(move || {
            for _ in 0..50 {
                report.busy();
                std::thread::sleep(Duration::from_millis(2));
                assert_eq!(watched.stuck(clock::uptime()), None);
            }
            report.busy();
            held.recv().unwrap_err();
        });
        while progress.stuck(clock::uptime()).is_none() {
            assert!(!thread.is_finished());
            std::thread::yield_now();
        }
        assert_eq!(progress.stuck(clock::uptime()).unwrap().part, Part::Classify);
        drop(release);
        thread.join().unwrap();
        assert_eq!(progress.stuck(clock::uptime()), None);
    }
}
