//! A tree that grows by Hoeffding's bound and predicts values.

use super::criterion::hoeffding_bound;
use super::node::{Found, Node, Nodes, Suggestion, Weighed};
use super::value_watch::{Moments, ValueWatch};
use crate::random::Random;
use crate::state::stateful;
use crate::{Kind, Stateful};

/// How a leaf predicts a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueLeafPrediction {
    /// The mean of what it has seen.
    Mean,
    /// A linear model of its own.
    Model,
    /// Whichever of the two has been nearer lately.
    #[default]
    Adaptive,
}

/// How a tree of values grows.
#[derive(Debug, Clone)]
pub(crate) struct ValueGrowth {
    pub(crate) grace_period: f64,
    pub(crate) max_depth: usize,
    pub(crate) delta: f64,
    pub(crate) tau: f64,
    pub(crate) leaf_prediction: ValueLeafPrediction,
    pub(crate) leaf_lr: f64,
    /// How far a leaf's value goes towards each row's: a boosted tree forgets. 0: the value is the mean of all rows.
    pub(crate) forget: f64,
    pub(crate) model_selector_decay: f64,
    /// Numbers are rounded to so many parts of one.
    pub(crate) grid: f64,
    pub(crate) min_samples_split: f64,
    pub(crate) binary_split: bool,
    /// In bytes.
    pub(crate) max_size: usize,
    pub(crate) max_features: Option<usize>,
}

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
struct Leaf {
    depth: usize,
    label: Moments,
    last_attempt: f64,
    weights: Vec<f64>,
    intercept: f64,
    /// Fading squared errors.
    mean_error: f64,
    model_error: f64,
    watch: Option<ValueWatch>,
}

stateful!(Leaf: depth, label, last_attempt, weights, intercept, mean_error, model_error, watch);

impl Weighed for Leaf {
    fn weight(&self) -> f64 {
        self.label.weight
    }
}

/// The largest gradient that a leaf's model follows, as River's `LinearRegression`.
const CLIP: f64 = 1e12;

impl Leaf {
    fn model(&self, row: &[f64], kinds: &[Kind]) -> f64 {
        let terms = self.weights.iter().zip(row).zip(kinds).filter(|((_, x), kind)| taken(**x, **kind));
        terms.map(|((weight, x), _)| weight * x).sum::<f64>() + self.intercept
    }

    fn predict(&self, row: &[f64], tree: &ValueTree) -> f64 {
        let model = match tree.growth.leaf_prediction {
            ValueLeafPrediction::Mean => false,
            ValueLeafPrediction::Model => true,
            ValueLeafPrediction::Adaptive => self.mean_error >= self.model_error,
        };
        match model {
            true => self.model(row, &tree.kinds),
            false if tree.growth.forget > 0.0 => self.intercept,
            false => self.label.mean,
        }
    }

    fn learn(&mut self, row: &[f64], y: f64, weight: f64, growth: &ValueGrowth, kinds: &[Kind]) {
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
        if let Some(watch) = &mut self.watch {
            watch.learn(row, y, weight, growth, kinds);
        }
        if growth.leaf_prediction == ValueLeafPrediction::Mean || model.is_nan() {
            return;
        }
        let gradient = (2.0 * (model - y) * weight).clamp(-CLIP, CLIP);
        self.intercept -= growth.leaf_lr * gradient;
        for ((held, x), _) in self.weights.iter_mut().zip(row).zip(kinds).filter(|((_, x), kind)| taken(**x, **kind)) {
            let stepped = *held - growth.leaf_lr * (gradient * x);
            if stepped.is_finite() {
                *held = stepped;
            }
        }
    }
}

/// Whether a leaf's linear model looks at a value.
fn taken(x: f64, kind: Kind) -> bool {
    x.is_finite() && kind == Kind::Numeric
}

impl ValueTree {
    pub(crate) fn new(growth: ValueGrowth, kinds: &[Kind], random: Random) -> Self {
        let mut tree = Self { growth, kinds: kinds.to_vec(), random, nodes: Nodes { list: Vec::new() } };
        let root = Leaf { weights: vec![0.0; kinds.len()], watch: Some(tree.watch()), ..Leaf::default() };
        tree.nodes = Nodes::new(root);
        tree
    }

