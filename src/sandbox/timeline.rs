//! When a packet of a file is sent, and with which time. Pure: no clock.
//!
//! Files follow each other without a pause, however far apart they were recorded.

use std::str::FromStr;
use std::time::Duration;

/// How fast a capture is replayed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// As fast as the database takes it.
    Max,
    /// In the capture's own time, this many times faster; above zero.
    Times(f64),
}

/// Packets of so much of the replay's time are due together, as a sniffer uploads in batches.
const TICK: Duration = Duration::from_millis(100);

impl Speed {
    /// When what was recorded at `position` is due, after the start of the replay: at a multiple of a tick.
    pub fn due(self, position: Duration) -> Duration {
        let Self::Times(times) = self else { return Duration::ZERO };
        let exact = Duration::try_from_secs_f64(position.as_secs_f64() / times).unwrap_or(Duration::MAX);
        let ticks = exact.as_nanos().div_ceil(TICK.as_nanos());
        TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text.strip_suffix('x').unwrap_or(text).parse().ok();
        times
            .filter(|times: &f64| times.is_finite() && *times > 0.0)
            .map(Self::Times)
            .ok_or_else(|| "expected `max` or a number above 0, such as 1 or 10".to_owned())
    }
}

/// The places of packets in time, file after file.
#[derive(Debug)]
pub struct Timeline {
    speed: Speed,
    /// Where the first packet is moved to, in seconds since the epoch.
    start: Option<f64>,
    /// The time of the first packet of this file.
    first: Option<f64>,
    /// Seconds of the capture up to this file's first packet, and to the latest packet so far.
    before: f64,
    reached: f64,
}

impl Timeline {
    /// `start` moves all packets, the first one to that time; without it they keep theirs.
    pub fn new(speed: Speed, start: Option<f64>) -> Self {
        Self { speed, start, first: None, before: 0.0, reached: 0.0 }
    }

    /// The next packet begins another file.
    pub fn next_file(&mut self) {
        self.before = self.reached;
        self.first = None;
    }

    /// The time that the packet is given, and when it is due after the start of the replay. A packet recorded out of
    /// order is due at once, its time as much in the past as it was.
    pub fn place(&mut self, recorded: f64) -> (f64, Duration) {
        let first = *self.first.get_or_insert(recorded);
        let position = self.before + (recorded - first);
        self.reached = self.reached.max(position);
        let given = self.start.map_or(recorded, |start| ((start + position) * 1e6).round() / 1e6);
        (given, self.speed.due(Duration::try_from_secs_f64(position).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_max_or_a_number_above_zero() {
        let check = |text: &str, expected: Option<Speed>| assert_eq!(text.parse().ok(), expected, "{text:?}");
        check("max", Some(Speed::Max));
        check("1", Some(Speed::Times(1.0)));
        check("2.5", Some(Speed::Times(2.5)));
        check("10x", Some(Speed::Times(10.0)));
        check("0", None);
        check("-1", None);
        check("NaN", None);
        check("inf", None);
        check("fast", None);
        check("", None);
    }

    #[test]
    fn packets_are_due_together_in_ticks() {
        let check = |speed: Speed, position_ms: u64, due_ms: u64| {
            let due = speed.due(Duration::from_millis(position_ms));
            assert_eq!(due, Duration::from_millis(due_ms), "{speed:?} {position_ms}");
        };
        check(Speed::Max, 5000, 0);
        check(Speed::Times(1.0), 0, 0);
        check(Speed::Times(1.0), 1, 100);
        check(Speed::Times(1.0), 100, 100);
        check(Speed::Times(10.0), 5010, 600);
        check(Speed::Times(0.5), 100, 200);
        assert!(Speed::Times(1.0).due(Duration::MAX) > Duration::from_hours(24 * 365));
    }

    #[test]
    fn packets_are_due_in_the_time_of_the_file() {
        let mut timeline = Timeline::new(Speed::Times(10.0), None);
        let mut check = |recorded: f64, due_ms: u64| {
            assert_eq!(timeline.place(recorded), (recorded, Duration::from_millis(due_ms)), "{recorded}");
        };
        check(100.0, 0);
        check(101.0, 100);
        check(99.0, 0); // out of order
        check(110.0, 1000);
        timeline.next_file();
        let mut check = |recorded: f64, due_ms: u64| {
            assert_eq!(timeline.place(recorded), (recorded, Duration::from_millis(due_ms)), "{recorded}");
        };
        check(5.0, 1000);
        check(15.0, 2000);
    }

    #[test]
    fn moved_packets_keep_their_distances() {
        let mut timeline = Timeline::new(Speed::Max, Some(5000.0));
        let mut check = |recorded: f64, given: f64| {
            assert_eq!(timeline.place(recorded), (given, Duration::ZERO), "{recorded}");
        };
        check(100.0, 5000.0);
        check(101.5, 5001.5);
        check(99.0, 4999.0);
        timeline.next_file();
        assert_eq!(timeline.place(1e9), (5001.5, Duration::ZERO));
    }
}
