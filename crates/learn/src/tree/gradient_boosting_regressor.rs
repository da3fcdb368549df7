//! Gradient boosted trees for values.

use super::boost::Boost;
use super::value_tree::ValueTree;
use super::{HoeffdingTreeRegressorSettings, ValueLeafPrediction};
use crate::state::stateful;
use crate::traits::ByRow;
use crate::{Predictions, Signature, Task, Truth};

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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientBoostingRegressorSettings {
    /// The number of trees, 1 to 1,000. Default 50.
    #[schemars(range(min = 1, max = 1000))]
    pub n_models: usize,
    /// How much of each tree's answer counts, in (0, 1]. Default 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub learning_rate: f64,
    /// The weight of rows between two attempts to split a leaf, above 0. Default 50.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub grace_period: f64,
    /// How deep each tree may grow, 1 to 1,000. Default 6.
    #[schemars(range(min = 1, max = 1000))]
    pub max_depth: usize,
    /// The chance of a wrong split, in (0, 1). Default 0.01.
    #[schemars(range(min = 0, max = 1))]
    pub delta: f64,
    /// The bound below which two columns count as equally good, 0 or above. Default 0.05.
    #[schemars(extend("minimum" = 0))]
    pub tau: f64,
    /// The decimal places to which numbers are rounded before splits are looked for, 0 to 10. Default 2.
    #[schemars(range(min = 0, max = 10))]
    pub digits: u32,
    /// How far a leaf goes towards what each of its rows asks, in [0, 1]; 0 takes the mean of all its rows. Default 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub forget: f64,
    /// The most memory of each tree, in MiB, above 0. Default 10.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_size: f64,
}

impl Default for GradientBoostingRegressorSettings {
    fn default() -> Self {
        Self {
            n_models: 50,
            learning_rate: 0.1,
            grace_period: 50.0,
            max_depth: 6,
            delta: 0.01,
            tau: 0.05,
            digits: 2,
            forget: 0.1,
            max_size: 10.0,
        }
    }
}

impl GradientBoostingRegressorSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> GradientBoostingRegressor {
        let tree = HoeffdingTreeRegressorSettings {
            grace_period: self.grace_period,
            max_depth: self.max_depth,
            delta: self.delta,
            tau: self.tau,
            leaf_prediction: ValueLeafPrediction::Mean,
            digits: self.digits,
            max_size: self.max_size,
            ..HoeffdingTreeRegressorSettings::default()
        };
        let mut growth = tree.growth();
        growth.forget = self.forget;
        let boost =
            Boost { rate: self.learning_rate, kinds: signature.kinds().to_vec(), growth, count: self.n_models.max(1) };
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
    fn task(&self) -> Task {
        Task::Regression
    }

    fn width(&self) -> usize {
        self.boost.kinds.len()
    }

    fn takes_nominal(&self) -> bool {
        true
    }

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
