//! A leaf that can become a branch.

use super::node::{Budgeted, Test};
use crate::random::Random;
use crate::{Kind, Truth};

/// A leaf of trees that grow in many places.
pub(super) trait GrowableLeaf: Budgeted + Clone {
    /// How it grows.
    type Growth;
    /// A new leaf with these initial statistics.
    fn begin(growth: &Self::Growth, kinds: &[Kind], random: &mut Random, depth: usize, statistics: &[f64]) -> Self;
    /// Its prediction: probabilities, or one value.
    fn answer(&self, row: &[f64], growth: &Self::Growth, kinds: &[Kind], out: &mut Vec<f64>);
    /// Learns a row.
    fn learn_truth(&mut self, row: &[f64], truth: Truth, weight: f64, growth: &Self::Growth, kinds: &[Kind]);
    /// The leaves it is to be split into, when it is time.
    fn branches(
        &mut self,
        growth: &Self::Growth,
        kinds: &[Kind],
        random: &mut Random,
    ) -> Option<(usize, Test, Vec<Self>)>;
    /// The size limit of a tree, in bytes.
    fn most(growth: &Self::Growth) -> usize;
}
