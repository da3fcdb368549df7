//! Anomaly detection: how unusual a row is, learned without labels.

mod half_space_trees;
mod knn_anomaly_detector;

pub use half_space_trees::{HalfSpaceTrees, HalfSpaceTreesSettings, Limits};
pub use knn_anomaly_detector::{KnnAnomalyDetector, KnnAnomalyDetectorSettings};
