//! The extremely fast decision tree.

use super::HoeffdingTreeClassifierSettings;
use super::LOOK;
use super::class_tree::Leaf;
use super::growable_leaf::GrowableLeaf;
use super::growth::ClassGrowth;
use super::node::{Budgeted, Suggestion, Test};
use crate::random::Random;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Kind, Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

component_settings! {
    /// The extremely fast decision tree, also called Hoeffding anytime tree: splits as soon as a split is better than none,
    /// and goes back on it when another one turns out to be better.
    ///
    /// Predicts a probability for each class. Takes nominal columns; a missing value follows the heavier branch. Memory: about
    /// `max_size` of the tree's settings; beyond it no leaf splits any more. Source: C. Manapragada, G. I. Webb, M. Salehi,
    /// "Extremely Fast Decision Tree", KDD 2018; `tree.ExtremelyFastDecisionTreeClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::ExtremelyFastDecisionTreeClassifierSettings};
    /// let mut tree = ExtremelyFastDecisionTreeClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     tree.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// tree.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    ExtremelyFastDecisionTreeClassifierSettings {
        /// How the tree grows: the settings of `hoeffding_tree_classifier`.
        tree: HoeffdingTreeClassifierSettings = HoeffdingTreeClassifierSettings::default(),
        /// The weight of rows after which a split is looked at again, above 0. Default 20.
        #[schemars(extend("exclusiveMinimum" = 0))]
        min_samples_reevaluate: f64 = 20.0,
    }
}

impl ExtremelyFastDecisionTreeClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> ExtremelyFastDecisionTreeClassifier {
        let rules =
            Rules { growth: self.tree.growth(), kinds: signature.kinds().to_vec(), again: self.min_samples_reevaluate };
        let root = Node { statistics: rules.leaf(0, &[]), branch: None };
        ExtremelyFastDecisionTreeClassifier { rules, rows: 0, classes: 0, root }
    }
}

/// The model behind [`ExtremelyFastDecisionTreeClassifierSettings`].
pub struct ExtremelyFastDecisionTreeClassifier {
    rules: Rules,
    rows: u64,
    classes: usize,
    root: Node,
}

stateful!(ExtremelyFastDecisionTreeClassifier, "extremely_fast_decision_tree_classifier", 1: rows, classes, root);

struct Rules {
    growth: ClassGrowth,
    kinds: Vec<Kind>,
    again: f64,
}

impl Rules {
    fn leaf(&self, depth: usize, classes: &[f64]) -> Leaf {
        // All columns are observed, so nothing is drawn at random.
        Leaf::begin(&self.growth, &self.kinds, &mut Random::new(0), depth, classes)
    }
}

/// A leaf, or a branch that continues to count what passes through it.
#[derive(Default)]
struct Node {
    statistics: Leaf,
    branch: Option<(usize, Test, Vec<Node>)>,
}

impl Node {
    fn next(&self, row: &[f64]) -> Option<usize> {
        let (column, test, children) = self.branch.as_ref()?;
        let value = row.get(*column).copied().unwrap_or(f64::NAN);
        let known = test.branch(value).filter(|branch| *branch < children.len());
        known.or_else(|| {
            let mut best: Option<(usize, f64)> = None;
            for (index, child) in children.iter().enumerate() {
                let seen = child.statistics.weight();
                if best.is_none_or(|(_, most)| seen > most) {
                    best = Some((index, seen));
                }
            }
            best.map(|(index, _)| index)
        })
    }

    fn leaf(&self, row: &[f64]) -> &Leaf {
        let mut node = self;
        while let Some(child) = node.next(row).and_then(|at| node.branch.as_ref()?.2.get(at)) {
            node = child;
        }
        &node.statistics
    }

    fn learn(&mut self, row: &[f64], truth: Truth, weight: f64, rules: &Rules) {
        self.statistics.learn_truth(row, truth, weight, &rules.growth, &rules.kinds);
        if self.branch.is_none() {
            return self.attempt(rules);
        }
        // New leaves start with the next row.
        if self.reconsider(rules) {
            return;
        }
        if let Some(child) = self.next(row).and_then(|at| self.branch.as_mut()?.2.get_mut(at)) {
            child.learn(row, truth, weight, rules);
        }
    }

