//! A tree that grows by Hoeffding's bound and predicts classes.

use super::criterion::{Distribution, hoeffding_bound};
use super::growable_leaf::{GrowableLeaf, add_way, attempt};
use super::growth::{ClassGrowth, LeafPrediction};
use super::node::{Budgeted, Found, Nodes, Suggestion, Test};
use super::splitter::{Splitter, at_least};
use crate::random::Random;
use crate::state::stateful;
use crate::traits::most_probable;
use crate::{Kind, Stateful, Truth};

/// A leaf's decision after evaluating its columns.
pub(super) enum Decision {
    /// It continues to observe.
    Wait,
    /// No column is worth a split.
    BeginAgain,
    /// It splits.
    Split(usize, Test, Vec<Distribution>),
}

/// The tree.
#[derive(Debug, Clone)]
pub(crate) struct ClassTree {
    growth: ClassGrowth,
    kinds: Vec<Kind>,
    random: Random,
    classes: usize,
    nodes: Nodes<Leaf>,
}

stateful!(ClassTree: random, classes, nodes);

#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    depth: usize,
    classes: Vec<f64>,
    total: f64,
    last_attempt: f64,
    majority_right: f64,
    bayes_right: f64,
    /// None if the leaf will not split any more.
    splitter: Option<Splitter>,
}

stateful!(Leaf: depth, classes, total, last_attempt, majority_right, bayes_right, splitter);

impl Budgeted for Leaf {
    fn weight(&self) -> f64 {
        self.total
    }

    fn promise(&self) -> f64 {
        self.total - self.majority()
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

impl Leaf {
    fn new(depth: usize, classes: Vec<f64>, splitter: Splitter) -> Self {
        let total = classes.iter().sum();
        let splitter = Some(splitter);
        Self { depth, classes, total, last_attempt: total, majority_right: 0.0, bayes_right: 0.0, splitter }
    }

    fn bayes(&self, row: &[f64], votes: &mut Vec<f64>) -> bool {
        match &self.splitter {
            Some(splitter) if self.total > 0.0 => {
                splitter.votes(row, &self.classes, self.total, votes);
                true
            }
            _ => false,
        }
    }

    /// The probability of each class.
    fn predict(&self, row: &[f64], growth: &ClassGrowth, out: &mut Vec<f64>) {
        let bayes = match growth.leaf_prediction {
            LeafPrediction::Mc => false,
            LeafPrediction::Nb => self.total >= growth.nb_threshold,
            LeafPrediction::Nba => self.bayes_right >= self.majority_right,
        };
        if bayes && self.bayes(row, out) {
            return crate::density::sum_to_one(out);
        }
        out.clear();
        let total = self.total;
        out.extend(self.classes.iter().map(|weight| if total > 0.0 { weight / total } else { 0.0 }));
    }

    /// Learns a row; returns the bytes by which it grows.
    fn learn(&mut self, row: &[f64], class: usize, weight: f64, growth: &ClassGrowth, votes: &mut Vec<f64>) -> usize {
        if self.splitter.is_some() && growth.leaf_prediction == LeafPrediction::Nba {
            if self.total == 0.0 || most_probable(&self.classes) == Some(class as u32) {
                self.majority_right += weight;
            }
            if self.bayes(row, votes) && most_probable(votes) == Some(class as u32) {
                self.bayes_right += weight;
            }
        }
        let grown = at_least(&mut self.classes, class + 1);
        self.classes.iter_mut().skip(class).take(1).for_each(|held| *held += weight);
        self.total += weight;
        grown + self.splitter.as_mut().map_or(0, |splitter| splitter.learn(row, class, weight))
    }

    /// Whether it is time to evaluate the columns, and the result.
    fn decide(&self, growth: &ClassGrowth) -> Decision {
        let Some(splitter) = self.splitter.as_ref().filter(|_| !self.is_pure()) else { return Decision::Wait };
        if self.is_dominated(growth) {
            return Decision::BeginAgain;
        }
        let (best, second) = best_two(splitter.suggestions(&self.classes, growth));
        let bound = self.bound(growth);
        if !(best.merit - second > bound || bound < growth.tau) {
            return Decision::Wait;
        }
        best.split.map_or(Decision::BeginAgain, |(column, test, branches)| Decision::Split(column, test, branches))
    }

    /// The best split of each column now, if it is time to evaluate again; `every` is the weight until the next
    /// evaluation.
    pub(super) fn look(&mut self, growth: &ClassGrowth, every: f64) -> Option<Vec<Suggestion>> {
        let suggestions = self.glance(growth, every)?;
        self.looked();
        Some(suggestions)
    }

    /// The weight until the next evaluation starts over.
    pub(super) fn looked(&mut self) {
        self.last_attempt = self.total;
    }

    /// The same as [`Self::look`], without starting over.
    pub(super) fn glance(&self, growth: &ClassGrowth, every: f64) -> Option<Vec<Suggestion>> {
        if self.total - self.last_attempt < every || self.is_pure() {
            return None;
        }
        if self.is_dominated(growth) {
            return Some(Vec::new());
        }
        Some(self.splitter.as_ref()?.suggestions(&self.classes, growth))
    }

    /// Discards its statistics of the columns and starts to observe them again.
    pub(super) fn forget_columns(&mut self, growth: &ClassGrowth, kinds: &[Kind]) {
        self.splitter = Some(Splitter::of(growth, kinds, &mut Random::new(0)));
    }

    /// The bound on the error of a merit.
    pub(super) fn bound(&self, growth: &ClassGrowth) -> f64 {
        // Of the classes that were seen here: a leaf with two of seven classes is as certain as one with two.
        let seen = self.classes.iter().filter(|weight| **weight != 0.0).count();
        hoeffding_bound(growth.split_criterion.range(seen), growth.delta, self.total)
    }

    fn is_pure(&self) -> bool {
        self.classes.iter().filter(|weight| **weight != 0.0).count() < 2
    }

    fn majority(&self) -> f64 {
        self.classes.iter().copied().fold(0.0, f64::max)
    }

    /// Whether one class is so frequent that splits are not evaluated.
    fn is_dominated(&self, growth: &ClassGrowth) -> bool {
        self.majority() / self.total > growth.max_share_to_split
    }
}

/// The best of some splits, the last of equal ones, and the merit of the second best.
pub(super) fn best_two(suggestions: Vec<Suggestion>) -> (Suggestion, f64) {
    let (mut best, mut second) = (Suggestion::none(), f64::NEG_INFINITY);
    for suggestion in suggestions {
        if suggestion.merit >= best.merit {
            second = best.merit;
            best = suggestion;
        } else {
            second = second.max(suggestion.merit);
        }
    }
    (best, second)
}

impl ClassTree {
    pub(crate) fn new(growth: ClassGrowth, kinds: &[Kind], mut random: Random) -> Self {
        let nodes = Nodes::new(Leaf::begin(&growth, kinds, &mut random, 0, &[]));
        Self { growth, kinds: kinds.to_vec(), random, classes: 0, nodes }
    }

    pub(crate) fn width(&self) -> usize {
        self.kinds.len()
    }

    /// The probability of each known class, in `out`; empty before the first one.
    pub(crate) fn predict(&self, row: &[f64], out: &mut Vec<f64>) {
        out.clear();
        if let Some(leaf) = self.nodes.leaf(row) {
            leaf.predict(row, &self.growth, out);
        }
        out.resize(self.classes, 0.0);
    }

    pub(crate) fn learn(&mut self, row: &[f64], class: usize, weight: f64, votes: &mut Vec<f64>) {
        self.classes = self.classes.max(class + 1);
        let at = match self.nodes.find(row, true) {
            Found::Leaf(at) => at,
            Found::Unknown(at) => add_way(&mut self.nodes, at, row, &self.growth, &self.kinds, &mut self.random),
        };
        let Some((leaf, bytes)) = self.nodes.leaf_mut(at) else { return };
        *bytes += leaf.learn(row, class, weight, &self.growth, votes);
        if leaf.splitter.is_none() {
            return;
        }
        if leaf.depth >= self.growth.max_depth {
            *bytes -= leaf.sleep();
        } else if leaf.total - leaf.last_attempt >= self.growth.grace_period {
            attempt(&mut self.nodes, at, &self.growth, &self.kinds, &mut self.random);
        }
    }

    /// Nodes, leaves that may still split, and depth.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        let active = self.nodes.leaves().filter(|(_, leaf)| leaf.splitter.is_some()).count();
        (self.nodes.list.len(), active, self.nodes.depth())
    }
}

impl GrowableLeaf for Leaf {
    type Growth = ClassGrowth;

