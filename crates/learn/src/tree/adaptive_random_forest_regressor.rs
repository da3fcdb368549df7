//! The adaptive random forest for values.

use super::forest::Forest;
use super::settings::forest_settings;
use super::value_tree::ValueTree;
use super::{HoeffdingTreeRegressorSettings, ValueLeafPrediction};
use crate::settings::taken;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{LearnError, Merge, Predictions, Signature, Truth};

/// How the trees' predictions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Their mean.
    Mean,
    /// Their median, which one wild tree cannot move.
    #[default]
    Median,
}

forest_settings! {
    /// The adaptive random forest for regression: Hoeffding trees on random columns and resampled rows, each replaced when
    /// its errors drift.
    ///
    /// Predicts a number. Takes nominal columns. Scale the columns first, or use `leaf_prediction: mean`. Memory: twice
    /// `n_models` trees of at most `max_size`. Source: H. M. Gomes and others, "Adaptive Random Forests for Data Stream
    /// Regression", ESANN 2018; `forest.ARFRegressor` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::AdaptiveRandomForestRegressorSettings};
    /// let mut forest = AdaptiveRandomForestRegressorSettings::default().build(&Signature::numeric(1));
    /// for step in 0..2000_u32 {
    ///     let x = f64::from(step * 7 % 100) / 100.0;
    ///     forest.learn(&Features::row(&[x]), Labels::Values(&[if x < 0.5 { 10.0 } else { 20.0 }]))?;
    /// }
    /// let mut out = Predictions::default();
    /// forest.predict(&Features::new(&[0.2, 0.8], 1), &mut out)?;
    /// assert!((out.values()[0] - 10.0).abs() < 1.0 && (out.values()[1] - 20.0).abs() < 1.0);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    AdaptiveRandomForestRegressorSettings {
        /// How the trees' predictions become one: `mean` or `median`. Default `median`.
        aggregation_method: Aggregation = Aggregation::default(),
    } {} {
        /// How a leaf predicts: `mean`, `model` or `adaptive`. Default `adaptive`.
        leaf_prediction: ValueLeafPrediction = ValueLeafPrediction::default(),
        /// How much of its error a leaf remembers at each row, in [0, 1]. Default 0.95.
        #[schemars(range(min = 0, max = 1))]
        model_selector_decay: f64 = 0.95,
        /// The decimal places to which numbers are rounded before splits are looked for, 0 to 10. Default 1.
        #[schemars(range(min = 0, max = 10))]
        digits: u32 = 1,
        /// The least weight of a branch, 0 or above. Default 5.
        #[schemars(extend("minimum" = 0))]
        min_samples_split: f64 = 5.0,
    } max_size: 500
}

impl AdaptiveRandomForestRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> AdaptiveRandomForestRegressor {
        let tree = taken!(self, HoeffdingTreeRegressorSettings {
            grace_period, max_depth, delta, tau, leaf_prediction, model_selector_decay, digits,
            min_samples_split, max_size;
            ..HoeffdingTreeRegressorSettings::default()
        });
        let mut growth = tree.growth();
        growth.holds_back = true;
        growth.max_features = Some(self.max_features.of(signature.width()));
        let kinds = signature.kinds().to_vec();
        let make = move |random| ValueTree::new(growth.clone(), &kinds, random);
        let detectors = [&self.warning_detector, &self.drift_detector];
        let forest = Forest::new(self.n_models, self.lambda_value, self.seed, detectors, Box::new(make));
        AdaptiveRandomForestRegressor { aggregation: self.aggregation_method, width: signature.width(), forest }
    }
}

/// The model behind [`AdaptiveRandomForestRegressorSettings`].
pub struct AdaptiveRandomForestRegressor {
    aggregation: Aggregation,
    width: usize,
    forest: Forest<ValueTree>,
}

const NAME: &str = "adaptive_random_forest_regressor";
stateful!(AdaptiveRandomForestRegressor, NAME, 1: forest);

impl Merge for AdaptiveRandomForestRegressor {
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError> {
        Ok(self.forest.merge(NAME, saved)?)
    }
}

/// Maps an error to [0, 1], by its position among the tree's errors so far: three standard deviations are 1.
fn normalised(record: &mut [f64; 3], error: f64) -> f64 {
    let [count, mean, squares] = record;
    *count += 1.0;
    let apart = error - *mean;
    *mean += apart / *count;
    *squares += apart * (error - *mean);
    let deviation = if *count > 1.0 { (*squares / (*count - 1.0)).sqrt() } else { 0.0 };
    if deviation > 0.0 && deviation.is_finite() {
        (((error - *mean) / deviation + 3.0) / 6.0).clamp(0.0, 1.0)
    } else {
        0.5
    }
}

impl ByRow for AdaptiveRandomForestRegressor {
    facts!(Regression, takes_nominal, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut values: Vec<f64> = self.forest.trees.iter().map(|member| member.tree.predict(row)).collect();
        if self.aggregation == Aggregation::Mean {
            return out.push(values.iter().sum::<f64>() / values.len().max(1) as f64);
        }
        values.sort_by(f64::total_cmp);
        let middle = |at: usize| values.get(at).copied().unwrap_or(0.0);
        let half = values.len() / 2;
        out.push(if values.len() % 2 == 1 {
            middle(half)
        } else {
            0.5 * (middle(half.saturating_sub(1)) + middle(half))
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(Truth::Value(y)) = truth else { return };
        self.forest.learn(
            |member| {
                let error = member.tree.predict(row) - y;
                normalised(&mut member.record, error)
            },
            |tree, times| tree.learn(row, y, weight * times),
        );
    }
}
