//! The share of positives found.

use super::{Counts, metric_settings, ratio};

metric_settings! {
    /// Of the positive rows, the share predicted positive, in [0, 1]; higher is better; 0 before the first one.
    ///
    /// Source: `metrics.Recall` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, RecallSettings}};
    /// let mut recall = RecallSettings::whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.3), (1, 0.4), (1, 0.2)] {
    ///     recall.update(Truth::Class(class), probability);
    /// }
    /// assert_eq!(recall.value(), 0.25);
    /// ```
    RecallSettings, "recall", Counts,
    Counts::new(Self::NAME, |counts| ratio(counts.true_positives, counts.true_positives + counts.false_negatives))
}
