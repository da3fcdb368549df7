//! The adaptive random forest for classes.

use super::class_tree::ClassTree;
use super::forest::{MaxFeatures, Places, adwin};
use super::{HoeffdingTreeClassifierSettings, LeafPrediction, SplitCriterion};
use crate::state::stateful;
use crate::traits::{ByRow, most_probable};
use crate::{DetectorKind, LearnError, Merge, Predictions, Signature, StateReader, Task, Truth};

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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveRandomForestClassifierSettings {
    /// The number of trees, 1 to 1,000. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    pub n_models: usize,
    /// How many columns each leaf looks at: `sqrt`, `sqrt_plus_one` (MOA's), `log2` or `all`. Default `sqrt`.
    pub max_features: MaxFeatures,
    /// How often a tree learns a row on average, 0 to 100. Default 6.
    #[schemars(range(min = 0, max = 100))]
    pub lambda_value: f64,
    /// Whether all trees count the same. Default false: each counts by its accuracy.
    pub disable_weighted_vote: bool,
    /// What finds that a tree has drifted. Default `{adwin: {delta: 0.001}}`.
    pub drift_detector: DetectorKind,
    /// What finds that a tree may be drifting. Default `{adwin: {delta: 0.01}}`.
    pub warning_detector: DetectorKind,
    /// The weight of rows between two attempts to split a leaf, above 0. Default 50.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub grace_period: f64,
    /// How deep each tree may grow, 1 to 1,000. Default 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub max_depth: usize,
    /// What is gained by a split. Default `info_gain`.
    pub split_criterion: SplitCriterion,
    /// The chance of a wrong split, in (0, 1). Default 0.01.
    #[schemars(range(min = 0, max = 1))]
    pub delta: f64,
    /// The bound below which two columns count as equally good, 0 or above. Default 0.05.
    #[schemars(extend("minimum" = 0))]
    pub tau: f64,
    /// How a leaf predicts: `mc`, `nb` or `nba`. Default `nba`.
    pub leaf_prediction: LeafPrediction,
    /// The thresholds tried for each numeric column, 1 to 1,000. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    pub n_splits: usize,
    /// Whether a nominal column is split into one category and the rest only. Default false.
    pub binary_split: bool,
    /// The most memory of each tree, in MiB, above 0. Default 100.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_size: f64,
    /// The seed of everything random. Default 42.
    pub seed: u64,
}

impl Default for AdaptiveRandomForestClassifierSettings {
    fn default() -> Self {
        Self {
            n_models: 10,
            max_features: MaxFeatures::default(),
            lambda_value: 6.0,
            disable_weighted_vote: false,
            drift_detector: adwin(0.001),
            warning_detector: adwin(0.01),
            grace_period: 50.0,
            max_depth: 1000,
            split_criterion: SplitCriterion::default(),
            delta: 0.01,
            tau: 0.05,
            leaf_prediction: LeafPrediction::default(),
            n_splits: 10,
            binary_split: false,
            max_size: 100.0,
            seed: 42,
        }
    }
}

impl AdaptiveRandomForestClassifierSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> AdaptiveRandomForestClassifier {
        let tree = HoeffdingTreeClassifierSettings {
            grace_period: self.grace_period,
            max_depth: self.max_depth,
            split_criterion: self.split_criterion,
            delta: self.delta,
            tau: self.tau,
            leaf_prediction: self.leaf_prediction,
            n_splits: self.n_splits,
            binary_split: self.binary_split,
            max_size: self.max_size,
            ..HoeffdingTreeClassifierSettings::default()
        };
        let mut growth = tree.growth();
        growth.max_features = Some(self.max_features.of(signature.width()));
        let kinds = signature.kinds().to_vec();
        let make = move |random| ClassTree::new(growth.clone(), &kinds, random);
        let detectors = [&self.warning_detector, &self.drift_detector];
        let places = Places::new(self.n_models, self.lambda_value, self.seed, detectors, Box::new(make));
        AdaptiveRandomForestClassifier {
            weighted: !self.disable_weighted_vote,
            width: signature.width(),
            places,
            votes: Vec::new(),
            room: Vec::new(),
        }
    }
}

/// The model behind [`AdaptiveRandomForestClassifierSettings`].
pub struct AdaptiveRandomForestClassifier {
    weighted: bool,
    width: usize,
    places: Places<ClassTree>,
    votes: Vec<f64>,
    room: Vec<f64>,
}

const NAME: &str = "adaptive_random_forest_classifier";
stateful!(AdaptiveRandomForestClassifier, NAME, 1: places);

impl Merge for AdaptiveRandomForestClassifier {
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError> {
        let mut from = StateReader::new(saved);
        from.begin(NAME, 1)?;
        self.places.absorb(&mut from)?;
        Ok(from.end()?)
    }
}

impl ByRow for AdaptiveRandomForestClassifier {
    fn task(&self) -> Task {
        Task::Classification
    }

    fn width(&self) -> usize {
        self.width
    }

    fn takes_nominal(&self) -> bool {
        true
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut votes = Vec::new();
        out.push_with(|sum| {
            sum.clear();
            for place in &self.places.places {
                place.tree.predict(row, &mut votes);
                sum.resize(sum.len().max(votes.len()), 0.0);
                let [right, rows, _] = place.record;
                let weight = if self.weighted && right > 0.0 { right / rows } else { 1.0 };
                sum.iter_mut().zip(&votes).for_each(|(sum, vote)| *sum += weight * vote);
            }
            let all: f64 = sum.iter().sum();
            sum.iter_mut().for_each(|vote| *vote = if all > 0.0 { *vote / all } else { 0.0 });
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        let (votes, room) = (&mut self.votes, &mut self.room);
        self.places.learn(
            |place| {
                place.tree.predict(row, votes);
                let right = most_probable(votes) == Some(class);
                place.record[0] += f64::from(u8::from(right));
                place.record[1] += 1.0;
                f64::from(u8::from(!right))
            },
            |tree, times| tree.learn(row, class as usize, weight * times, room),
        );
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        Some(self)
    }
}
