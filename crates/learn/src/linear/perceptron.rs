//! The perceptron.

use super::descent::descent_settings;
use super::{BinaryLoss, Hinge, Optimizer};

descent_settings! {
    /// The perceptron: a step of size 1 on every mistake.
    ///
    /// Predicts the sigmoid of the weighted sum, which is no calibrated probability. Defaults: optimizer
    /// `{sgd: {lr: 1}}`, `intercept_lr` 1. Memory: 8 bytes a column. Source: F. Rosenblatt, "The Perceptron", 1958;
    /// `linear_model.Perceptron` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::PerceptronSettings};
    /// let mut model = PerceptronSettings::default().build(&Signature::numeric(2));
    /// for (row, class) in [([1.0, 0.0], 1), ([0.0, 1.0], 0), ([1.0, 0.1], 1), ([0.1, 1.0], 0)].repeat(3) {
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?;
    /// }
    /// assert_eq!(model.weights(), [1.0, -1.0]);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    PerceptronSettings => Perceptron, "perceptron", {}
    defaults: Optimizer::sgd(1.0), 1.0
    // A step for what is wrong or undecided.
    minimises: BinaryLoss = |_settings| BinaryLoss::Hinge(Hinge { threshold: 0.0 })
}
