//! The share of alarms that were correct.

use super::{Average, Confusion, metric_settings, ratio};

metric_settings! {
    /// Of the rows predicted as a class, the share that are of it, in [0, 1]; higher is better; 0 before the first one.
    ///
    /// Of the positive class, or averaged over all classes, whose own values are shown beside it. Source:
    /// `metrics.Precision`, `MacroPrecision`, `MicroPrecision` and `WeightedPrecision` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, PrecisionSettings}};
    /// let mut precision = PrecisionSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.3), (0, 0.4)] {
    ///     precision.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(precision.value(), 0.5);
    /// ```
    PrecisionSettings, "precision", Confusion,
    {
        /// How the values of several classes become one. Default `binary`: the positive class alone.
        average: Average = Average::Binary,
    }
    |settings| Confusion::averaged(Self::NAME, settings.average, |one| ratio(one.true_positives, one.true_positives + one.false_positives))
}
