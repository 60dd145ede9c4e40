//! Features in sentences: what a person reads who asks why.
//!
//! Every feature of the catalogue has its phrase in `table`; numbers are written by its unit. A sentence is only made where
//! it says something: a number that reads as the usual one is no reason.

use crate::flow::statistics::Unit;
use crate::verdict::features::{Family, Feature};

pub use decimal::{Decimal, exponent_of};

mod decimal;
mod table;

/// Significant digits of numbers that are not whole.
const DIGITS: i32 = 2;

/// From here on a truth is usual: a part of all Normal flows.
const MOSTLY: f64 = 0.5;

/// What a feature says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Phrase {
    feature: &'static str,
    kind: Kind,
    /// The sentence; of a truth, if it is so.
    says: &'static str,
    /// The thing that may be more or less; of a truth, the sentence if it is not so.
    back: &'static str,
}

/// How its numbers are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Whole things, which become more with time.
    Count,
    /// Whole things, which do not.
    Whole,
    /// Any number.
    Amount,
    /// It is so or not.
    Truth,
}

impl Phrase {
    const fn count(feature: &'static str, says: &'static str) -> Self {
        Self { feature, kind: Kind::Count, says, back: says }
    }

    const fn whole(feature: &'static str, says: &'static str) -> Self {
        Self { feature, kind: Kind::Whole, says, back: says }
    }

    const fn amount(feature: &'static str, says: &'static str) -> Self {
        Self { feature, kind: Kind::Amount, says, back: says }
    }

    const fn truth(feature: &'static str, yes: &'static str, no: &'static str) -> Self {
        Self { feature, kind: Kind::Truth, says: yes, back: no }
    }

    const fn back(mut self, back: &'static str) -> Self {
        self.back = back;
        self
    }
}

/// How long what is counted was looked at, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spans {
    /// The flow, from its first to its last packet.
    pub flow: f64,
    /// Its window, as far as it is seen.
    pub window: f64,
}

/// How one feature is told.
#[derive(Clone, Copy, Debug)]
pub struct Wording {
    phrase: &'static Phrase,
    unit: Unit,
    is_of_window: bool,
}

impl Wording {
    /// The feature's, if it has a phrase: all of the catalogue have.
    pub fn of(feature: &Feature) -> Option<Self> {
        let phrase = table::PHRASES.iter().find(|phrase| phrase.feature == feature.name)?;
        Some(Self { phrase, unit: feature.unit, is_of_window: feature.family == Family::Context })
    }

    /// Whether it is so or not, and nothing between.
    pub fn is_truth(&self) -> bool {
        self.phrase.kind == Kind::Truth
    }

    /// Whether it is a number of whole things.
    pub fn is_whole(&self) -> bool {
        matches!(self.phrase.kind, Kind::Count | Kind::Whole)
    }

    /// The greatest value that there is.
    pub fn greatest(&self) -> f64 {
        if matches!(self.unit, Unit::Ratio | Unit::Truth) { 1.0 } else { f64::from(f32::MAX) }
    }

    /// What a flow has and what is usual: "412 destination ports in 6 s; usual: 2". `None` where both read the same.
    pub fn sentence(&self, value: f64, usual: f64, spans: Spans) -> Option<String> {
        let Phrase { kind, says, back, .. } = *self.phrase;
        if kind == Kind::Truth {
            return match (value >= MOSTLY, usual >= MOSTLY) {
                (true, false) => Some(format!("{says}; usual: not")),
                (false, true) => Some(format!("{back}; usual: {says}")),
                _ => None,
            };
        }
        let [value, usual] = [value, usual].map(|number| self.rounded(number));
        if value == usual {
            return None;
        }
        let seconds = Decimal::nearest(if self.is_of_window { spans.window } else { spans.flow }, DIGITS);
        let time = if kind == Kind::Count && seconds.value() > 0.0 {
            format!(" in {} s", seconds.text())
        } else {
            String::new()
        };
        Some(format!("{}{time}; usual: {}", fill(says, &self.number(value)), self.number(usual)))
    }

    /// Where a verdict turns: "below 14 destination ports this would be Normal". `value` is the nearest that is told at
    /// which it is Normal.
    pub fn way_back(&self, value: Decimal, is_below: bool) -> String {
        // Of whole things the next one is known not to be Normal.
        let is_single = self.is_whole() && value.plus(1).value() - value.value() <= 1.0;
        let border = if is_single { value.plus(if is_below { 1 } else { -1 }) } else { value };
        let side = if is_below { "below" } else { "above" };
        format!("{side} {} this would be Normal", fill(self.phrase.back, &self.number(border)))
    }

    fn rounded(&self, value: f64) -> Decimal {
        if self.is_whole() { Decimal::nearest(value.round(), 1) } else { Decimal::nearest(value, DIGITS) }
    }

    /// With the units that are written as signs.
    fn number(&self, value: Decimal) -> String {
        match self.unit {
            Unit::Ratio => format!("{} %", value.percent().text()),
            Unit::Seconds => format!("{} s", value.text()),
            _ => value.text(),
        }
    }
}

/// A phrase with its number.
fn fill(phrase: &str, number: &str) -> String {
    let text = phrase.replace("{}", number);
    let Some((before, rest)) = text.split_once('(') else { return text };
    let Some((choice, after)) = rest.split_once(')') else { return text };
    let (one, many) = choice.split_once('|').unwrap_or((choice, choice));
    format!("{before}{}{after}", if number == "1" { one } else { many })
}

#[cfg(test)]
mod tests;
