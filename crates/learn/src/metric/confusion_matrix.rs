//! Which classes are predicted as which.

use super::{Confusion, metric_settings, ratio};

metric_settings! {
    /// Which classes are taken for which: the rows of each class by the class predicted. Its value is the accuracy.
    ///
    /// Source: `metrics.ConfusionMatrix` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{ConfusionMatrixSettings, Detail, Metric}};
    /// let mut matrix = ConfusionMatrixSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.8), (1, 0.7)] {
    ///     matrix.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(matrix.details(), [Detail::Predicted(0, 1, 1), Detail::Predicted(1, 1, 2)]);
    /// ```
    ConfusionMatrixSettings, "confusion_matrix", Confusion,
    |_settings| Confusion::new(Self::NAME, |matrix| ratio(matrix.right(), matrix.all())).shown()
}
