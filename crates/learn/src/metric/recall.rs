//! The share of positives found.

use super::{Average, Confusion, metric_settings, ratio};

metric_settings! {
    /// Of the rows of a class, the share predicted as it, in [0, 1]; higher is better; 0 before the first one.
    ///
    /// Of the positive class, or averaged over all classes, whose own values are shown beside it. Source:
    /// `metrics.Recall`, `MacroRecall`, `MicroRecall` and `WeightedRecall` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, RecallSettings}};
    /// let mut recall = RecallSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.3), (1, 0.4), (1, 0.2)] {
    ///     recall.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(recall.value(), 0.25);
    /// ```
    RecallSettings, "recall", Confusion,
    {
        /// How the values of several classes become one. Default `binary`: the positive class alone.
        average: Average = Average::Binary,
    }
    |settings| Confusion::averaged(Self::NAME, settings.average, |one| ratio(one.true_positives, one.true_positives + one.false_negatives))
}