    fn begin(growth: &ClassGrowth, kinds: &[Kind], random: &mut Random, depth: usize, statistics: &[f64]) -> Self {
        Self::new(depth, statistics.to_vec(), Splitter::of(growth, kinds, random))
    }

    fn answer(&self, row: &[f64], growth: &ClassGrowth, _: &[Kind], out: &mut Vec<f64>) {
        self.predict(row, growth, out);
    }

    fn learn_truth(&mut self, row: &[f64], truth: Truth, weight: f64, growth: &ClassGrowth, _: &[Kind]) {
        if let Some(class) = truth.class() {
            self.learn(row, class as usize, weight, growth, &mut Vec::new());
        }
    }

    fn branches(
        &mut self,
        growth: &ClassGrowth,
        kinds: &[Kind],
        random: &mut Random,
    ) -> Option<(usize, Test, Vec<Self>)> {
        if self.splitter.is_none()
            || self.depth >= growth.max_depth
            || self.total - self.last_attempt < growth.grace_period
        {
            return None;
        }
        self.last_attempt = self.total;
        match self.decide(growth) {
            Decision::Wait => None,
            // No column is worth a split: the leaf discards its statistics, and starts to observe again, as in River
            // (whose memory management reactivates the leaf it has just deactivated).
            Decision::BeginAgain => {
                self.splitter = Some(Splitter::of(growth, kinds, random));
                None
            }
            Decision::Split(column, test, branches) => {
                let leaf = |classes: Vec<f64>| Self::new(self.depth + 1, classes, Splitter::of(growth, kinds, random));
                Some((column, test, branches.into_iter().map(leaf).collect()))
            }
        }
    }

    fn most(growth: &ClassGrowth) -> usize {
        growth.max_size
    }
}
