//! The mean negative logarithm of the probability given to the true class.

use super::{Means, metric_settings};
use crate::Task;

metric_settings! {
    /// The mean of −ln(probability given to the true class), 0 or above; lower is better.
    ///
    /// Probabilities are kept within [1e-15, 1 − 1e-15], so one certain mistake costs 34.5. Source:
    /// `metrics.LogLoss` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{LogLossSettings, Metric}};
    /// let mut log_loss = LogLossSettings::default().whole();
    /// log_loss.update(Truth::Class(1), 0.5.into());
    /// assert_eq!(log_loss.value(), 0.6931471805599453);
    /// ```
    LogLossSettings, "log_loss", Means,
    |_settings| Means::new(Self::NAME, Task::is_classification, |truth, prediction| {
        let probability = prediction.probability(truth.class().unwrap_or(0));
        -libm::log(probability.clamp(1e-15, 1.0 - 1e-15))
    })
}
