//! The share of alarms that were right.

use super::{Counts, metric_settings, ratio};

metric_settings! {
    /// Of the rows predicted positive, the share that are, in [0, 1]; higher is better; 0 before the first one.
    ///
    /// Source: `metrics.Precision` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, PrecisionSettings}};
    /// let mut precision = PrecisionSettings::whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.3), (0, 0.4)] {
    ///     precision.update(Truth::Class(class), probability);
    /// }
    /// assert_eq!(precision.value(), 0.5);
    /// ```
    PrecisionSettings, "precision", Counts,
    Counts::new(Self::NAME, |counts| ratio(counts.true_positives, counts.true_positives + counts.false_positives))
}
