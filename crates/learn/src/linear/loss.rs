//! The losses of linear models. Source: `optim.losses` of River.

use crate::settings::settings;
use crate::{Task, Truth};

/// The losses of a regression.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RegressionLoss {
    /// `(prediction - y)²`: follows the mean.
    #[default]
    Squared,
    /// `|prediction - y|`: follows the median.
    Absolute,
    /// Squared near 0 and absolute beyond: outliers count less.
    Huber(Huber),
    /// The pinball loss: follows a quantile.
    Quantile(Quantile),
    /// Absolute, and 0 within a tube: what a support vector machine minimises.
    EpsilonInsensitive(EpsilonInsensitive),
}

settings! {
    /// P. J. Huber, "Robust Estimation of a Location Parameter", 1964.
    Huber {
        /// The error from which on the loss is absolute, above 0. Default 0.1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        epsilon: f64 = 0.1,
    }
}

settings! {
    /// R. Koenker, G. Bassett, "Regression Quantiles", 1978.
    Quantile {
        /// The quantile to follow, in (0, 1). Default 0.5, the median.
        #[schemars(range(min = 0, max = 1))]
        alpha: f64 = 0.5,
    }
}

settings! {
    /// V. Vapnik, "The Nature of Statistical Learning Theory", 1995.
    EpsilonInsensitive {
        /// The error that costs nothing, 0 or above. Default 0.1.
        #[schemars(extend("minimum" = 0))]
        epsilon: f64 = 0.1,
    }
}

impl RegressionLoss {
    /// The derivative by the prediction.
    pub(super) fn gradient(&self, y: f64, prediction: f64) -> f64 {
        let error = prediction - y;
        match self {
            Self::Squared => 2.0 * error,
            Self::Absolute => {
                if error > 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
            Self::Huber(Huber { epsilon }) => error.clamp(-epsilon, *epsilon),
            Self::Quantile(Quantile { alpha }) => f64::from(u8::from(error > 0.0)) - alpha,
            Self::EpsilonInsensitive(EpsilonInsensitive { epsilon }) if error.abs() > *epsilon => error.signum(),
            Self::EpsilonInsensitive(_) => 0.0,
        }
    }
}

/// The losses of a classification into two classes.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BinaryLoss {
    /// The log loss, also called cross-entropy.
    Log(LogLoss),
    /// The hinge loss: what is right by a margin costs nothing.
    Hinge(Hinge),
}

impl Default for BinaryLoss {
    fn default() -> Self {
        Self::Log(LogLoss::default())
    }
}

settings! {
    /// The log loss with a weight for each class.
    LogLoss {
        /// How much a row of the positive class counts, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        weight_pos: f64 = 1.0,
        /// How much a row of the negative class counts, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        weight_neg: f64 = 1.0,
    }
}

settings! {
    /// The hinge loss.
    Hinge {
        /// The margin, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        threshold: f64 = 1.0,
    }
}

impl BinaryLoss {
    /// The derivative by the log odds; beyond 18 in either direction this is the log loss's limit, as in River.
    pub(super) fn gradient(&self, positive: bool, log_odds: f64) -> f64 {
        let sign = if positive { 1.0 } else { -1.0 };
        let margin = sign * log_odds;
        match self {
            Self::Log(LogLoss { weight_pos, weight_neg }) => {
                let weight = if positive { weight_pos } else { weight_neg };
                if margin > 18.0 {
                    weight * crate::exponential::exp(-margin) * -sign
                } else if margin < -18.0 {
                    weight * -sign
                } else {
                    weight * -sign / (crate::exponential::exp(margin) + 1.0)
                }
            }
            Self::Hinge(Hinge { threshold }) if margin <= *threshold => -sign,
            Self::Hinge(_) => 0.0,
        }
    }
}

/// The loss of a linear model: its task, and the meaning of its weighted sums.
pub(super) trait Loss {
    /// The task.
    const TASK: Task;
    /// The prediction of a weighted sum.
    fn predicted(sum: f64) -> f64;
    /// The derivative by the weighted sum.
    fn slope(&self, truth: Option<Truth>, sum: f64) -> f64;
}

impl Loss for RegressionLoss {
    const TASK: Task = Task::Regression;

    fn predicted(sum: f64) -> f64 {
        sum
    }

    fn slope(&self, truth: Option<Truth>, sum: f64) -> f64 {
        self.gradient(truth.map_or(f64::NAN, Truth::number), sum)
    }
}

impl Loss for BinaryLoss {
    const TASK: Task = Task::BinaryClassification;

    fn predicted(sum: f64) -> f64 {
        sigmoid(sum)
    }

    fn slope(&self, truth: Option<Truth>, sum: f64) -> f64 {
        self.gradient(truth == Some(Truth::Class(1)), sum)
    }
}

/// The probability of log odds.
pub(super) fn sigmoid(log_odds: f64) -> f64 {
    if log_odds < -700.0 { 0.0 } else { 1.0 / (1.0 + crate::exponential::exp(-log_odds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients() {
        let regression = |loss: RegressionLoss| [-2.0, 0.05, 2.0].map(|prediction| loss.gradient(0.0, prediction));
        assert_eq!(regression(RegressionLoss::Squared), [-4.0, 0.1, 4.0]);
        assert_eq!(regression(RegressionLoss::Absolute), [-1.0, 1.0, 1.0]);
        assert_eq!(regression(RegressionLoss::Huber(Huber::default())), [-0.1, 0.05, 0.1]);
        assert_eq!(regression(RegressionLoss::Quantile(Quantile { alpha: 0.75 })), [-0.75, 0.25, 0.25]);
        assert_eq!(regression(RegressionLoss::EpsilonInsensitive(EpsilonInsensitive::default())), [-1.0, 0.0, 1.0]);
        let log = BinaryLoss::Log(LogLoss { weight_pos: 2.0, weight_neg: 1.0 });
        assert_eq!((log.gradient(true, 0.0), log.gradient(false, 0.0)), (-1.0, 0.5));
        assert_eq!((log.gradient(true, -20.0), log.gradient(false, 20.0)), (-2.0, 1.0));
        let hinge = BinaryLoss::Hinge(Hinge::default());
        assert_eq!([0.5, 1.0, 1.5].map(|odds| hinge.gradient(true, odds)), [-1.0, -1.0, 0.0]);
    }
}
