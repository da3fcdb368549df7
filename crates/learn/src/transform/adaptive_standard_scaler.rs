//! Scaling that follows a drifting column.

use super::by_column::{ByColumn, Columns};
use crate::Signature;
use crate::settings::component_settings;

component_settings! {
    /// Scales each column by an exponentially weighted mean and variance, so that it follows a column that drifts.
    ///
    /// Nominal columns pass unchanged; a column that has not varied yet becomes 0. Memory: 16 bytes a column. Source:
    /// `preprocessing.AdaptiveStandardScaler` of River; T. Finch, "Incremental Calculation of Weighted Mean and Variance",
    /// 2009.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::AdaptiveStandardScalerSettings};
    /// let mut scaler = AdaptiveStandardScalerSettings { fading_factor: 0.5 }.build(&Signature::numeric(1));
    /// [0.0, 2.0].iter().for_each(|x| scaler.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// scaler.transform(&[2.0], &mut out);
    /// assert_eq!(out, [1.0]); // mean 1, variance 1
    /// ```
    AdaptiveStandardScalerSettings {
        /// How much the newest value counts, in (0, 1). Default 0.3.
        #[schemars(range(min = 0, max = 1))]
        fading_factor: f64 = 0.3,
    }
}

impl AdaptiveStandardScalerSettings {
    /// The scaler for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Columns<Self> {
        Columns::new(self, signature)
    }
}

impl ByColumn for AdaptiveStandardScalerSettings {
    const NAME: &'static str = "adaptive_standard_scaler";
    /// The mean, and the mean of the squares.
    type Kept = (f64, f64);

    fn column(&self) -> (f64, f64) {
        (f64::NAN, f64::NAN)
    }

    fn learn(&self, (mean, square): &mut (f64, f64), x: f64) {
        if !(x * x).is_finite() {
            return;
        }
        let newest = self.fading_factor;
        if mean.is_nan() {
            (*mean, *square) = (x, x * x);
        } else {
            *mean = newest * x + (1.0 - newest) * *mean;
            *square = newest * (x * x) + (1.0 - newest) * *square;
        }
    }

    fn transform(&self, (mean, square): &(f64, f64), x: f64) -> f64 {
        let variance = square - mean * mean;
        if variance > 0.0 { (x - mean) / variance.sqrt() } else { 0.0 }
    }
}
