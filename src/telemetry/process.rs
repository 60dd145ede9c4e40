//! What this process costs, as the kernel has it. Where there is no `/proc` the metrics stay at zero.

use std::fs;
use std::time::Duration;

use super::metrics::{CPU, MEMORY};

/// Ticks a second of what `/proc` counts processor time in: the same on every Linux.
const TICKS_A_SECOND: u64 = 100;
/// Fields of `/proc/self/stat` behind the name of the program: the state is the first.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const KIBIBYTE: f64 = 1024.0;

/// What was shown last.
#[derive(Debug, Default)]
pub struct Cost {
    user: Duration,
    system: Duration,
}

impl Cost {
    /// Shows what was taken since the last call.
    pub fn show(&mut self) {
        if let Some((user, system)) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(times) {
            CPU.add_with("mode", "user", user.saturating_sub(self.user));
            CPU.add_with("mode", "system", system.saturating_sub(self.system));
            *self = Self { user, system };
        }
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
            MEMORY.set(bytes);
        }
    }
}

/// Time in the program and in the kernel. The name of the program may hold anything, so the last parenthesis ends it.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let time = |index| {
        let ticks: u64 = fields.split(' ').nth(index)?.parse().ok()?;
        Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS_A_SECOND)))
    };
    Some((time(USER_TIME)?, time(SYSTEM_TIME)?))
}

/// Octets that are in memory.
fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * KIBIBYTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194304 100 0 0 0 1234 56 0 0 20 0 9 0 100 1000 10";
        assert_eq!(times(stat), Some((Duration::from_millis(12_340), Duration::from_millis(560))));
        assert_eq!(times("7 (a"), None);
        assert_eq!(times("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_in_octets() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t   2048 kB\nThreads: 1\n"), Some(2_097_152.0));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
