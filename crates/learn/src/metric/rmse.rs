//! The root of the mean squared error.

use super::{Means, metric_settings};

metric_settings! {
    /// The root of the mean squared difference between prediction and truth, in the label's unit; lower is better.
    ///
    /// Source: `metrics.RMSE` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, RmseSettings}};
    /// let mut rmse = RmseSettings::default().whole();
    /// rmse.update(Truth::Value(3.0), 0.0.into());
    /// rmse.update(Truth::Value(1.0), 5.0.into());
    /// assert_eq!(rmse.value(), 3.5355339059327378);
    /// ```
    RmseSettings, "rmse", Means,
    |_settings| Means::of_values(Self::NAME, |truth, prediction| (truth - prediction) * (truth - prediction)).finished(f64::sqrt)
}
