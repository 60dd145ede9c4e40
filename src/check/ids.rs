//! How long the ids of the source last, at the rate of late.

use super::finding::{Finding, Remedy};

/// Days below which it is said.
pub const WARNING_DAYS: f64 = 90.0;
/// Days below which it is refused: somebody must act now.
const REFUSED_DAYS: f64 = 7.0;
/// Rows that lie closer together tell no rate, in seconds.
const SPAN_MIN: f64 = 60.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// A row of the source: its id, and when it was inserted in Unix seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Its id.
    pub id: i64,
    /// When it was inserted, in Unix seconds.
    pub seconds: f64,
}

/// What is known of the ids.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ids {
    /// The quoted column.
    pub column: String,
    /// Its type.
    pub type_name: String,
    /// The greatest id that column and sequence can have.
    pub most: i64,
    /// The last one that was handed out.
    pub last: i64,
    /// Rows by which the rate is told, the newest one last.
    pub samples: Vec<Sample>,
}

impl Ids {
    /// Ids a day: the greatest rate from any of the samples to the newest. `None` where they tell none.
    pub fn a_day(&self) -> Option<f64> {
        let newest = *self.samples.last()?;
        let rate = |sample: &Sample| {
            let (ids, seconds) = ((newest.id - sample.id) as f64, newest.seconds - sample.seconds);
            (seconds >= SPAN_MIN && ids > 0.0).then(|| ids / seconds * SECONDS_A_DAY)
        };
        self.samples
            .iter()
            .filter_map(rate)
            .fold(None, |most, rate| Some(most.map_or(rate, |most: f64| most.max(rate))))
    }

    /// Days until the ids are used up; `None` where the rate is unknown.
    pub fn days_left(&self) -> Option<f64> {
        let left = self.most.saturating_sub(self.last).max(0);
        if left == 0 {
            return Some(0.0);
        }
        self.a_day().map(|rate| left as f64 / rate)
    }
}

/// Judges the ids of `table`, whose sequence is `sequence`.
pub fn judge(ids: &Ids, table: &str, sequence: &str) -> Finding {
    let (check, subject) = ("ids.left", format!("{table}.{}", ids.column));
    let range = format!("{}, {} handed out of {}", ids.type_name, ids.last, ids.most);
    let Some(days) = ids.days_left() else {
        return Finding::fine(check, subject, format!("{range}; too few packets to tell a rate"));
    };
    let rate = ids.a_day().map_or_else(String::new, |rate| format!(" at {rate:.0} a day"));
    let found = format!("{range}: {} left{rate}", shown(days));
    let why = "when the ids are used up every insert fails; the change rewrites the table and locks it meanwhile, so take \
               an hour of quiet: flowsentry goes on where it was";
    let finding = if days < REFUSED_DAYS {
        Finding::refused(check, subject, found, why)
    } else if days < WARNING_DAYS {
        Finding::warning(check, subject, found, why)
    } else {
        return Finding::fine(check, subject, found);
    };
    if ids.type_name == "bigint" {
        return finding.mend(Remedy::Sql(format!("ALTER SEQUENCE {sequence} AS bigint NO MAXVALUE;")));
    }
    finding.sql(format!(
        "ALTER TABLE {table} ALTER COLUMN {} TYPE bigint; ALTER SEQUENCE {sequence} AS bigint NO MAXVALUE;",
        ids.column
    ))
}

fn shown(days: f64) -> String {
    if days < 1000.0 { format!("{days:.1} days") } else { format!("{:.0} years", days / 365.25) }
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Refused, Warning};
    use super::*;

    fn integer(last: i64, samples: &[(i64, f64)]) -> Ids {
        Ids {
            column: "\"id\"".to_owned(),
            type_name: "integer".to_owned(),
            most: i64::from(i32::MAX),
            last,
            samples: samples.iter().map(|&(id, seconds)| Sample { id, seconds }).collect(),
        }
    }

    #[test]
    fn days_follow_from_the_rate_and_what_is_left() {
        let check = |last: i64, samples: &[(i64, f64)], expected: Severity| {
            let finding = judge(&integer(last, samples), "t", "s");
            assert_eq!(finding.severity, expected, "{finding:?}");
            assert_eq!(finding.remedy.is_some(), expected != Fine);
        };
        let day = SECONDS_A_DAY;
        check(100, &[], Fine);
        check(100, &[(1, 0.0), (100, 1.0)], Fine); // a burst tells no rate
        check(i64::from(i32::MAX), &[], Refused);
        check(2_000_000_000, &[(1_999_000_000, 0.0), (2_000_000_000, day)], Fine); // 147 days
        check(2_100_000_000, &[(2_099_000_000, 0.0), (2_100_000_000, day)], Warning); // 47 days
        check(2_140_000_000, &[(2_130_000_000, 0.0), (2_140_000_000, day)], Refused); // under a day
        // Years of little, then much: the greater rate counts.
        check(2_100_000_000, &[(1, -3650.0 * day), (2_050_000_000, 0.0), (2_100_000_000, day)], Refused);
    }

    #[test]
    fn times_that_go_back_tell_nothing() {
        let ids = integer(1_000, &[(1, 1e9), (500, f64::NAN), (1_000, 0.0)]);
        assert_eq!(ids.days_left(), None);
    }
}
