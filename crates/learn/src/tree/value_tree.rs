//! A tree that grows by Hoeffding's bound and predicts values.

use super::class_tree::best_two;
use super::criterion::{Distribution, hoeffding_bound};
use super::growable_leaf::{GrowableLeaf, add_way, attempt};
use super::growth::{ValueGrowth, ValueLeafPrediction};
use super::node::{Budgeted, Found, Nodes, Test};
use super::value_splitter::{Moments, ValueSplitter};
use crate::random::Random;
use crate::state::stateful;
use crate::{Kind, Stateful, Truth};

/// The tree.
#[derive(Debug, Clone)]
pub(crate) struct ValueTree {
    growth: ValueGrowth,
    kinds: Vec<Kind>,
    random: Random,
    nodes: Nodes<Leaf>,
}

stateful!(ValueTree: random, nodes);

#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    depth: usize,
    label: Moments,
    last_attempt: f64,
    weights: Vec<f64>,
    intercept: f64,
    /// Fading squared errors.
    mean_error: f64,
    model_error: f64,
    splitter: Option<ValueSplitter>,
}

stateful!(Leaf: depth, label, last_attempt, weights, intercept, mean_error, model_error, splitter);

impl Budgeted for Leaf {
    fn weight(&self) -> f64 {
        self.label.weight
    }

    /// The nearer to the root, the more.
    fn promise(&self) -> f64 {
        -(self.depth as f64)
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn is_awake(&self) -> bool {
        self.splitter.is_some()
    }

    fn sleep(&mut self) -> usize {
        self.splitter.take().map_or(0, |splitter| splitter.size())
    }
}

/// The largest gradient that a leaf's model follows, as River's `LinearRegression`.
const CLIP: f64 = 1e12;

impl Leaf {
    fn model(&self, row: &[f64], kinds: &[Kind]) -> f64 {
        let terms = self.weights.iter().zip(row).zip(kinds).filter(|((_, x), kind)| taken(**x, **kind));
        terms.map(|((weight, x), _)| weight * x).sum::<f64>() + self.intercept
    }

    /// The split of the best column, if it is significantly better than the second.
    fn decide(&self, growth: &ValueGrowth, kinds: &[Kind]) -> Option<(usize, Test, Vec<Distribution>)> {
        let (best, second) = best_two(self.splitter.as_ref()?.suggestions(self.label, growth, kinds));
        let bound = hoeffding_bound(1.0, growth.delta, self.label.weight);
        let sure = best.merit > 0.0 && (second / best.merit < 1.0 - bound || bound < growth.tau);
        best.split.filter(|_| sure)
    }

    /// A leaf of a branch: it continues with the parent's model.
    fn child(&self, branch: &[f64], growth: &ValueGrowth, splitter: ValueSplitter) -> Self {
        let label = Moments::of(branch);
        let intercept = if growth.forget > 0.0 { label.mean } else { self.intercept };
        let (depth, splitter) = (self.depth + 1, Some(splitter));
        Self { depth, label, last_attempt: label.weight, splitter, intercept, ..self.clone() }
    }

    fn predict(&self, row: &[f64], growth: &ValueGrowth, kinds: &[Kind]) -> f64 {
        let model = match growth.leaf_prediction {
            ValueLeafPrediction::Mean => false,
            ValueLeafPrediction::Model => true,
            ValueLeafPrediction::Adaptive => self.mean_error >= self.model_error,
        };
        match model {
            true => self.model(row, kinds),
            false if growth.forget > 0.0 => self.intercept,
            false => self.label.mean,
        }
    }

