//! The mean error relative to truth and prediction.

use super::{Means, metric_settings, ratio};

metric_settings! {
    /// The mean of |truth - prediction| / (|truth| + |prediction|) in per cent, times 2: in [0, 200]; lower is better.
    ///
    /// Where both are 0 there is no error. Source: `metrics.SMAPE` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, SmapeSettings}};
    /// let mut smape = SmapeSettings::default().whole();
    /// smape.update(Truth::Value(3.0), 1.0.into());
    /// smape.update(Truth::Value(0.0), 0.0.into());
    /// assert_eq!(smape.value(), 50.0);
    /// ```
    SmapeSettings, "smape", Means,
    |_settings| Means::of_values(Self::NAME, |truth, prediction| {
        200.0 * ratio((truth - prediction).abs(), truth.abs() + prediction.abs())
    })
}
