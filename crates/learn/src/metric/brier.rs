//! The mean squared error of probabilities.

use super::{Means, metric_settings};
use crate::{Prediction, Task};

metric_settings! {
    /// The Brier score: the mean squared difference between probability and truth; lower is better.
    ///
    /// For two classes that of the positive one, in [0, 1]; among many the sum over all classes, in [0, 2], as Brier
    /// defined it. Source: G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950;
    /// `metrics.brier_score_loss` of scikit-learn.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{BrierSettings, Metric}};
    /// let mut brier = BrierSettings::default().whole();
    /// brier.update(Truth::Class(1), 0.5.into());
    /// brier.update(Truth::Class(0), 0.0.into());
    /// assert_eq!(brier.value(), 0.125);
    /// ```
    BrierSettings, "brier", Means,
    |_settings| Means::new(Self::NAME, Task::is_classification, |truth, prediction| match prediction {
        Prediction::Number(probability) => (probability - truth.number()).powi(2),
        several => {
            let classes = several.numbers();
            let truth = truth.class().unwrap_or(0) as usize;
            let unknown = f64::from(u8::from(truth >= classes.len()));
            let square = |(class, probability): (usize, &f64)| (probability - f64::from(u8::from(class == truth))).powi(2);
            classes.iter().enumerate().map(square).sum::<f64>() + unknown
        }
    })
}
