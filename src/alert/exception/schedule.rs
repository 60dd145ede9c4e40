//! When an exception holds: days and hours of the week, in UTC.
//!
//! `mon-fri 22:00-04:00; sat,sun`: parts are separated by `;`. A part names days (`mon`, `mon-fri`, `sat,sun`; without them
//! every day), hours, or both. Hours that end before they begin go on into the next day, and belong to the day on which they
//! begin: Friday's last until Saturday at 04:00.

use std::str::FromStr;
use std::time::Duration;

use crate::flow::time::EventTime;

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;
const MINUTE_MICROS: i64 = 60_000_000;
const WEEK_MICROS: i64 = WEEK_MINUTES as i64 * MINUTE_MICROS;
/// 1970 began on a Thursday: three days after a Monday.
const EPOCH_DAY: i64 = 3 * DAY_MINUTES as i64 * MINUTE_MICROS;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Longest text that is read.
const BYTES_MAX: usize = 1000;

/// Minutes of the week, Monday 00:00 being 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// From the first minute up to, not including, the second; sorted, apart from each other, none empty, none past Sunday.
    spans: Vec<(u32, u32)>,
}

/// A text that is no schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing is written.
    #[error("it is empty; leave it out where the exception always holds")]
    Empty,
    /// Too much is written.
    #[error("it has more than {BYTES_MAX} bytes")]
    Long,
    /// A part cannot be read.
    #[error("part {number}, {word:?}, {problem}")]
    Part {
        /// Which one, from 1.
        number: usize,
        /// The word in question.
        word: String,
        /// What is wrong, and what to write.
        problem: &'static str,
    },
}

const NO_DAYS: &str = "names no days: write mon, mon-fri or sat,sun";
const NO_HOURS: &str = "names no hours: write 22:00-04:00, from 00:00 to 24:00";
const NO_TIME: &str = "begins when it ends: write 00:00-24:00 for a whole day";
const NO_PART: &str = "is no part: write days, hours, or both, such as \"mon-fri 22:00-04:00\", and ; between parts";

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        if text.len() > BYTES_MAX {
            return Err(ScheduleError::Long);
        }
        if text.trim().is_empty() {
            return Err(ScheduleError::Empty);
        }
        let mut spans = Vec::new();
        // A ; at the end ends a part, and begins none.
        let text = text.trim().strip_suffix(';').unwrap_or(text);
        for (index, part) in text.split(';').enumerate() {
            let misread = |(word, problem): (&str, &'static str)| ScheduleError::Part {
                number: index + 1,
                word: word.to_owned(),
                problem,
            };
            spans.extend(part_spans(part.trim()).map_err(misread)?);
        }
        Ok(Self { spans: joined(spans) })
    }
}

/// A word, and what is wrong with it.
type Misread<'a> = (&'a str, &'static str);

fn part_spans(part: &str) -> Result<Vec<(u32, u32)>, Misread<'_>> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let (days, (from, until)) = match words[..] {
        [both, hours] => (days(both)?, hours_of(hours)?),
        [hours] if hours.contains(':') => ((0..7).collect(), hours_of(hours)?),
        [whole] => (days(whole)?, (0, DAY_MINUTES)),
        _ => return Err((part, NO_PART)),
    };
    let mut spans = Vec::new();
    for day in days {
        let begin = day * DAY_MINUTES + from;
        let end = day * DAY_MINUTES + until + if until <= from { DAY_MINUTES } else { 0 };
        spans.push((begin, end.min(WEEK_MINUTES)));
        if end > WEEK_MINUTES {
            spans.push((0, end - WEEK_MINUTES));
        }
    }
    Ok(spans)
}

/// Days of `mon`, `mon-fri`, `sat,sun` and of mixtures; a range may go over the end of the week.
fn days(text: &str) -> Result<Vec<u32>, Misread<'_>> {
    let mut days = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + 7 - first) % 7;
        days.extend((0..=count).map(|step| (first + step) % 7));
    }
    Ok(days)
}

fn day(text: &str) -> Result<u32, Misread<'_>> {
    let found = (0..).zip(DAYS).find(|(_, name)| name.eq_ignore_ascii_case(text));
    found.map(|(number, _)| number).ok_or((text, NO_DAYS))
}

fn hours_of(text: &str) -> Result<(u32, u32), Misread<'_>> {
    let (from, until) = text.split_once('-').ok_or((text, NO_HOURS))?;
    match (minutes(from)?, minutes(until)?) {
        (DAY_MINUTES, _) => Err((text, NO_HOURS)),
        (from, until) if from == until => Err((text, NO_TIME)),
        hours => Ok(hours),
    }
}

/// Minutes since midnight of `HH:MM`.
fn minutes(text: &str) -> Result<u32, Misread<'_>> {
    let number = |digits: &str| -> Option<u32> {
        let is_plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse().ok()).flatten()
    };
    let read = text.split_once(':').and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
    match read {
        Some((hour, minute)) if minute < 60 && hour * 60 + minute <= DAY_MINUTES => Ok(hour * 60 + minute),
        _ => Err((text, NO_HOURS)),
    }
}

fn joined(mut spans: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    spans.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::with_capacity(spans.len());
    for (begin, end) in spans {
        match joined.last_mut() {
            Some((_, last)) if begin <= *last => *last = (*last).max(end),
            _ => joined.push((begin, end)),
        }
    }
    joined
}

impl Schedule {
    /// Whether it holds at a moment.
    pub fn holds(&self, now: EventTime) -> bool {
        self.span_at(of_week(now)).is_some()
    }

    /// Whether it holds all the time from one moment to another, both included.
    pub fn covers(&self, from: EventTime, until: EventTime) -> bool {
        let mut place = of_week(from);
        let mut left = until.since(from);
        let mut walked = Duration::ZERO;
        while walked <= Duration::from_micros(WEEK_MICROS.unsigned_abs()) {
            let Some(end) = self.span_at(place) else { return false };
            let rest = Duration::from_micros((end - place).unsigned_abs());
            if left < rest {
                return true;
            }
            left -= rest;
            walked += rest;
            place = end % WEEK_MICROS;
        }
        true // it holds all week
    }

    /// The end of the span that a place in the week lies in, in microseconds.
    fn span_at(&self, place: i64) -> Option<i64> {
        let micros = |minute: u32| i64::from(minute) * MINUTE_MICROS;
        let found = self.spans.iter().find(|(begin, end)| (micros(*begin)..micros(*end)).contains(&place));
        found.map(|(_, end)| micros(*end))
    }
}

/// Microseconds since Monday 00:00 UTC.
fn of_week(time: EventTime) -> i64 {
    (time.micros() + EPOCH_DAY) % WEEK_MICROS
}
