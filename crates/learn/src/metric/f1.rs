//! The harmonic mean of precision and recall.

use super::{Average, Confusion, metric_settings, ratio};

metric_settings! {
    /// The harmonic mean of precision and recall, in [0, 1]; higher is better; 0 before the first one.
    ///
    /// Of the positive class, or averaged over all classes, whose own values are shown beside it. Source:
    /// `metrics.F1`, `MacroF1`, `MicroF1` and `WeightedF1` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, F1Settings}};
    /// let mut f1 = F1Settings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.7), (1, 0.4)] {
    ///     f1.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(f1.value(), 2.0 / 3.0);
    /// ```
    F1Settings, "f1", Confusion,
    {
        /// How the values of several classes become one. Default `binary`: the positive class alone.
        average: Average = Average::Binary,
    }
    |settings| Confusion::averaged(Self::NAME, settings.average, |one| {
        let twice = 2.0 * one.true_positives;
        ratio(twice, twice + one.false_positives + one.false_negatives)
    })
}
