//! How far the stream is complete: the watermark trails the greatest plausible packet time by the out-of-orderness bound
//! and never recedes.

use std::time::Duration;

use crate::flow::time::EventTime;

/// The latest packet time that may be believed: `bound` ahead of the database's clock. One row stamped in the future must
/// not make every honest row late.
pub fn plausible_until(database_clock: EventTime, bound: Duration) -> EventTime {
    database_clock.saturating_add(bound)
}

/// The event time up to which the stream is taken to be complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watermark {
    time: EventTime,
    out_of_orderness: Duration,
}

impl Watermark {
    /// Starts where the checkpoint left it.
    pub fn resume(time: EventTime, out_of_orderness: Duration) -> Self {
        Self { time, out_of_orderness }
    }

    /// Where it stands.
    pub fn time(&self) -> EventTime {
        self.time
    }

    /// Advances behind the greatest time of some packets.
    pub fn observe(&mut self, greatest: EventTime) {
        self.advance_to(greatest.saturating_sub(self.out_of_orderness));
    }

    /// Advances to `time`, if that is later.
    pub fn advance_to(&mut self, time: EventTime) {
        self.time = self.time.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_trails_and_never_recedes() {
        let at = |seconds: i64| EventTime::from_micros(seconds * 1_000_000).unwrap();
        let mut watermark = Watermark::resume(at(100), Duration::from_secs(5));
        let mut check = |observed, expected| {
            watermark.observe(at(observed));
            assert_eq!(watermark.time(), at(expected), "after {observed}");
        };
        check(90, 100);
        check(104, 100);
        check(110, 105);
        check(2, 105);
    }
}
