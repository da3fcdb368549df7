//! Scaling that follows a drifting column.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

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
    pub fn build(&self, signature: &Signature) -> AdaptiveStandardScaler {
        let moments = vec![(f64::NAN, f64::NAN); signature.width()].into();
        AdaptiveStandardScaler { newest: self.fading_factor, kinds: signature.kinds().to_vec(), moments }
    }
}

/// The moments behind [`AdaptiveStandardScalerSettings`].
#[derive(Debug, Clone)]
pub struct AdaptiveStandardScaler {
    newest: f64,
    kinds: Vec<Kind>,
    /// The mean and the mean square of each column; NaN before its first value.
    moments: Box<[(f64, f64)]>,
}

stateful!(AdaptiveStandardScaler, "adaptive_standard_scaler", 1: moments);

impl Transformer for AdaptiveStandardScaler {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for ((mean, square), x) in self.moments.iter_mut().zip(row) {
            if !(x * x).is_finite() {
                continue;
            }
            if mean.is_nan() {
                (*mean, *square) = (*x, x * x);
            } else {
                *mean = self.newest * x + (1.0 - self.newest) * *mean;
                *square = self.newest * (x * x) + (1.0 - self.newest) * *square;
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.moments.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|(((mean, square), x), kind)| {
            let variance = square - mean * mean;
            match kind {
                _ if !x.is_finite() => f64::NAN,
                Kind::Nominal => *x,
                Kind::Numeric if variance > 0.0 => (x - mean) / variance.sqrt(),
                Kind::Numeric => 0.0,
            }
        }));
    }
}
