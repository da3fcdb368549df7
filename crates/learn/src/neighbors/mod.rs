//! Nearest neighbours among recent rows.

mod knn_classifier;
mod knn_regressor;
pub(crate) mod window;

pub use knn_classifier::{KnnClassifier, KnnClassifierSettings};
pub use knn_regressor::{KnnRegressor, KnnRegressorSettings, Neighbourhood};
