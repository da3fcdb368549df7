//! Decision trees that grow on a stream, and forests of them.

mod adaptive_random_forest_classifier;
mod adaptive_random_forest_regressor;
mod adaptive_tree;
mod boost;
mod class_tree;
mod criterion;
mod extremely_fast_decision_tree_classifier;
mod forest;
mod gradient_boosting_classifier;
mod gradient_boosting_regressor;
mod growable_leaf;
mod growth;
mod hoeffding_adaptive_tree_classifier;
mod hoeffding_adaptive_tree_regressor;
mod hoeffding_tree_classifier;
mod hoeffding_tree_regressor;
mod node;
mod settings;
mod splitter;
mod value_splitter;
mod value_tree;

pub use adaptive_random_forest_classifier::{AdaptiveRandomForestClassifier, AdaptiveRandomForestClassifierSettings};
pub use adaptive_random_forest_regressor::{
    AdaptiveRandomForestRegressor, AdaptiveRandomForestRegressorSettings, Aggregation,
};
pub use criterion::SplitCriterion;
pub use extremely_fast_decision_tree_classifier::{
    ExtremelyFastDecisionTreeClassifier, ExtremelyFastDecisionTreeClassifierSettings,
};
pub use forest::MaxFeatures;
pub use gradient_boosting_classifier::{GradientBoostingClassifier, GradientBoostingClassifierSettings};
pub use gradient_boosting_regressor::{GradientBoostingRegressor, GradientBoostingRegressorSettings};
pub use growth::{LeafPrediction, ValueLeafPrediction};
pub use hoeffding_adaptive_tree_classifier::{
    HoeffdingAdaptiveTreeClassifier, HoeffdingAdaptiveTreeClassifierSettings,
};
pub use hoeffding_adaptive_tree_regressor::{HoeffdingAdaptiveTreeRegressor, HoeffdingAdaptiveTreeRegressorSettings};
pub use hoeffding_tree_classifier::{HoeffdingTreeClassifier, HoeffdingTreeClassifierSettings};
pub use hoeffding_tree_regressor::{HoeffdingTreeRegressor, HoeffdingTreeRegressorSettings};
pub use node::CATEGORIES;

/// The rows between two checks of the size of a tree that grows in many places.
const LOOK: u64 = 1_000;
