//! Ensembles of models.

mod ada_boost_classifier;
mod bagging_classifier;
mod leveraging_bagging_classifier;
mod members;
mod one_vs_rest;

pub use ada_boost_classifier::{AdaBoostClassifier, AdaBoostClassifierSettings};
pub use bagging_classifier::{BaggingClassifier, BaggingClassifierSettings};
pub use leveraging_bagging_classifier::{LeveragingBaggingClassifier, LeveragingBaggingClassifierSettings};
pub use one_vs_rest::{OneVsRest, OneVsRestSettings};
