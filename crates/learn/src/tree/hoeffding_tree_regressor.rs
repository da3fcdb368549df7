//! The Hoeffding tree for values.

use super::growth::{ValueGrowth, ValueLeafPrediction};
use super::settings::tree_settings;
use super::value_tree::ValueTree;
use crate::random::Random;
use crate::settings::taken;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

tree_settings! {
    /// The Hoeffding tree for regression: splits a leaf as soon as its rows prove which column takes away the most variance.
    ///
    /// Predicts a number. Takes nominal columns; a missing value follows the heavier branch. Scale the columns first, or the
    /// leaves' linear models overshoot (`leaf_prediction: mean` does without). Memory: at most `max_size`, kept by giving up
    /// the statistics of the deepest leaves. Source: E. Ikonomovska, J. Gama, S. Džeroski, "Learning Model Trees from
    /// Evolving Data Streams", DMKD 23 (2011); `tree.HoeffdingTreeRegressor` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::HoeffdingTreeRegressorSettings};
    /// let mut tree = HoeffdingTreeRegressorSettings::default().build(&Signature::numeric(1));
    /// for step in 0..4000_u32 {
    ///     let x = f64::from(step * 7 % 100) / 100.0;
    ///     tree.learn(&Features::row(&[x]), Labels::Values(&[if x < 0.5 { 10.0 } else { 20.0 }]))?;
    /// }
    /// let mut out = Predictions::default();
    /// tree.predict(&Features::new(&[0.2, 0.8], 1), &mut out)?;
    /// assert!((out.values()[0] - 10.0).abs() < 0.5 && (out.values()[1] - 20.0).abs() < 0.5);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    HoeffdingTreeRegressorSettings of "the tree", at most "The most memory"
    {} grace_period: 200, max_depth: 1000,
    {} delta: 1e-7,
    {
        /// How a leaf predicts: `mean`, `model` (linear), or `adaptive`, the better of the two. Default `adaptive`.
        leaf_prediction: ValueLeafPrediction = ValueLeafPrediction::default(),
        /// The learning rate of the leaves' linear models, above 0. Default 0.01.
        #[schemars(extend("exclusiveMinimum" = 0))]
        leaf_lr: f64 = 0.01,
        /// How much of its error a leaf remembers at each row, in [0, 1]. Default 0.95.
        #[schemars(range(min = 0, max = 1))]
        model_selector_decay: f64 = 0.95,
        /// The decimal places to which numbers are rounded before splits are looked for, 0 to 10. Default 1.
        #[schemars(range(min = 0, max = 10))]
        digits: u32 = 1,
        /// The least weight of a branch, 0 or above. Default 5.
        #[schemars(extend("minimum" = 0))]
        min_samples_split: f64 = 5.0,
        /// Whether a nominal column is split into one category and the rest only. Default false.
        binary_split: bool = false,
    } max_size: 500,
    {}
}

impl HoeffdingTreeRegressorSettings {
    pub(crate) fn growth(&self) -> ValueGrowth {
        taken!(self, ValueGrowth {
            grace_period, max_depth, delta, tau, leaf_prediction, leaf_lr, model_selector_decay, min_samples_split,
            binary_split;
            forget: 0.0, holds_back: false, max_features: None,
            grid: (0..self.digits.min(10)).fold(1.0, |grid, _| grid * 10.0),
            max_size: (self.max_size * f64::from(1 << 20)) as usize,
        })
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HoeffdingTreeRegressor {
        HoeffdingTreeRegressor { tree: ValueTree::new(self.growth(), signature.kinds(), Random::new(0)) }
    }
}

/// The model behind [`HoeffdingTreeRegressorSettings`].
#[derive(Debug, Clone)]
pub struct HoeffdingTreeRegressor {
    tree: ValueTree,
}

stateful!(HoeffdingTreeRegressor, "hoeffding_tree_regressor", 1: tree);

impl ByRow for HoeffdingTreeRegressor {
    facts!(Regression, takes_nominal; width: tree.width());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(self.tree.predict(row));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        if let Some(Truth::Value(y)) = truth {
            self.tree.learn(row, y, weight);
        }
    }
}
