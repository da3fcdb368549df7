//! Gradient boosted trees for values.

use super::boost::{Boost, boosting_settings};
use super::value_tree::ValueTree;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

boosting_settings! {
    /// Streaming gradient boosted trees for regression: Hoeffding trees that each learn the error which the trees before it
    /// left over, in standard deviations of the label.
    ///
    /// Predicts a number. Takes nominal columns. Memory: `n_models` trees of at most `max_size`. Source: N. Gunasekara and
    /// others, "Gradient Boosted Trees for Evolving Data Streams", Machine Learning 113 (2024).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::GradientBoostingRegressorSettings};
    /// let mut model = GradientBoostingRegressorSettings::default().build(&Signature::numeric(1));
    /// for step in 0..4000_u32 {
    ///     let x = f64::from(step * 7 % 100) / 100.0;
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[if x < 0.5 { 10.0 } else { 20.0 }]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[0.2, 0.8], 1), &mut out)?;
    /// assert!((out.values()[0] - 10.0).abs() < 1.0 && (out.values()[1] - 20.0).abs() < 1.0);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    GradientBoostingRegressorSettings of "trees", held back: false
}

impl GradientBoostingRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> GradientBoostingRegressor {
        let boost = self.boost(signature);
        let trees = boost.trees().into();
        GradientBoostingRegressor { boost, rows: 0.0, mean: 0.0, squares: 0.0, trees }
    }
}

/// The model behind [`GradientBoostingRegressorSettings`].
#[derive(Debug, Clone)]
pub struct GradientBoostingRegressor {
    boost: Boost,
    rows: f64,
    /// Of the label.
    mean: f64,
    squares: f64,
    trees: Box<[ValueTree]>,
}

stateful!(GradientBoostingRegressor, "gradient_boosting_regressor", 1: rows, mean, squares, trees);

impl GradientBoostingRegressor {
    /// The label's standard deviation; 1 while it has not varied.
    fn scale(&self) -> f64 {
        let deviation = (self.squares / (self.rows - 1.0)).sqrt();
        if self.rows > 1.0 && deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 }
    }
}

impl ByRow for GradientBoostingRegressor {
    facts!(Regression, takes_nominal; width: boost.kinds.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(self.mean + self.scale() * self.boost.predict(&self.trees, row));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(Truth::Value(y)) = truth else { return };
        self.rows += 1.0;
        let apart = y - self.mean;
        self.mean += apart / self.rows;
        self.squares += apart * (y - self.mean);
        let target = (y - self.mean) / self.scale();
        self.boost.learn(&mut self.trees, row, weight, |sum| (sum - target, 1.0));
    }
}
