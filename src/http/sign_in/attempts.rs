//! How often a token may be wrong: few times a minute, over all clients, so that many addresses guess no faster than one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens in [`SPAN`].
pub(super) const WRONG_MAX: usize = 10;
const SPAN: Duration = Duration::from_mins(1);

/// Attempts of late that were wrong, or are being looked at. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<VecDeque<Instant>>>);

impl Attempts {
    /// Counts an attempt as wrong before it is looked at, so that many at a time are no way around. An error is how
    /// long to wait.
    pub fn begin(&self, now: Instant) -> Result<(), Duration> {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while wrong.front().is_some_and(|&first| now.saturating_duration_since(first) >= SPAN) {
            wrong.pop_front();
        }
        match wrong.front() {
            Some(&first) if wrong.len() >= WRONG_MAX => Err(SPAN.saturating_sub(now.saturating_duration_since(first))),
            _ => {
                wrong.push_back(now);
                Ok(())
            }
        }
    }

    /// The attempt that began then was right.
    pub fn forgive(&self, began: Instant) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = wrong.iter().position(|&attempt| attempt == began) {
            wrong.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::clock;

    #[test]
    fn ten_wrong_tokens_a_minute_and_any_number_of_right_ones() {
        let (attempts, start) = (Attempts::default(), clock::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..100 {
            attempts.begin(at(0)).unwrap();
            attempts.forgive(at(0));
        }
        for second in 0..10 {
            attempts.begin(at(second)).unwrap();
        }
        assert_eq!(attempts.begin(at(10)), Err(Duration::from_secs(50)));
        assert_eq!(attempts.begin(at(59)), Err(Duration::from_secs(1)));
        attempts.begin(at(60)).unwrap();
        assert_eq!(attempts.begin(at(60)), Err(Duration::from_secs(1)));
    }
}
