//! The growth parameters of trees.

use super::SplitCriterion;
use crate::random::Random;

/// How a leaf predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeafPrediction {
    /// The shares of the classes it has seen.
    Mc,
    /// Naive Bayes.
    Nb,
    /// Whichever of the two has been right more often.
    #[default]
    Nba,
}

/// The growth parameters of a classification tree.
#[derive(Debug, Clone)]
pub(crate) struct ClassGrowth {
    pub(crate) grace_period: f64,
    pub(crate) max_depth: usize,
    pub(crate) split_criterion: SplitCriterion,
    pub(crate) delta: f64,
    pub(crate) tau: f64,
    pub(crate) leaf_prediction: LeafPrediction,
    pub(crate) nb_threshold: f64,
    pub(crate) n_splits: usize,
    pub(crate) binary_split: bool,
    pub(crate) min_branch_fraction: f64,
    pub(crate) max_share_to_split: f64,
    /// In bytes.
    pub(crate) max_size: usize,
    /// The number of columns, drawn for each leaf, that it observes; by default all of them.
    pub(crate) max_features: Option<usize>,
}

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

/// The growth parameters of a regression tree.
#[derive(Debug, Clone)]
pub(crate) struct ValueGrowth {
    pub(crate) grace_period: f64,
    pub(crate) max_depth: usize,
    pub(crate) delta: f64,
    pub(crate) tau: f64,
    pub(crate) leaf_prediction: ValueLeafPrediction,
    pub(crate) leaf_lr: f64,
    /// How far a leaf's value moves towards each row's: a boosted tree forgets. 0: the value is the mean of all rows.
    pub(crate) forget: f64,
    /// Whether inherited rows are in no branch of a leaf's splits, so that merits are nearly equal until it has seen
    /// many rows itself. Boosted classification trees and forests measure better with it (the Handbook's boosted trees,
    /// the parity table's forests); why is not known. Perhaps the ratio of two merits proves little where steps have
    /// long tails, as those of a rare class have.
    pub(crate) holds_back: bool,
    pub(crate) model_selector_decay: f64,
    /// Numbers are rounded to multiples of 1 divided by this.
    pub(crate) grid: f64,
    pub(crate) min_samples_split: f64,
    pub(crate) binary_split: bool,
    /// In bytes.
    pub(crate) max_size: usize,
    pub(crate) max_features: Option<usize>,
}

/// The columns that a new leaf observes: all of them, or this many at random.
pub(super) fn columns(width: usize, max_features: Option<usize>, random: &mut Random) -> impl Iterator<Item = usize> {
    let mut columns: Vec<usize> = (0..width).collect();
    if let Some(count) = max_features.filter(|count| *count < width) {
        random.choose(&mut columns, count);
        columns.truncate(count);
        columns.sort_unstable();
    }
    columns.into_iter()
}
