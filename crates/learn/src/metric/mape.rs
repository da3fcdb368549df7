//! The mean error relative to the truth.

use super::{Means, metric_settings, ratio};

metric_settings! {
    /// The mean absolute error in per cent of the truth, 0 or above; lower is better. A truth of 0 counts as no error.
    ///
    /// Source: `metrics.MAPE` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{MapeSettings, Metric}};
    /// let mut mape = MapeSettings::default().whole();
    /// mape.update(Truth::Value(4.0), 3.0.into());
    /// mape.update(Truth::Value(-2.0), (-3.0).into());
    /// assert_eq!(mape.value(), 37.5);
    /// ```
    MapeSettings, "mape", Means,
    |_settings| Means::of_values(Self::NAME, |truth, prediction| {
        100.0 * ratio((truth - prediction).abs(), truth.abs())
    })
}