    /// A leaf splits as soon as its best column is significantly better than no split.
    fn attempt(&mut self, rules: &Rules) {
        if self.statistics.depth() >= rules.growth.max_depth {
            return;
        }
        let Some(suggestions) = self.statistics.look(&rules.growth, rules.growth.grace_period) else { return };
        let bound = self.statistics.bound(&rules.growth);
        let best = best(suggestions);
        if best.split.is_none() {
            self.statistics.forget_columns(&rules.growth, &rules.kinds);
        } else if best.merit > bound || bound < rules.growth.tau {
            self.split(best, rules);
        }
    }

    /// A branch is replaced by a column that is now significantly better, and moves its threshold if its own column is
    /// the best. Whether it has new leaves.
    fn reconsider(&mut self, rules: &Rules) -> bool {
        // As in River, it evaluates at every row once it has waited, until something changes.
        let Some(suggestions) = self.statistics.glance(&rules.growth, rules.again) else { return false };
        let Some((column, ..)) = &self.branch else { return false };
        let of_column = |one: &&Suggestion| one.split.as_ref().is_some_and(|(other, ..)| other == column);
        let Some(current) = suggestions.iter().find(of_column).map(|one| one.merit.max(0.0)) else { return false };
        let bound = self.statistics.bound(&rules.growth);
        let best = best(suggestions);
        let Some((other, test, branches)) = &best.split else { return false };
        if !(best.merit - current > bound || bound < rules.growth.tau) {
            return false;
        }
        let changes = other != column;
        self.statistics.looked();
        if changes {
            self.split(best, rules);
            return true;
        }
        if let Some((_, held, children)) = &mut self.branch
            && branches.len() == children.len()
        {
            *held = test.clone();
        }
        false
    }

    fn split(&mut self, best: Suggestion, rules: &Rules) {
        let Some((column, test, branches)) = best.split else { return };
        let depth = self.statistics.depth() + 1;
        let child = |classes: &Vec<f64>| Self { statistics: rules.leaf(depth, classes), branch: None };
        self.branch = Some((column, test, branches.iter().map(child).collect()));
    }

    fn sleep(&mut self) {
        match &mut self.branch {
            None => _ = self.statistics.sleep(),
            Some((_, _, children)) => children.iter_mut().for_each(Self::sleep),
        }
    }
}

fn best(suggestions: Vec<Suggestion>) -> Suggestion {
    let better = |best: Suggestion, one: Suggestion| if one.merit > best.merit { one } else { best };
    suggestions.into_iter().fold(Suggestion::none(), better)
}

impl Stateful for Node {
    fn save(&self, to: &mut StateWriter) {
        self.statistics.save(to);
        self.branch.is_some().save(to);
        if let Some((column, test, children)) = &self.branch {
            column.save(to);
            test.save(to);
            children.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.statistics.load(from)?;
        self.branch = None;
        if from.u64()? != 0 {
            let (mut column, mut test, mut children) = (0_usize, Test::default(), Vec::new());
            column.load(from)?;
            test.load(from)?;
            children.load(from)?;
            self.branch = Some((column, test, children));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let children = self.branch.as_ref().map_or(0, |(_, test, children)| test.size() + children.size());
        size_of::<Self>() + self.statistics.size() + children
    }
}

impl ByRow for ExtremelyFastDecisionTreeClassifier {
    facts!(Classification, takes_nominal; width: rules.kinds.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_with(|votes| {
            self.root.leaf(row).answer(row, &self.rules.growth, &self.rules.kinds, votes);
            votes.resize(self.classes, 0.0);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        self.classes = self.classes.max(class as usize + 1);
        self.root.learn(row, Truth::Class(class), weight, &self.rules);
        self.rows += 1;
        if self.rows.is_multiple_of(LOOK) && self.root.size() > self.rules.growth.max_size {
            self.root.sleep();
        }
    }
}
