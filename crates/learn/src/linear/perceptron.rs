//! The perceptron.

use super::descent::{Descent, descent_settings};
use super::loss::sigmoid;
use super::{BinaryLoss, Hinge, Optimizer};
use crate::{Merge, Predictions, Signature, Task, Truth, traits::ByRow};

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
}

/// The model behind [`PerceptronSettings`].
#[derive(Debug, Clone)]
pub struct Perceptron {
    descent: Descent,
}

/// A step for what is wrong or undecided.
const LOSS: BinaryLoss = BinaryLoss::Hinge(Hinge { threshold: 0.0 });

impl PerceptronSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Perceptron {
        Perceptron { descent: self.descent(signature) }
    }
}

impl ByRow for Perceptron {
    fn task(&self) -> Task {
        Task::BinaryClassification
    }

    fn width(&self) -> usize {
        self.weights().len()
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(sigmoid(self.descent.dot(row)));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let gradient = LOSS.gradient(truth == Some(Truth::Class(1)), self.descent.dot(row));
        self.descent.step(row, gradient * weight);
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        Some(self)
    }
}
