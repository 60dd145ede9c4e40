//! Waiting for a state, with a deadline; never for a span of time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// Waits until `state` satisfies `reached`; on the deadline fails with the last state.
#[track_caller]
#[allow(clippy::disallowed_methods)] // tests have no other clock
pub fn until<S: Debug>(what: &str, mut state: impl FnMut() -> S, reached: impl Fn(&S) -> bool) -> S {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = state();
        if reached(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for {what}; the state is {now:?}");
        std::thread::sleep(POLL);
    }
}

/// Waits until `state` gives something.
#[track_caller]
pub fn until_some<S: Debug>(what: &str, state: impl FnMut() -> Option<S>) -> S {
    match until(what, state, Option::is_some) {
        Some(state) => state,
        None => unreachable!("until waits for Some"),
    }
}
