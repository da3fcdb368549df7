//! Matthews' correlation coefficient.

use super::{Confusion, metric_settings, ratio};

metric_settings! {
    /// Matthews' correlation coefficient between truth and prediction, in [-1, 1]; 0 is chance.
    ///
    /// Among many classes the form of Gorodkin. Source: B. W. Matthews, 1975; J. Gorodkin, "Comparing Two K-Category
    /// Assignments by a K-Category Correlation Coefficient", 2004; `metrics.MCC` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{MccSettings, Metric}};
    /// let mut mcc = MccSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (1, 0.8), (1, 0.7), (0, 0.8)] {
    ///     mcc.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(mcc.value(), 0.0); // always the same prediction
    /// ```
    MccSettings, "mcc", Confusion,
    |_settings| Confusion::new(Self::NAME, |matrix| {
        let all = matrix.all();
        let products: f64 = matrix.seen().map(|class| matrix.truths(class) * matrix.predicted(class)).sum();
        let truths: f64 = matrix.seen().map(|class| matrix.truths(class).powi(2)).sum();
        let predicted: f64 = matrix.seen().map(|class| matrix.predicted(class).powi(2)).sum();
        ratio(matrix.right() * all - products, ((all * all - predicted) * (all * all - truths)).sqrt())
    })
}
