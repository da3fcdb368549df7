//! Anomaly detection: how unusual a row is, learned without labels.

mod half_space_trees;

pub use half_space_trees::{HalfSpaceTrees, HalfSpaceTreesSettings, Limits};
