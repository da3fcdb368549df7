//! Agreement beyond chance.

use super::{Confusion, metric_settings};

metric_settings! {
    /// Cohen's kappa: how far predictions agree with the truth beyond chance, at most 1; 0 is chance. Null while truth
    /// and predictions have been one class alone.
    ///
    /// Source: J. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960; `metrics.CohenKappa` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{KappaSettings, Metric}};
    /// let mut kappa = KappaSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (0, 0.2), (1, 0.3), (0, 0.4)] {
    ///     kappa.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(kappa.value(), 0.5); // three of four right, two of four by chance
    /// ```
    KappaSettings, "kappa", Confusion,
    |_settings| Confusion::new(Self::NAME, |matrix| {
        let all = matrix.all();
        if all == 0.0 {
            return 0.0;
        }
        let chance = |class| matrix.truths(class) / all * (matrix.predicted(class) / all);
        let (observed, expected) = (matrix.right() / all, matrix.seen().map(chance).sum::<f64>());
        if expected == 1.0 { f64::NAN } else { (observed - expected) / (1.0 - expected) }
    })
}
