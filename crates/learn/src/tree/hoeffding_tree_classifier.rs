//! The Hoeffding tree for classes.

use super::SplitCriterion;
use super::class_tree::ClassTree;
use super::growth::{ClassGrowth, LeafPrediction};
use super::settings::tree_settings;
use crate::random::Random;
use crate::settings::taken;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

tree_settings! {
    /// The Hoeffding tree, also called VFDT: a decision tree that splits a leaf as soon as its rows prove which column is
    /// the best.
    ///
    /// Predicts a probability for each class. Takes nominal columns; a missing value follows the heavier branch. Memory: at
    /// most `max_size`, kept by giving up the statistics of the leaves that promise least; those predict by majority from
    /// then on. Source: P. Domingos, G. Hulten, "Mining High-Speed Data Streams", KDD 2000;
    /// `tree.HoeffdingTreeClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::HoeffdingTreeClassifierSettings};
    /// let mut tree = HoeffdingTreeClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     tree.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// tree.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    HoeffdingTreeClassifierSettings of "the tree", at most "The most memory"
    {} grace_period: 200, max_depth: 1000,
    {
        /// What is gained by a split. Default `info_gain`.
        split_criterion: SplitCriterion = SplitCriterion::default(),
    } delta: 1e-7,
    {
        /// How a leaf predicts: `mc` majority class, `nb` naive Bayes, `nba` the better of the two. Default `nba`.
        leaf_prediction: LeafPrediction = LeafPrediction::default(),
        /// The weight from which on `nb` uses naive Bayes, 0 or above. Default 0.
        #[schemars(extend("minimum" = 0))]
        nb_threshold: f64 = 0.0,
        /// The thresholds tried for each numeric column, 1 to 1,000. Default 10.
        #[schemars(range(min = 1, max = 1000))]
        n_splits: usize = 10,
        /// Whether a nominal column is split into one category and the rest only. Default false.
        binary_split: bool = false,
        /// The share of the weight that at least two branches must get, in [0, 0.5]. Default 0.01.
        #[schemars(range(min = 0, max = 0.5))]
        min_branch_fraction: f64 = 0.01,
        /// The share of the majority class above which a leaf is never split, in (0, 1]. Default 0.99.
        #[schemars(range(min = 0, max = 1))]
        max_share_to_split: f64 = 0.99,
    } max_size: 100,
    {}
}

impl HoeffdingTreeClassifierSettings {
    pub(crate) fn growth(&self) -> ClassGrowth {
        taken!(self, ClassGrowth {
            grace_period, max_depth, split_criterion, delta, tau, leaf_prediction, nb_threshold, n_splits,
            binary_split, min_branch_fraction, max_share_to_split;
            max_size: (self.max_size * f64::from(1 << 20)) as usize, max_features: None,
        })
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HoeffdingTreeClassifier {
        HoeffdingTreeClassifier {
            tree: ClassTree::new(self.growth(), signature.kinds(), Random::new(0)),
            room: Vec::new(),
        }
    }
}

/// The model behind [`HoeffdingTreeClassifierSettings`].
#[derive(Debug, Clone)]
pub struct HoeffdingTreeClassifier {
    tree: ClassTree,
    room: Vec<f64>,
}

stateful!(HoeffdingTreeClassifier, "hoeffding_tree_classifier", 1: tree);

impl HoeffdingTreeClassifier {
    /// The number of nodes, of leaves that may still split, and the depth.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.tree.shape()
    }
}

impl ByRow for HoeffdingTreeClassifier {
    facts!(Classification, takes_nominal; width: tree.width());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_with(|room| self.tree.predict(row, room));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        if let Some(class) = truth.and_then(Truth::class) {
            self.tree.learn(row, class as usize, weight, &mut self.room);
        }
    }
}
