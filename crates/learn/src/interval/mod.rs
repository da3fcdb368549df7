//! Intervals: how far a measured value may be from the one that more rows would show.
//!
//! A rate has [`wilson`]'s interval, the area under a ROC curve DeLong's ([`PairedAuc`]), and any metric that of a
//! [`Bootstrap`]. Two models that scored the same rows are compared by the interval of the difference: what is hard about
//! a row is hard for both, so the difference varies less than either value.

mod bootstrap;
mod delong;
mod normal;
mod wilson;

pub use bootstrap::{Bootstrap, BootstrapSettings};
pub use delong::{AucEstimate, PairedAuc, delong, delong_difference};
pub use normal::normal_quantile;
pub use wilson::wilson;

/// A value lies between these; NaN where nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { low: f64::NAN, high: f64::NAN };

    /// So far on both sides of a value.
    fn around(value: f64, reach: f64) -> Self {
        Self { low: value - reach, high: value + reach }
    }

    /// The part of it between two values.
    fn within(self, low: f64, high: f64) -> Self {
        // `clamp` keeps NaN.
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }
}

/// By how many standard deviations a normal value strays on either side at this level of confidence.
fn reach(level: f64) -> f64 {
    normal_quantile(0.5 + level / 2.0)
}
