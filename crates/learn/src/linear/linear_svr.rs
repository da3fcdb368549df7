//! Linear support vector regression.

use super::descent::descent_settings;
use super::{EpsilonInsensitive, Optimizer, RegressionLoss};

descent_settings! {
    /// Linear support vector regression: gradient descent on the epsilon-insensitive loss with a penalty on squared
    /// weights.
    ///
    /// Predicts a number. Scale the columns first (`standard_scaler`). Defaults: optimizer `{sgd: {lr: 0.01}}`,
    /// `tube` `{epsilon: 0.1}`, `intercept_lr` 0.01; set `l2` for the margin. Memory: 8 bytes a column. Source:
    /// `linear_model.SGDRegressor(loss="epsilon_insensitive")` of scikit-learn with a constant learning rate.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::LinearSvrSettings};
    /// let mut model = LinearSvrSettings { intercept_lr: 0.1, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..2000 {
    ///     let x = f64::from(step % 5);
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[2.0 * x + 1.0]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[3.0]), &mut out)?;
    /// assert!((out.values()[0] - 7.0).abs() < 0.3);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    LinearSvrSettings => LinearSvr, "linear_svr",
    {
        /// The tube around the prediction in which errors cost nothing. Default `{epsilon: 0.1}`.
        tube: EpsilonInsensitive
    }
    defaults: Optimizer::default(), 0.01
    minimises: RegressionLoss = |settings| RegressionLoss::EpsilonInsensitive(settings.tube.clone())
}
