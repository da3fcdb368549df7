//! The mean absolute error.

use super::{Means, metric_settings};
use crate::Task;

metric_settings! {
    /// The mean absolute difference between prediction and truth, in the label's unit; lower is better.
    ///
    /// Source: `metrics.MAE` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{MaeSettings, Metric}};
    /// let mut mae = MaeSettings::whole();
    /// mae.update(Truth::Value(3.0), 2.5);
    /// mae.update(Truth::Value(-1.0), 0.0);
    /// assert_eq!(mae.value(), 0.75);
    /// ```
    MaeSettings, "mae", Means,
    Means::new(Self::NAME, Task::Regression, |truth, prediction| (truth - prediction).abs(), |mean| mean)
}
