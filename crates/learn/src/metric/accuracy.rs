//! The share of right predictions.

use super::{Counts, metric_settings, ratio};

metric_settings! {
    /// The share of rows whose class was predicted right, in [0, 1]; higher is better.
    ///
    /// A probability above 0.5 predicts the positive class. Source: `metrics.Accuracy` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{AccuracySettings, Metric}};
    /// let mut accuracy = AccuracySettings::whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.2), (1, 0.3), (0, 0.4)] {
    ///     accuracy.update(Truth::Class(class), probability);
    /// }
    /// assert_eq!(accuracy.value(), 0.75);
    /// ```
    AccuracySettings, "accuracy", Counts,
    Counts::new(Self::NAME, |counts| {
        let right = counts.true_positives + counts.true_negatives;
        ratio(right, right + counts.false_positives + counts.false_negatives)
    })
}
