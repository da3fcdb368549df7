//! Linear support vector classification.

use super::dot;
use super::loss::sigmoid;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// Linear support vector machine for two classes, by Pegasos.
    ///
    /// Each step t shrinks the weights by 1 - 1/t, moves them by y·x / (λ t) where the margin is below 1, and keeps them
    /// in the ball of radius 1/√λ that must hold the best ones. Predicts the sigmoid of the margin, which is no calibrated
    /// probability. Scale the columns first. Memory: 8 bytes a column. Source: S. Shalev-Shwartz, Y. Singer, N. Srebro,
    /// "Pegasos: Primal Estimated sub-GrAdient SOlver for SVM", ICML 2007; the intercept is the weight of a column
    /// of ones (section 6), and the first step is the second of the schedule, as in MOA's `SPegasos`.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::LinearSvcSettings};
    /// let mut model = LinearSvcSettings { lambda: 0.01, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..2000 {
    ///     let x = f64::from(step % 10) - 4.5;
    ///     model.learn(&Features::row(&[x]), Labels::Classes(&[u32::from(x > 0.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[-2.0, 2.0], 1), &mut out)?;
    /// assert!(out.values()[0] < 0.3 && out.values()[1] > 0.7);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    LinearSvcSettings {
        /// λ, the strength of the penalty on squared weights, above 0. Default 1e-4.
        #[schemars(extend("exclusiveMinimum" = 0))]
        lambda: f64 = 1e-4,
        /// Whether to learn an intercept. Default true.
        learn_intercept: bool = true,
    }
}

impl LinearSvcSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> LinearSvc {
        let weights = vec![0.0; signature.width()].into_boxed_slice();
        LinearSvc { settings: self.clone(), step: 2.0, weights, intercept: 0.0 }
    }
}

/// The model behind [`LinearSvcSettings`].
#[derive(Debug, Clone)]
pub struct LinearSvc {
    settings: LinearSvcSettings,
    step: f64,
    weights: Box<[f64]>,
    intercept: f64,
}

stateful!(LinearSvc, "linear_svc", 1: step, weights, intercept);
mergeable!(LinearSvc);

impl LinearSvc {
    fn margin(&self, row: &[f64]) -> f64 {
        dot(&self.weights, row) + self.intercept
    }

    /// The mean of both, weighted by their steps.
    fn absorb(&mut self, other: &Self) {
        let (mine, theirs) = (self.step - 2.0, other.step - 2.0);
        let share = if mine + theirs > 0.0 { theirs / (mine + theirs) } else { 0.0 };
        self.weights.iter_mut().zip(&other.weights).for_each(|(weight, other)| *weight += (other - *weight) * share);
        self.intercept += (other.intercept - self.intercept) * share;
        self.step += theirs;
    }
}

impl ByRow for LinearSvc {
    facts!(BinaryClassification, merges; width: weights.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(sigmoid(self.margin(row)));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let y = if truth == Some(Truth::Class(1)) { 1.0 } else { -1.0 };
        let lambda = self.settings.lambda;
        let mut move_by = if y * self.margin(row) < 1.0 { y * weight / (lambda * self.step) } else { 0.0 };
        let length = row.iter().filter(|x| x.is_finite()).map(|x| x * x).sum::<f64>();
        if !(move_by * move_by * length).is_finite() {
            // One absurd row must not ruin the model for good.
            move_by = 0.0;
        }
        let keep = 1.0 - 1.0 / self.step;
        for (held, x) in self.weights.iter_mut().zip(row) {
            *held = *held * keep + if x.is_finite() { move_by * x } else { 0.0 };
        }
        if self.settings.learn_intercept {
            self.intercept = self.intercept * keep + move_by;
        }
        let squares = self.weights.iter().map(|weight| weight * weight).sum::<f64>();
        let norm = (squares + self.intercept * self.intercept).sqrt();
        let radius = 1.0 / lambda.sqrt();
        if norm > radius {
            self.weights.iter_mut().for_each(|weight| *weight *= radius / norm);
            self.intercept *= radius / norm;
        }
        self.step += 1.0;
    }
}