    /// Learns a row; returns the bytes by which it grows.
    fn learn(&mut self, row: &[f64], y: f64, weight: f64, growth: &ValueGrowth, kinds: &[Kind]) -> usize {
        let model = self.model(row, kinds);
        let decay = growth.model_selector_decay;
        let keep = |held: &mut f64, error: f64| {
            let next = decay * *held + error * error;
            *held = if next.is_finite() { next } else { f64::MAX };
        };
        keep(&mut self.mean_error, y - self.label.mean);
        keep(&mut self.model_error, y - model);
        self.label.add(y, weight);
        if growth.forget > 0.0 {
            self.intercept += growth.forget * weight.min(1.0) * (y - self.intercept);
        }
        let grown = self.splitter.as_mut().map_or(0, |splitter| splitter.learn(row, y, weight, growth, kinds));
        if growth.leaf_prediction == ValueLeafPrediction::Mean || model.is_nan() {
            return grown;
        }
        let gradient = (2.0 * (model - y) * weight).clamp(-CLIP, CLIP);
        self.intercept -= growth.leaf_lr * gradient;
        for ((held, x), _) in self.weights.iter_mut().zip(row).zip(kinds).filter(|((_, x), kind)| taken(**x, **kind)) {
            let stepped = *held - growth.leaf_lr * (gradient * x);
            if stepped.is_finite() {
                *held = stepped;
            }
        }
        grown
    }
}

/// Whether a leaf's linear model uses a value.
fn taken(x: f64, kind: Kind) -> bool {
    x.is_finite() && kind == Kind::Numeric
}

impl ValueTree {
    pub(crate) fn new(growth: ValueGrowth, kinds: &[Kind], mut random: Random) -> Self {
        let nodes = Nodes::new(Leaf::begin(&growth, kinds, &mut random, 0, &[]));
        Self { growth, kinds: kinds.to_vec(), random, nodes }
    }

    pub(crate) fn width(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn predict(&self, row: &[f64]) -> f64 {
        self.nodes.leaf(row).map_or(0.0, |leaf| leaf.predict(row, &self.growth, &self.kinds))
    }

    pub(crate) fn learn(&mut self, row: &[f64], y: f64, weight: f64) {
        let at = match self.nodes.find(row, true) {
            Found::Leaf(at) => at,
            Found::Unknown(at) => add_way(&mut self.nodes, at, row, &self.growth, &self.kinds, &mut self.random),
        };
        let Some((leaf, bytes)) = self.nodes.leaf_mut(at) else { return };
        *bytes += leaf.learn(row, y, weight, &self.growth, &self.kinds);
        if leaf.splitter.is_none() {
            return;
        }
        if leaf.depth >= self.growth.max_depth {
            *bytes -= leaf.sleep();
        } else if leaf.label.weight - leaf.last_attempt >= self.growth.grace_period {
            attempt(&mut self.nodes, at, &self.growth, &self.kinds, &mut self.random);
        }
    }
}

impl GrowableLeaf for Leaf {
    type Growth = ValueGrowth;

    fn begin(growth: &ValueGrowth, kinds: &[Kind], random: &mut Random, depth: usize, statistics: &[f64]) -> Self {
        let label = Moments::of(statistics);
        let splitter = Some(ValueSplitter::of(growth, kinds, random));
        Self { depth, label, last_attempt: label.weight, weights: vec![0.0; kinds.len()], splitter, ..Self::default() }
    }

    fn answer(&self, row: &[f64], growth: &ValueGrowth, kinds: &[Kind], out: &mut Vec<f64>) {
        out.clear();
        out.push(self.predict(row, growth, kinds));
    }

    fn learn_truth(&mut self, row: &[f64], truth: Truth, weight: f64, growth: &ValueGrowth, kinds: &[Kind]) {
        self.learn(row, truth.number(), weight, growth, kinds);
    }

    fn branches(
        &mut self,
        growth: &ValueGrowth,
        kinds: &[Kind],
        random: &mut Random,
    ) -> Option<(usize, Test, Vec<Self>)> {
        let waited = self.label.weight - self.last_attempt;
        if self.splitter.is_none() || self.depth >= growth.max_depth || waited < growth.grace_period {
            return None;
        }
        self.last_attempt = self.label.weight;
        let (column, test, branches) = self.decide(growth, kinds)?;
        let leaves = branches
            .iter()
            .map(|branch| self.child(branch, growth, ValueSplitter::of(growth, kinds, random)))
            .collect();
        Some((column, test, leaves))
    }

    fn most(growth: &ValueGrowth) -> usize {
        growth.max_size
    }
}
