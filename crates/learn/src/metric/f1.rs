//! The harmonic mean of precision and recall.

use super::{Counts, metric_settings, ratio};

metric_settings! {
    /// The harmonic mean of precision and recall, in [0, 1]; higher is better.
    ///
    /// Source: `metrics.F1` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{F1Settings, Metric}};
    /// let mut f1 = F1Settings::whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.7), (1, 0.4)] {
    ///     f1.update(Truth::Class(class), probability);
    /// }
    /// assert_eq!(f1.value(), 2.0 / 3.0);
    /// ```
    F1Settings, "f1", Counts,
    Counts::new(Self::NAME, |counts| {
        let twice = 2 * counts.true_positives;
        ratio(twice, twice + counts.false_positives + counts.false_negatives)
    })
}
