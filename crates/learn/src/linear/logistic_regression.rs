//! Logistic regression by gradient descent.

use super::descent::descent_settings;
use super::{BinaryLoss, Optimizer};

descent_settings! {
    /// Logistic regression by gradient descent.
    ///
    /// Predicts the probability of the positive class. Scale the columns first (`standard_scaler`). Defaults:
    /// optimizer `{sgd: {lr: 0.01}}`, loss `log`, `intercept_lr` 0.01. Memory: 8 bytes a column, 8 to 16 more with an
    /// optimizer other than `sgd`, 8 more with `l1`. Source: `linear_model.LogisticRegression` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::LogisticRegressionSettings};
    /// let mut model = LogisticRegressionSettings::default().build(&Signature::numeric(1));
    /// for step in 0..2000 {
    ///     let x = f64::from(step % 10) - 4.5;
    ///     model.learn(&Features::row(&[x]), Labels::Classes(&[u32::from(x > 0.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[-2.0, 2.0], 1), &mut out)?;
    /// assert!(out.values()[0] < 0.1 && out.values()[1] > 0.9);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    LogisticRegressionSettings => LogisticRegression, "logistic_regression",
    {
        /// What is minimised. Default `log`.
        loss: BinaryLoss
    }
    defaults: Optimizer::default(), 0.01
    minimises: BinaryLoss = |settings| settings.loss.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Labels, Learner, Model, Predictions, Signature};

    #[test]
    fn the_first_steps_by_hand() {
        let mut model = LogisticRegressionSettings::default().build(&Signature::numeric(1));
        model.learn(&Features::row(&[2.0]), Labels::Classes(&[1])).unwrap();
        // gradient -1 / (e^0 + 1) = -0.5
        assert_eq!((model.weights(), model.intercept()), (&[0.01][..], 0.005));
        let mut out = Predictions::default();
        model.predict(&Features::row(&[f64::NAN]), &mut out).unwrap();
        assert!((out.values()[0] - 0.50125).abs() < 1e-6);
        out.clear();
        model.predict(&Features::new(&[1e300, -1e300], 1), &mut out).unwrap();
        assert_eq!(out.values(), [1.0, 0.0]);
    }

    #[test]
    fn both_penalties_together_are_refused() {
        let settings = LogisticRegressionSettings { l1: 0.1, l2: 0.1, ..Default::default() };
        assert!(settings.check().unwrap_err().contains("cannot be used together"));
    }
}
