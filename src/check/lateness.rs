//! Whether the out-of-orderness bound suits the sniffers: how late the newest packets came, against the setting.

use std::time::Duration;

use super::finding::{Finding, Remedy};

/// Fewer packets tell nothing.
const PACKETS_MIN: usize = 1_000;
/// One packet in this many may be later than the bound.
const ONE_IN: usize = 1_000;
/// The largest bound that the setting takes, in seconds.
const BOUND_MAX_SECONDS: u64 = 3_600;

/// Judges how far packets were behind the greatest time before them, in microseconds, against `bound`
/// (`window.out_of_orderness`). `read`: rows looked at, those that cannot be used included.
pub fn judge(mut behind: Vec<i64>, read: usize, table: &str, bound: Duration) -> Finding {
    let (check, packets) = ("lateness", behind.len());
    if packets < PACKETS_MIN {
        let found = format!("{packets} of the newest {read} packets can be used: too few to tell how late they come");
        return Finding::fine(check, table, found);
    }
    behind.sort_unstable();
    let quantile = |share: f64| behind.get(rank(share, packets)).copied().unwrap_or_default();
    let bound_micros = i64::try_from(bound.as_micros()).unwrap_or(i64::MAX);
    let later = packets - behind.partition_point(|micros| *micros <= bound_micros);
    let found = format!(
        "of the newest {packets} packets half came at most {} late, 99 % {}, 99.9 % {}, the latest {}; {later} later than {}",
        seconds(quantile(0.5)),
        seconds(quantile(0.99)),
        seconds(quantile(0.999)),
        seconds(quantile(1.0)),
        seconds(bound_micros),
    );
    if later * ONE_IN <= packets {
        return Finding::fine(check, table, found);
    }
    let needed = u64::try_from(quantile(0.999)).unwrap_or_default().div_ceil(1_000_000);
    let why = "a packet later than window.out_of_orderness may miss its window, and is then stored in a row of its own";
    Finding::warning(check, table, found, why)
        .mend(Remedy::Setting(format!("window.out_of_orderness={}s", needed.min(BOUND_MAX_SECONDS))))
}

/// The index below which this share of the sorted values lies.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the number of values
fn rank(share: f64, count: usize) -> usize {
    ((share * count as f64).ceil() as usize).clamp(1, count.max(1)) - 1
}

fn seconds(micros: i64) -> String {
    format!("{:.3} s", micros as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{Fine, Warning};
    use super::*;

    const BOUND: Duration = Duration::from_secs(5);

    #[test]
    fn one_in_a_thousand_may_be_later_than_the_bound() {
        let late = |count: usize| {
            let mut behind = vec![0; 10_000 - count];
            behind.extend(vec![7_200_000; count]);
            judge(behind, 10_000, "t", BOUND)
        };
        assert_eq!(late(10).severity, Fine);
        let finding = late(11);
        assert_eq!(finding.severity, Warning);
        assert_eq!(finding.remedy.unwrap().text(), "window.out_of_orderness=8s");
        assert!(finding.found.contains("11 later than 5.000 s"), "{}", finding.found);
    }

    #[test]
    fn few_packets_tell_nothing() {
        assert_eq!(judge(vec![9_000_000; 999], 999, "t", BOUND).severity, Fine);
        assert_eq!(judge(Vec::new(), 0, "t", BOUND).severity, Fine);
    }

    #[test]
    fn ranks_are_those_of_the_nearest_value() {
        let check = |share, count, expected| assert_eq!(rank(share, count), expected, "{share} of {count}");
        check(0.5, 1, 0);
        check(0.5, 4, 1);
        check(0.999, 1000, 998);
        check(1.0, 1000, 999);
    }
}
