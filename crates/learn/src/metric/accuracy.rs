//! The share of correct predictions.

use super::{Confusion, metric_settings, ratio};

metric_settings! {
    /// The share of rows whose class was predicted right, in [0, 1]; higher is better.
    ///
    /// A probability above 0.5 predicts the positive class; among many classes the most probable one is predicted.
    /// Source: `metrics.Accuracy` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{AccuracySettings, Metric}};
    /// let mut accuracy = AccuracySettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.2), (1, 0.3), (0, 0.4)] {
    ///     accuracy.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(accuracy.value(), 0.75);
    /// ```
    AccuracySettings, "accuracy", Confusion,
    |_settings| Confusion::new(Self::NAME, |matrix| ratio(matrix.right(), matrix.all()))
}
