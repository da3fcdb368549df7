//! Linear regression by stochastic gradient descent.

use super::descent::{Descent, Optimizer, Restraint, check_penalties};
use crate::traits::check_width;
use crate::{
    Features, Labels, LearnError, Learner, Model, Predictions, StateError, StateReader, StateWriter, Stateful, Task,
};

/// Linear regression by stochastic gradient descent on the squared loss.
///
/// Predicts a number. Scale the columns first (`standard_scaler`), or steps overshoot. Memory: 8 bytes a column,
/// 16 with `l1`. Source: `linear_model.LinearRegression` of River.
///
/// ```
/// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, linear::LinearRegressionSettings};
/// let mut model = LinearRegressionSettings { intercept_lr: 0.1, ..Default::default() }.build(1);
/// for step in 0..1000 {
///     let x = f64::from(step % 5);
///     model.learn(&Features::row(&[x]), Labels::Values(&[2.0 * x + 1.0]))?;
/// }
/// let mut out = Predictions::default();
/// model.predict(&Features::row(&[3.0]), &mut out)?;
/// assert!((out.values()[0] - 7.0).abs() < 1e-3);
/// # Ok::<(), gristmill_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinearRegressionSettings {
    /// How weights follow the gradient. Default `{sgd: {lr: 0.01}}`.
    pub optimizer: Optimizer,
    /// Strength of the penalty on squared weights, 0 or above. Default 0.
    #[schemars(extend("minimum" = 0))]
    pub l2: f64,
    /// Strength of the penalty on absolute weights, 0 or above; not together with `l2`. Default 0.
    #[schemars(extend("minimum" = 0))]
    pub l1: f64,
    /// The intercept to start from. Default 0.
    pub intercept_init: f64,
    /// The learning rate of the intercept, 0 or above; 0 keeps it where it is. Default 0.01.
    #[schemars(extend("minimum" = 0))]
    pub intercept_lr: f64,
    /// The largest absolute gradient of the loss that is followed. Default 1e12.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_gradient: f64,
}

impl Default for LinearRegressionSettings {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::default(),
            l2: 0.0,
            l1: 0.0,
            intercept_init: 0.0,
            intercept_lr: 0.01,
            clip_gradient: 1e12,
        }
    }
}

impl LinearRegressionSettings {
    /// Whether the settings fit together; the error says which do not.
    pub fn check(&self) -> Result<(), String> {
        check_penalties(self.l1, self.l2)
    }

    /// The model for rows of `width` columns.
    pub fn build(&self, width: usize) -> LinearRegression {
        let restraint =
            Restraint { l1: self.l1, l2: self.l2, clip_gradient: self.clip_gradient, intercept_lr: self.intercept_lr };
        LinearRegression { descent: Descent::new(width, self.optimizer.clone(), restraint, self.intercept_init) }
    }
}

/// The model behind [`LinearRegressionSettings`].
#[derive(Debug, Clone)]
pub struct LinearRegression {
    descent: Descent,
}

impl LinearRegression {
    /// The weight of each column.
    pub fn weights(&self) -> &[f64] {
        self.descent.weights()
    }

    /// The prediction for a row of zeros.
    pub fn intercept(&self) -> f64 {
        self.descent.intercept()
    }
}

const NAME: &str = "linear_regression";

impl Model for LinearRegression {
    fn task(&self) -> Task {
        Task::Regression
    }

    fn width(&self) -> usize {
        self.descent.weights().len()
    }

    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError> {
        check_width(self.width(), rows)?;
        rows.rows().for_each(|row| out.push(self.descent.dot(row)));
        Ok(())
    }
}

impl Learner for LinearRegression {
    fn learn(&mut self, rows: &Features<'_>, labels: Labels<'_>) -> Result<(), LearnError> {
        check_width(self.width(), rows)?;
        let Labels::Values(values) = labels else {
            return Err(LearnError::Labels(self.task()));
        };
        for (row, y) in rows.rows().zip(values).filter(|(_, y)| y.is_finite()) {
            // River's squared loss: the derivative of (prediction - y)^2.
            let gradient = 2.0 * (self.descent.dot(row) - y);
            self.descent.step(row, gradient);
        }
        Ok(())
    }
}

impl Stateful for LinearRegression {
    fn save(&self, to: &mut StateWriter) {
        self.descent.save(NAME, to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.descent.load(NAME, from)
    }

    fn size(&self) -> usize {
        self.descent.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_by_hand() {
        let mut model = LinearRegressionSettings::default().build(1);
        model.learn(&Features::row(&[2.0]), Labels::Values(&[1.0])).unwrap();
        // gradient 2 * (0 - 1) = -2: weight 0 + 0.01 * 2 * 2, intercept 0 + 0.01 * 2
        assert_eq!((model.weights(), model.intercept()), (&[0.04][..], 0.02));
        model.learn(&Features::row(&[f64::NAN]), Labels::Values(&[f64::NAN])).unwrap();
        assert_eq!((model.weights(), model.intercept()), (&[0.04][..], 0.02));
    }

    #[test]
    fn classes_are_refused() {
        let mut model = LinearRegressionSettings::default().build(1);
        let refused = model.learn(&Features::row(&[2.0]), Labels::Classes(&[1]));
        assert_eq!(refused, Err(LearnError::Labels(Task::Regression)));
    }
}
