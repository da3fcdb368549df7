//! The adaptive random forest for classes.

use super::class_tree::ClassTree;
use super::forest::Forest;
use super::settings::forest_settings;
use super::{HoeffdingTreeClassifierSettings, LeafPrediction, SplitCriterion};
use crate::settings::taken;
use crate::state::stateful;
use crate::traits::{ByRow, facts, most_probable};
use crate::{LearnError, Merge, Predictions, Signature, Truth};

forest_settings! {
    /// The adaptive random forest: Hoeffding trees on random columns and resampled rows, each replaced when its errors
    /// drift.
    ///
    /// Predicts a probability for each class: the trees' votes, weighted by the accuracy of each. Takes nominal columns. A
    /// warning plants a tree in the background, which takes over when the drift is sure. Memory: twice `n_models` trees of
    /// at most `max_size`. Source: H. M. Gomes and others, "Adaptive Random Forests for Evolving Data Stream
    /// Classification", Machine Learning 106 (2017); `forest.ARFClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::AdaptiveRandomForestClassifierSettings};
    /// let mut forest = AdaptiveRandomForestClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..2000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     forest.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// forest.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    AdaptiveRandomForestClassifierSettings {
        /// Whether all trees count the same. Default false: each counts by its accuracy.
        disable_weighted_vote: bool = false,
    } {
        /// What is gained by a split. Default `info_gain`.
        split_criterion: SplitCriterion = SplitCriterion::default(),
    } {
        /// How a leaf predicts: `mc`, `nb` or `nba`. Default `nba`.
        leaf_prediction: LeafPrediction = LeafPrediction::default(),
        /// The thresholds tried for each numeric column, 1 to 1,000. Default 10.
        #[schemars(range(min = 1, max = 1000))]
        n_splits: usize = 10,
        /// Whether a nominal column is split into one category and the rest only. Default false.
        binary_split: bool = false,
    } max_size: 100
}

impl AdaptiveRandomForestClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> AdaptiveRandomForestClassifier {
        let tree = taken!(self, HoeffdingTreeClassifierSettings {
            grace_period, max_depth, split_criterion, delta, tau, leaf_prediction, n_splits,
            binary_split, max_size;
            ..HoeffdingTreeClassifierSettings::default()
        });
        let mut growth = tree.growth();
        growth.max_features = Some(self.max_features.of(signature.width()));
        let kinds = signature.kinds().to_vec();
        let make = move |random| ClassTree::new(growth.clone(), &kinds, random);
        let detectors = [&self.warning_detector, &self.drift_detector];
        let forest = Forest::new(self.n_models, self.lambda_value, self.seed, detectors, Box::new(make));
        AdaptiveRandomForestClassifier {
            weighted: !self.disable_weighted_vote,
            width: signature.width(),
            forest,
            votes: Vec::new(),
            room: Vec::new(),
        }
    }
}

/// The model behind [`AdaptiveRandomForestClassifierSettings`].
pub struct AdaptiveRandomForestClassifier {
    weighted: bool,
    width: usize,
    forest: Forest<ClassTree>,
    votes: Vec<f64>,
    room: Vec<f64>,
}

const NAME: &str = "adaptive_random_forest_classifier";
stateful!(AdaptiveRandomForestClassifier, NAME, 1: forest);

impl Merge for AdaptiveRandomForestClassifier {
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError> {
        Ok(self.forest.merge(NAME, saved)?)
    }
}

impl ByRow for AdaptiveRandomForestClassifier {
    facts!(Classification, takes_nominal, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut votes = Vec::new();
        out.push_with(|sum| {
            sum.clear();
            for member in &self.forest.trees {
                member.tree.predict(row, &mut votes);
                sum.resize(sum.len().max(votes.len()), 0.0);
                let [right, rows, _] = member.record;
                let weight = if self.weighted && right > 0.0 { right / rows } else { 1.0 };
                sum.iter_mut().zip(&votes).for_each(|(sum, vote)| *sum += weight * vote);
            }
            crate::density::sum_to_one(sum);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        let (votes, room) = (&mut self.votes, &mut self.room);
        self.forest.learn(
            |member| {
                member.tree.predict(row, votes);
                let right = most_probable(votes) == Some(class);
                member.record[0] += f64::from(u8::from(right));
                member.record[1] += 1.0;
                f64::from(u8::from(!right))
            },
            |tree, times| tree.learn(row, class as usize, weight * times, room),
        );
    }
}
