//! Logistic regression by stochastic gradient descent.

use super::descent::{Descent, Optimizer, Restraint, check_penalties};
use crate::traits::check_width;
use crate::{
    Features, Labels, LearnError, Learner, Model, Predictions, StateError, StateReader, StateWriter, Stateful, Task,
};

/// Logistic regression by stochastic gradient descent on the log loss.
///
/// Predicts the probability of the positive class. Scale the columns first (`standard_scaler`). Memory: 8 bytes a
/// column, 16 with `l1`. Source: `linear_model.LogisticRegression` of River.
///
/// ```
/// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, linear::LogisticRegressionSettings};
/// let mut model = LogisticRegressionSettings::default().build(1);
/// for step in 0..2000 {
///     let x = f64::from(step % 10) - 4.5;
///     model.learn(&Features::row(&[x]), Labels::Classes(&[u32::from(x > 0.0)]))?;
/// }
/// let mut out = Predictions::default();
/// model.predict(&Features::new(&[-2.0, 2.0], 1), &mut out)?;
/// assert!(out.values()[0] < 0.1 && out.values()[1] > 0.9);
/// # Ok::<(), gristmill_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticRegressionSettings {
    /// How weights follow the gradient. Default `{sgd: {lr: 0.01}}`.
    pub optimizer: Optimizer,
    /// What is minimised. Default `log`.
    pub loss: LogisticLoss,
    /// Strength of the penalty on squared weights, 0 or above. Default 0.
    #[schemars(extend("minimum" = 0))]
    pub l2: f64,
    /// Strength of the penalty on absolute weights, 0 or above; not together with `l2`. Default 0.
    #[schemars(extend("minimum" = 0))]
    pub l1: f64,
    /// The intercept to start from, in log odds. Default 0.
    pub intercept_init: f64,
    /// The learning rate of the intercept, 0 or above; 0 keeps it where it is. Default 0.01.
    #[schemars(extend("minimum" = 0))]
    pub intercept_lr: f64,
    /// The largest absolute gradient of the loss that is followed. Default 1e12.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_gradient: f64,
}

/// The losses that logistic regression can minimise.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogisticLoss {
    /// The log loss, also called cross-entropy.
    Log(LogLoss),
}

impl Default for LogisticLoss {
    fn default() -> Self {
        Self::Log(LogLoss::default())
    }
}

/// The log loss with a weight for each class.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogLoss {
    /// How much a row of the positive class counts, 0 or above. Default 1.
    #[schemars(extend("minimum" = 0))]
    pub weight_pos: f64,
    /// How much a row of the negative class counts, 0 or above. Default 1.
    #[schemars(extend("minimum" = 0))]
    pub weight_neg: f64,
}

impl Default for LogLoss {
    fn default() -> Self {
        Self { weight_pos: 1.0, weight_neg: 1.0 }
    }
}

impl LogLoss {
    /// The derivative by the log odds; beyond 18 in either direction River uses the limit, and so does this.
    fn gradient(&self, positive: bool, log_odds: f64) -> f64 {
        let (sign, weight) = if positive { (1.0, self.weight_pos) } else { (-1.0, self.weight_neg) };
        let z = log_odds * sign;
        if z > 18.0 {
            weight * libm::exp(-z) * -sign
        } else if z < -18.0 {
            weight * -sign
        } else {
            weight * -sign / (libm::exp(z) + 1.0)
        }
    }
}

impl Default for LogisticRegressionSettings {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::default(),
            loss: LogisticLoss::default(),
            l2: 0.0,
            l1: 0.0,
            intercept_init: 0.0,
            intercept_lr: 0.01,
            clip_gradient: 1e12,
        }
    }
}

impl LogisticRegressionSettings {
    /// Whether the settings fit together; the error says which do not.
    pub fn check(&self) -> Result<(), String> {
        check_penalties(self.l1, self.l2)
    }

    /// The model for rows of `width` columns.
    pub fn build(&self, width: usize) -> LogisticRegression {
        let restraint =
            Restraint { l1: self.l1, l2: self.l2, clip_gradient: self.clip_gradient, intercept_lr: self.intercept_lr };
        let LogisticLoss::Log(loss) = self.loss.clone();
        let descent = Descent::new(width, self.optimizer.clone(), restraint, self.intercept_init);
        LogisticRegression { loss, descent }
    }
}

/// The model behind [`LogisticRegressionSettings`].
#[derive(Debug, Clone)]
pub struct LogisticRegression {
    loss: LogLoss,
    descent: Descent,
}

impl LogisticRegression {
    /// The weight of each column, in log odds.
    pub fn weights(&self) -> &[f64] {
        self.descent.weights()
    }

    /// The log odds of a row of zeros.
    pub fn intercept(&self) -> f64 {
        self.descent.intercept()
    }
}

const NAME: &str = "logistic_regression";

/// 1 / (1 + e^-x), written so that it never overflows.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

impl Model for LogisticRegression {
    fn task(&self) -> Task {
        Task::BinaryClassification
    }

    fn width(&self) -> usize {
        self.descent.weights().len()
    }

    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError> {
        check_width(self.width(), rows)?;
        rows.rows().for_each(|row| out.push(sigmoid(self.descent.dot(row))));
        Ok(())
    }
}

impl Learner for LogisticRegression {
    fn learn(&mut self, rows: &Features<'_>, labels: Labels<'_>) -> Result<(), LearnError> {
        check_width(self.width(), rows)?;
        let Labels::Classes(classes) = labels else {
            return Err(LearnError::Labels(self.task()));
        };
        for (row, class) in rows.rows().zip(classes) {
            let gradient = self.loss.gradient(*class == 1, self.descent.dot(row));
            self.descent.step(row, gradient);
        }
        Ok(())
    }
}

impl Stateful for LogisticRegression {
    fn save(&self, to: &mut StateWriter) {
        self.descent.save(NAME, to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.descent.load(NAME, from)
    }

    fn size(&self) -> usize {
        size_of::<LogLoss>() + self.descent.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let loss = LogLoss { weight_pos: 2.0, weight_neg: 0.5 };
        for (positive, z, expected) in [
            (true, 0.0, -1.0),
            (false, 0.0, 0.25),
            (true, -20.0, -2.0),
            (false, 20.0, 0.5),
            (true, 20.0, -2.0 * libm::exp(-20.0)),
        ] {
            assert!((loss.gradient(positive, z) - expected).abs() < 1e-15, "{positive} {z}");
        }
    }

    #[test]
    fn values_are_refused() {
        let mut model = LogisticRegressionSettings::default().build(1);
        let refused = model.learn(&Features::row(&[2.0]), Labels::Values(&[1.0]));
        assert_eq!(refused, Err(LearnError::Labels(Task::BinaryClassification)));
    }

    #[test]
    fn the_sigmoid_is_symmetric_and_bounded() {
        for x in [0.0, 0.5, 3.0, 30.0, 800.0] {
            assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() < 1e-15);
        }
        assert_eq!((sigmoid(-1e9), sigmoid(1e9)), (0.0, 1.0));
    }
}
