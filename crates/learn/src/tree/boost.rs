//! Trees that each learn the residual of the trees before them.

use super::growth::ValueGrowth;
use super::value_tree::ValueTree;
use crate::Kind;
use crate::random::Random;

/// Declares the settings of boosted trees, and how a row of them is made.
macro_rules! boosting_settings {
    ($(#[$doc:meta])* $settings:ident of $count:literal, held back: $holds_back:literal) => {
        $crate::tree::settings::tree_settings! {
            $(#[$doc])*
            $settings of "each tree", at most "The most memory of each tree"
            {
                #[doc = concat!("The number of ", $count, ", 1 to 1,000. Default 50.")]
                #[schemars(range(min = 1, max = 1000))]
                n_models: usize = 50,
                /// How much of each tree's answer counts, in (0, 1]. Default 0.1.
                #[schemars(range(min = 0, max = 1))]
                learning_rate: f64 = 0.1,
            } grace_period: 50, max_depth: 6,
            {} delta: 0.01,
            {
                /// The decimal places to which numbers are rounded before splits are looked for, 0 to 10. Default 2.
                #[schemars(range(min = 0, max = 10))]
                digits: u32 = 2,
                /// How far a leaf goes towards what each of its rows asks, in [0, 1]; 0 takes the mean of all its rows. Default 0.1.
                #[schemars(range(min = 0, max = 1))]
                forget: f64 = 0.1,
            } max_size: 10,
            {}
        }

        impl $settings {
            fn boost(&self, signature: &$crate::Signature) -> $crate::tree::boost::Boost {
                let tree = $crate::settings::taken!(self, $crate::tree::HoeffdingTreeRegressorSettings {
                    grace_period, max_depth, delta, tau, digits, max_size;
                    leaf_prediction: $crate::tree::ValueLeafPrediction::Mean, ..Default::default()
                });
                let growth = $crate::tree::growth::ValueGrowth { forget: self.forget, holds_back: $holds_back, ..tree.growth() };
                let (kinds, count) = (signature.kinds().to_vec(), self.n_models.max(1));
                $crate::tree::boost::Boost { rate: self.learning_rate, kinds, growth, count }
            }
        }
    };
}
pub(super) use boosting_settings;

/// How boosted trees learn a row.
#[derive(Debug, Clone)]
pub(super) struct Boost {
    pub(super) rate: f64,
    pub(super) kinds: Vec<Kind>,
    pub(super) growth: ValueGrowth,
    pub(super) count: usize,
}

/// Newton steps are limited to this: J. Friedman, T. Hastie, R. Tibshirani, "Additive Logistic Regression", 2000.
const LONGEST: f64 = 4.0;

impl Boost {
    pub(super) fn trees(&self) -> Vec<ValueTree> {
        (0..self.count).map(|_| ValueTree::new(self.growth.clone(), &self.kinds, Random::new(0))).collect()
    }

    pub(super) fn predict(&self, trees: &[ValueTree], row: &[f64]) -> f64 {
        trees.iter().map(|tree| self.rate * tree.predict(row)).sum()
    }

    /// Trains each tree on the Newton step for the sum of those before it. `ask` returns the first and second
    /// derivative of the loss, for a sum.
    pub(super) fn learn(&self, trees: &mut [ValueTree], row: &[f64], weight: f64, ask: impl Fn(f64) -> (f64, f64)) {
        let mut sum = 0.0;
        for tree in trees {
            let (gradient, curvature) = ask(sum);
            sum += self.rate * tree.predict(row);
            let step = (-gradient / curvature.max(1e-6)).clamp(-LONGEST, LONGEST);
            if step.is_finite() && sum.is_finite() {
                tree.learn(row, step, weight * curvature.max(1e-6));
            }
        }
    }
}
