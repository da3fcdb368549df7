//! Trees that each learn what the trees before it left over.

use super::growth::ValueGrowth;
use super::value_tree::ValueTree;
use crate::Kind;
use crate::random::Random;

/// How a row of boosted trees is made.
#[derive(Debug, Clone)]
pub(super) struct Boost {
    pub(super) rate: f64,
    pub(super) kinds: Vec<Kind>,
    pub(super) growth: ValueGrowth,
    pub(super) count: usize,
}

/// Newton steps are kept within this: J. Friedman, T. Hastie, R. Tibshirani, "Additive Logistic Regression", 2000.
const LONGEST: f64 = 4.0;

impl Boost {
    pub(super) fn trees(&self) -> Vec<ValueTree> {
        (0..self.count).map(|_| ValueTree::new(self.growth.clone(), &self.kinds, Random::new(0))).collect()
    }

    pub(super) fn predict(&self, trees: &[ValueTree], row: &[f64]) -> f64 {
        trees.iter().map(|tree| self.rate * tree.predict(row)).sum()
    }

    /// Teaches each tree the Newton step that the sum of those before it asks for. `ask` gives the derivative of the loss
    /// and the second one, for a sum.
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
