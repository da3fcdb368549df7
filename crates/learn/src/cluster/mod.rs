//! Clustering: groups of similar rows, found without labels.

mod k_means;

pub use k_means::{KMeans, KMeansSettings};
