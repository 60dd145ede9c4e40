//! Clocks: ours and the sniffer's, each against the database's.
//!
//! Packets are dated by the sniffer, and believed or not by the database's clock; ours decides nothing, and is shown to
//! people only.

use std::time::Duration;

use super::finding::{Finding, Remedy};

/// A difference that people would notice, in microseconds.
const NOTICED_MICROS: i64 = 1_000_000;

/// What the clocks say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clocks {
    /// How far our clock is ahead of the database's, half the round trip allowed for, in microseconds.
    pub ours_ahead_micros: i64,
    /// Half the round trip: how far off that may be.
    pub uncertain_micros: i64,
    /// How far the newest packets' times are ahead of the database's clock at their insertion, or at the look where the
    /// table has no time of insertion, in microseconds; negative where they are behind.
    pub packets_ahead_micros: Vec<i64>,
}

/// Judges the clocks; `future_bound`: how far ahead a packet may be before it is rejected.
pub fn judge(clocks: &Clocks, table: Option<&str>, future_bound: Duration) -> Vec<Finding> {
    let mut findings = vec![ours(clocks, future_bound)];
    findings.extend(table.map(|table| sniffers(clocks, table, future_bound)));
    findings
}

fn ours(clocks: &Clocks, future_bound: Duration) -> Finding {
    let (ahead, subject) = (clocks.ours_ahead_micros, "clock of this machine");
    let found = format!(
        "{} the database's, give or take {}",
        difference(ahead),
        seconds(clocks.uncertain_micros.max(1_000).unsigned_abs())
    );
    let excess = ahead.abs() - clocks.uncertain_micros;
    if excess <= NOTICED_MICROS {
        return Finding::fine("clock.database", subject, found);
    }
    let why = if excess > micros(future_bound) {
        "one of the two is far off: if it is the database's, honest packets are rejected as of the future, or windows stay \
         open; if it is ours, flowsentry_window_delay_seconds is wrong by as much"
    } else {
        "flowsentry_window_delay_seconds is wrong by as much"
    };
    Finding::warning("clock.database", subject, found, why).mend(Remedy::Shell("timedatectl set-ntp true".to_owned()))
}

fn sniffers(clocks: &Clocks, table: &str, future_bound: Duration) -> Finding {
    let subject = format!("clock of the sniffer that fills {table}");
    let mut ahead = clocks.packets_ahead_micros.clone();
    ahead.sort_unstable();
    let Some(greatest) = ahead.last().copied() else {
        return Finding::fine("clock.sniffer", subject, "no packets yet to tell it by");
    };
    let middle = ahead.get(ahead.len() / 2).copied().unwrap_or(greatest);
    let found = format!(
        "of the newest {} packets the middle one is {} the database's clock, the most forward one {}",
        ahead.len(),
        difference(middle),
        difference(greatest).trim_end_matches(" of")
    );
    let ntp = Remedy::Shell("timedatectl set-ntp true   # on the sniffer's machine".to_owned());
    if middle > micros(future_bound) {
        let why = "packets further ahead than window.future_bound are rejected";
        return Finding::refused("clock.sniffer", subject, found, why).mend(ntp);
    }
    if greatest > NOTICED_MICROS {
        let why =
            "packets ahead of the clock make those of other sniffers late, and past window.future_bound are rejected";
        return Finding::warning("clock.sniffer", subject, found, why).mend(ntp);
    }
    Finding::fine("clock.sniffer", subject, found)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// `1.500 s ahead of`, `2 h behind`.
fn difference(micros: i64) -> String {
    let side = if micros < 0 { "behind" } else { "ahead of" };
    format!("{} {side}", seconds(micros.unsigned_abs()))
}

fn seconds(micros: u64) -> String {
    match micros {
        0..60_000_000 => format!("{}.{:03} s", micros / 1_000_000, micros / 1_000 % 1_000),
        60_000_000..7_200_000_000 => format!("{} min", micros / 60_000_000),
        7_200_000_000..172_800_000_000 => format!("{} h", micros / 3_600_000_000),
        _ => format!("{} days", micros / 86_400_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Refused, Warning};
    use super::*;

    const BOUND: Duration = Duration::from_mins(1);

    #[test]
    fn our_clock_may_be_a_second_off_beside_the_round_trip() {
        let check = |ours_ahead_micros, uncertain_micros, expected: Severity, words: &str| {
            let clocks = Clocks { ours_ahead_micros, uncertain_micros, ..Clocks::default() };
            let finding = judge(&clocks, None, BOUND).remove(0);
            assert_eq!(finding.severity, expected, "{finding:?}");
            assert!(format!("{finding:?}").contains(words), "{finding:?}");
        };
        check(900_000, 0, Fine, "0.900 s ahead of");
        check(-1_400_000, 500_000, Fine, "1.400 s behind");
        check(-1_600_000, 500_000, Warning, "1.600 s behind");
        check(61_000_000, 500_000, Warning, "far off");
        check(-172_800_000_000, 0, Warning, "2 days behind");
    }

    #[test]
    fn a_sniffer_may_be_behind_but_not_ahead() {
        let check = |packets: &[i64], expected: Severity| {
            let clocks = Clocks { packets_ahead_micros: packets.to_vec(), ..Clocks::default() };
            let finding = judge(&clocks, Some("t"), BOUND).remove(1);
            assert_eq!(finding.severity, expected, "{packets:?}");
        };
        check(&[], Fine);
        check(&[-86_400_000_000, -5], Fine);
        check(&[-5, 900_000], Fine);
        check(&[-5, -5, 1_100_000], Warning);
        check(&[61_000_000, 61_000_000, -5], Refused);
    }
}
