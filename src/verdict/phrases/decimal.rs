//! Numbers as people read them: few digits, thousands apart, nothing of what binary fractions leave behind.

/// `units` × 10^`exponent`: what is written is what is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    units: i64,
    exponent: i32,
}

/// Units stay below this, so that they are exact as a float too.
const UNITS_MAX: f64 = 1e15;

/// Smallest exponent: what is less is nothing to people.
const EXPONENT_MIN: i32 = -9;

impl Decimal {
    /// The nearest to `value` with so many significant digits, and all digits before the point of what has up to 15.
    pub fn nearest(value: f64, digits: i32) -> Self {
        let exponent = exponent_of(value, digits).min(0);
        Self::at(value, exponent, f64::round)
    }

    /// The nearest multiple of 10^`exponent` that is not above `value`.
    pub fn not_above(value: f64, exponent: i32) -> Self {
        Self::at(value, exponent, f64::floor)
    }

    /// The nearest multiple of 10^`exponent` that is not below `value`.
    pub fn not_below(value: f64, exponent: i32) -> Self {
        Self::at(value, exponent, f64::ceil)
    }

    #[allow(clippy::cast_possible_truncation)] // it is below UNITS_MAX
    fn at(value: f64, exponent: i32, round: fn(f64) -> f64) -> Self {
        let value = if value.is_nan() { 0.0 } else { value.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) };
        let exponent = exponent.max(exponent_of(value, 15)).max(EXPONENT_MIN);
        let scaled = if exponent < 0 { value * 10f64.powi(-exponent) } else { value / 10f64.powi(exponent) };
        Self { units: round(scaled).clamp(-UNITS_MAX, UNITS_MAX) as i64, exponent }
    }

    /// So many units of its last digit further.
    #[must_use]
    pub fn plus(self, units: i64) -> Self {
        Self { units: self.units.saturating_add(units), ..self }
    }

    /// As a number.
    pub fn value(self) -> f64 {
        let power = 10f64.powi(self.exponent.abs());
        if self.exponent < 0 { self.units as f64 / power } else { self.units as f64 * power }
    }

    /// A hundred times as much.
    #[must_use]
    pub fn percent(self) -> Self {
        Self { exponent: self.exponent + 2, ..self }
    }

    /// As people read it: 1,240 or 0.5.
    pub fn text(self) -> String {
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        let zeros = usize::try_from(self.exponent).unwrap_or(0) * usize::from(self.units != 0);
        let digits = format!("{:0>width$}{}", self.units.unsigned_abs(), "0".repeat(zeros), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let fraction = fraction.trim_end_matches('0');
        let sign = if self.units < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{point}{fraction}", thousands(whole))
    }
}

/// The exponent of the last of so many significant digits of a number.
#[allow(clippy::cast_possible_truncation)] // logarithms of doubles are small
pub fn exponent_of(value: f64, digits: i32) -> i32 {
    let magnitude = value.abs().log10().floor();
    if magnitude.is_finite() { magnitude as i32 + 1 - digits } else { 0 }
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let check = |value: f64, expected: &str| assert_eq!(Decimal::nearest(value, 2).text(), expected, "{value}");
        check(0.0, "0");
        check(-0.0, "0");
        check(1.0, "1");
        check(1.26, "1.3");
        check(9.99, "10");
        check(29.7, "30");
        check(412.4, "412");
        check(1_240.0, "1,240");
        check(1_234_567.8, "1,234,568");
        check(0.3487, "0.35");
        check(0.000_412, "0.00041");
        check(1e-30, "0");
        check(-12.0, "-12");
        check(3e17, "300,000,000,000,000,000");
        check(f64::NAN, "0");
        assert_eq!(Decimal::nearest(0.984, 2).percent().text(), "98");
        assert_eq!(Decimal::nearest(0.0123, 2).percent().text(), "1.2");
        assert_eq!(Decimal::nearest(1.0, 2).percent().text(), "100");
        assert_eq!(Decimal::nearest(f64::INFINITY, 2).text().len(), 39 + 12);
    }

    #[test]
    fn a_side_can_be_chosen() {
        assert_eq!(Decimal::not_above(13.7, 0).text(), "13");
        assert_eq!(Decimal::not_below(13.2, 0).text(), "14");
        assert_eq!(Decimal::not_above(12_345.0, 2).text(), "12,300");
        assert_eq!(Decimal::not_below(0.341, -2).text(), "0.35");
        assert_eq!(Decimal::not_below(0.341, -2).plus(-1).text(), "0.34");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_meant(value in 0.0..1e9f64, digits in 1i32..8) {
            let decimal = Decimal::nearest(value, digits);
            let read: f64 = decimal.text().replace(',', "").parse().unwrap();
            prop_assert!((read - decimal.value()).abs() <= 1e-12 * read);
            prop_assert!((read - value).abs() <= 10f64.powi(-digits) * 5.001 * value + 1e-9, "{} for {}", read, value);
        }
    }
}
