//! Linear regression by gradient descent.

use super::descent::descent_settings;
use super::{Optimizer, RegressionLoss};

descent_settings! {
    /// Linear regression by gradient descent.
    ///
    /// Predicts a number. Scale the columns first (`standard_scaler`), or steps overshoot. They overshoot, too, where a row
    /// is so far out that `lr · |x|²` is above 1: ten standard deviations at the default, or a column that was the same
    /// for n rows and then changes (√n). `optimizer: adam` and the loss `huber` bound the step. Defaults: optimizer
    /// `{sgd: {lr: 0.01}}`, loss `squared`, `intercept_lr` 0.01. Memory: 8 bytes a column, 8 to 16 more with an
    /// optimizer other than `sgd`, 8 more with `l1`. Source: `linear_model.LinearRegression` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::LinearRegressionSettings};
    /// let settings = LinearRegressionSettings { intercept_lr: 0.1, ..Default::default() };
    /// let mut model = settings.build(&Signature::numeric(1));
    /// for step in 0..1000 {
    ///     let x = f64::from(step % 5);
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[2.0 * x + 1.0]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[3.0]), &mut out)?;
    /// assert!((out.values()[0] - 7.0).abs() < 1e-3);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    LinearRegressionSettings => LinearRegression, "linear_regression",
    {
        /// What is minimised. Default `squared`.
        loss: RegressionLoss
    }
    defaults: Optimizer::default(), 0.01
    minimises: RegressionLoss = |settings| settings.loss.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Labels, LearnError, Learner, Signature, Task};

    #[test]
    fn the_first_steps_by_hand() {
        let mut model = LinearRegressionSettings::default().build(&Signature::numeric(1));
        model.learn(&Features::row(&[2.0]), Labels::Values(&[1.0])).unwrap();
        // gradient 2 * (0 - 1) = -2: weight 0 + 0.01 * 2 * 2, intercept 0 + 0.01 * 2
        assert_eq!((model.weights(), model.intercept()), (&[0.04][..], 0.02));
        model.learn(&Features::row(&[f64::NAN]), Labels::Values(&[f64::NAN])).unwrap();
        assert_eq!((model.weights(), model.intercept()), (&[0.04][..], 0.02));
    }

    #[test]
    fn classes_are_refused() {
        let mut model = LinearRegressionSettings::default().build(&Signature::numeric(1));
        let refused = model.learn(&Features::row(&[2.0]), Labels::Classes(&[1]));
        assert_eq!(refused, Err(LearnError::Labels(Task::Regression)));
    }
}
