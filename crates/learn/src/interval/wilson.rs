//! The interval of a rate.

use super::{Interval, reach};

/// Where a rate may lie of which `successes` were seen in `rows`, at a level of confidence in (0, 1), such as 0.95.
///
/// Unlike the normal interval it stays within [0, 1] and says something where no row or every row was a success. Source:
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
///
/// ```
/// use gristmill_learn::interval::wilson;
/// let none = wilson(0.0, 10.0, 0.95);
/// assert_eq!((none.low, (none.high * 1e4).round()), (0.0, 2775.0));
/// ```
pub fn wilson(successes: f64, rows: f64, level: f64) -> Interval {
    if rows.is_nan() || rows <= 0.0 {
        return Interval::UNKNOWN;
    }
    let (rate, reach) = (successes / rows, reach(level));
    let square = reach * reach;
    let share = 1.0 + square / rows;
    let middle = (rate + square / (2.0 * rows)) / share;
    let spread = (rate * (1.0 - rate) / rows + square / (4.0 * rows * rows)).sqrt();
    let Interval { low, high } = Interval::around(middle, reach / share * spread).within(0.0, 1.0);
    // Exactly, where rounding leaves something over.
    Interval { low: if successes == 0.0 { 0.0 } else { low }, high: if successes == rows { 1.0 } else { high } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `statsmodels.stats.proportion.proportion_confint(…, method="wilson")` of statsmodels 0.15.0.
    #[test]
    fn the_ends_are_those_of_statsmodels() {
        for (successes, rows, level, low, high) in [
            (0.0, 10.0, 0.95, 0.0, 0.277532799862889),
            (10.0, 10.0, 0.95, 0.722467200137111, 1.0),
            (3.0, 17.0, 0.95, 0.061911266376210, 0.410294585688341),
            (812.0, 1000.0, 0.99, 0.778156612230858, 0.841730500869416),
            (1.0, 1.0, 0.9, 0.269865948784054, 1.0),
            (50.0, 100.0, 0.95, 0.403831530365996, 0.596168469634004),
        ] {
            let found = wilson(successes, rows, level);
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{rows}: {found:?}");
        }
        assert!(wilson(0.0, 0.0, 0.95).low.is_nan());
    }
}
