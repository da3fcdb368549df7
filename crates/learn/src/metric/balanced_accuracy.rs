//! The mean of the recalls of all classes.

use super::{Confusion, metric_settings, ratio};

metric_settings! {
    /// The mean over all classes of the share of their rows predicted right, in [0, 1]; higher is better.
    ///
    /// A rare class counts as much as a frequent one. Source: `metrics.BalancedAccuracy` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{BalancedAccuracySettings, Metric}};
    /// let mut balanced = BalancedAccuracySettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.2), (0, 0.3), (0, 0.8)] {
    ///     balanced.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(balanced.value(), (1.0 + 2.0 / 3.0) / 2.0);
    /// ```
    BalancedAccuracySettings, "balanced_accuracy", Confusion,
    |_settings| Confusion::new(Self::NAME, |matrix| {
        let classes = || matrix.seen().filter(|class| matrix.truths(*class) > 0.0);
        let recall = |class| matrix.one_class(class).true_positives / matrix.truths(class);
        ratio(classes().map(recall).sum(), classes().count() as f64)
    })
}
