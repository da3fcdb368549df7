//! The mean absolute error.

use super::{Means, metric_settings};

metric_settings! {
    /// The mean absolute difference between prediction and truth, in the label's unit; lower is better.
    ///
    /// Source: `metrics.MAE` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{MaeSettings, Metric}};
    /// let mut mae = MaeSettings::default().whole();
    /// mae.update(Truth::Value(3.0), 2.5.into());
    /// mae.update(Truth::Value(-1.0), 0.0.into());
    /// assert_eq!(mae.value(), 0.75);
    /// ```
    MaeSettings, "mae", Means,
    |_settings| Means::of_values(Self::NAME, |truth, prediction| (truth - prediction).abs())
}
