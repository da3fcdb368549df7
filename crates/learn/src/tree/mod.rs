//! Decision trees that grow on a stream, and forests of them.

mod adaptive_random_forest_classifier;
mod adaptive_random_forest_regressor;
mod boost;
mod class_tree;
mod criterion;
mod forest;
mod gradient_boosting_classifier;
mod gradient_boosting_regressor;
mod hoeffding_tree_classifier;
mod hoeffding_tree_regressor;
mod node;
mod value_tree;
mod value_watch;
mod watch;

pub use adaptive_random_forest_classifier::{AdaptiveRandomForestClassifier, AdaptiveRandomForestClassifierSettings};
pub use adaptive_random_forest_regressor::{
    AdaptiveRandomForestRegressor, AdaptiveRandomForestRegressorSettings, Aggregation,
};
pub use class_tree::LeafPrediction;
pub use criterion::SplitCriterion;
pub use forest::MaxFeatures;
pub use gradient_boosting_classifier::{GradientBoostingClassifier, GradientBoostingClassifierSettings};
pub use gradient_boosting_regressor::{GradientBoostingRegressor, GradientBoostingRegressorSettings};
pub use hoeffding_tree_classifier::{HoeffdingTreeClassifier, HoeffdingTreeClassifierSettings};
pub use hoeffding_tree_regressor::{HoeffdingTreeRegressor, HoeffdingTreeRegressorSettings};
pub use value_tree::ValueLeafPrediction;

use class_tree::ClassGrowth;