    fn watch(&mut self) -> ValueWatch {
        let width = self.kinds.len();
        match self.growth.max_features.filter(|count| *count < width) {
            None => ValueWatch::new(0..width),
            Some(count) => {
                let mut columns: Vec<usize> = (0..width).collect();
                for place in 0..count {
                    let other = place + self.random.below(width - place);
                    columns.swap(place, other);
                }
                columns.truncate(count);
                columns.sort_unstable();
                ValueWatch::new(columns.into_iter())
            }
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn predict(&self, row: &[f64]) -> f64 {
        self.nodes.leaf(row).map_or(0.0, |leaf| leaf.predict(row, self))
    }

    pub(crate) fn learn(&mut self, row: &[f64], y: f64, weight: f64) {
        let at = match self.nodes.find(row, 0, true) {
            Found::Leaf(at) => at,
            Found::Unknown(at) => self.add_way(at, row),
        };
        let Some(leaf) = self.nodes.leaf_mut(at) else { return };
        leaf.learn(row, y, weight, &self.growth, &self.kinds);
        if leaf.watch.is_none() {
            return;
        }
        if leaf.depth >= self.growth.max_depth {
            leaf.watch = None;
        } else if leaf.label.weight - leaf.last_attempt >= self.growth.grace_period {
            leaf.last_attempt = leaf.label.weight;
            self.attempt(at);
        }
    }

    fn add_way(&mut self, at: usize, row: &[f64]) -> usize {
        let watch = self.watch();
        let Some(Node::Branch { column, .. }) = self.nodes.list.get(at) else { return at };
        let code = row.get(*column as usize).copied().unwrap_or(0.0) as u64;
        let depth = self.nodes.leaves().map(|(_, leaf)| leaf.depth).max().unwrap_or(0);
        let leaf = Leaf { depth, weights: vec![0.0; self.kinds.len()], watch: Some(watch), ..Leaf::default() };
        self.nodes.add_way(at, code, leaf)
    }

    /// Splits a leaf if its best column is surely better than the second.
    fn attempt(&mut self, at: usize) {
        let growth = self.growth.clone();
        let Some(leaf) = self.nodes.leaf_mut(at) else { return };
        let Some(watch) = &leaf.watch else { return };
        let (mut best, mut second) = (Suggestion::none(), f64::NEG_INFINITY);
        for suggestion in watch.suggestions(leaf.label, &growth, &self.kinds) {
            if suggestion.merit >= best.merit {
                second = best.merit;
                best = suggestion;
            } else {
                second = second.max(suggestion.merit);
            }
        }
        let bound = hoeffding_bound(1.0, growth.delta, leaf.label.weight);
        let sure = best.merit > 0.0 && (second / best.merit < 1.0 - bound || bound < growth.tau);
        let Some((column, test, branches)) = best.split.filter(|_| sure) else { return };
        let parent = leaf.clone();
        let leaves = branches.iter().map(|branch| {
            let label = Moments::of(branch);
            Leaf {
                depth: parent.depth + 1,
                label,
                last_attempt: label.weight,
                watch: Some(self.watch()),
                ..parent.clone()
            }
        });
        let leaves = leaves.collect();
        self.nodes.split(at, column, test, leaves);
        self.keep_budget();
    }

    /// Where the tree is larger than its budget only the leaves nearest to the root may go on to split.
    fn keep_budget(&mut self) {
        let size = self.nodes.size();
        if size <= self.growth.max_size {
            return;
        }
        let mut leaves: Vec<(usize, usize, usize)> =
            self.nodes.leaves().filter_map(|(at, leaf)| Some((leaf.depth, at, leaf.watch.as_ref()?.size()))).collect();
        leaves.sort_unstable_by(|a, b| b.cmp(a));
        let mut over = size - self.growth.max_size;
        for (_, at, freed) in leaves {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(freed);
            if let Some(leaf) = self.nodes.leaf_mut(at) {
                leaf.watch = None;
            }
        }
    }
}
