//! Which window a time falls in, and when a window is over. The rest of the program knows only [`Window`].

use std::time::Duration;

use crate::flow::time::EventTime;

/// An interval of event time `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Window {
    /// First microsecond.
    pub start: EventTime,
    /// First microsecond after it.
    pub end: EventTime,
}

impl Window {
    /// Whether the stream is complete up to the window's end.
    pub fn is_over(&self, watermark: EventTime) -> bool {
        self.end <= watermark
    }
}

/// How event time is cut into windows: tumbling, `[k·length, (k+1)·length)` since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tumbling {
    length_micros: i64,
}

impl Tumbling {
    /// Windows of `length`; the settings allow whole seconds from one second to an hour, anything else is cut to that.
    pub fn new(length: Duration) -> Self {
        let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX).clamp(1, 3600);
        Self { length_micros: seconds * 1_000_000 }
    }

    /// The window that holds `time`.
    pub fn window_of(&self, time: EventTime) -> Window {
        let start = time.micros() - time.micros() % self.length_micros;
        let start = EventTime::from_micros(start).unwrap_or(EventTime::EPOCH);
        Window { start, end: start.saturating_add(Duration::from_micros(self.length_micros.unsigned_abs())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_tile_time(seconds in 1u64..3600, micros in 0i64..253_402_290_000_000_000) {
            let windows = Tumbling::new(Duration::from_secs(seconds));
            let time = EventTime::from_micros(micros).unwrap();
            let window = windows.window_of(time);
            prop_assert!(window.start <= time && time < window.end);
            prop_assert_eq!(window.end - window.start, i64::try_from(seconds).unwrap() * 1_000_000);
            prop_assert_eq!(window.start.micros() % (i64::try_from(seconds).unwrap() * 1_000_000), 0);
            prop_assert_eq!(windows.window_of(window.end).start, window.end);
            prop_assert_eq!(windows.window_of(window.start), window);
        }
    }
}
