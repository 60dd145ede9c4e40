//! How far an axis goes.

/// The tops that read well, each of which has a half that does as well.
const STEPS: [f64; 6] = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];

/// A round number that is not below the greatest value, and not below `least`.
pub fn top(values: impl Iterator<Item = f64>, least: f64) -> f64 {
    let greatest = values.filter(|value| value.is_finite()).fold(least, f64::max);
    let unit = 10_f64.powf(greatest.log10().floor());
    STEPS.into_iter().map(|step| step * unit).find(|step| *step >= greatest).unwrap_or(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |values: &[f64], least: f64, expected: f64| {
            let found = top(values.iter().copied(), least);
            assert!((found - expected).abs() < expected * 1e-9, "{values:?}: {found}");
        };
        check(&[], 2.0, 2.0);
        check(&[0.0], 1.0, 1.0);
        check(&[3.0, 1.0], 2.0, 4.0);
        check(&[401.0], 2.0, 600.0);
        check(&[1000.0], 2.0, 1000.0);
        check(&[99_999.0], 2.0, 100_000.0);
        check(&[f64::NAN, f64::INFINITY, 5.0], 2.0, 6.0);
        check(&[1e300], 2.0, 1e300);
    }
}
