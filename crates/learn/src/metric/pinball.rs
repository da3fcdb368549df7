//! The loss of a predicted quantile.

use super::{Means, metric_settings};

metric_settings! {
    /// The pinball loss: how well a prediction follows a quantile, in the label's unit; lower is better.
    ///
    /// A truth above the prediction costs `alpha` times the difference, one below 1 - `alpha` times. Source:
    /// `metrics.mean_pinball_loss` of scikit-learn.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, PinballSettings}};
    /// let mut pinball = PinballSettings::default().whole();
    /// pinball.update(Truth::Value(3.0), 1.0.into());
    /// pinball.update(Truth::Value(1.0), 3.0.into());
    /// assert_eq!(pinball.value(), 1.0);
    /// ```
    PinballSettings, "pinball", Means,
    {
        /// The quantile that is predicted, in (0, 1). Default 0.5, the median.
        alpha: f64 = 0.5,
    }
    |settings| {
        let alpha = settings.alpha;
        Means::of_values(Self::NAME, move |truth, prediction| {
            let error = truth - prediction;
            if error >= 0.0 { alpha * error } else { (alpha - 1.0) * error }
        })
    }
}
