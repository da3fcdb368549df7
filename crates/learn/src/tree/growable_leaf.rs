//! A leaf that can become a branch.

use super::node::{Budgeted, Node, Nodes, Test};
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

/// Adds a leaf for the category of a row to a branch, and returns its place.
pub(super) fn add_way<L: GrowableLeaf>(
    nodes: &mut Nodes<L>,
    at: usize,
    row: &[f64],
    growth: &L::Growth,
    kinds: &[Kind],
    random: &mut Random,
) -> usize {
    let Some(Node::Branch { column, .. }) = nodes.list.get(at) else { return at };
    let code = row.get(*column as usize).copied().unwrap_or(0.0) as u64;
    let leaf = L::begin(growth, kinds, random, nodes.depth_below(at), &[]);
    let place = nodes.add_way(at, code, leaf);
    nodes.keep_budget(L::most(growth));
    place
}

/// Splits a leaf if its best column is significantly better than the second.
pub(super) fn attempt<L: GrowableLeaf>(
    nodes: &mut Nodes<L>,
    at: usize,
    growth: &L::Growth,
    kinds: &[Kind],
    random: &mut Random,
) {
    let Some((leaf, bytes)) = nodes.leaf_mut(at) else { return };
    let before = leaf.size();
    match leaf.branches(growth, kinds, random) {
        Some((column, test, leaves)) => {
            nodes.split(at, column, test, leaves);
            nodes.keep_budget(L::most(growth));
        }
        None => *bytes = *bytes + leaf.size() - before,
    }
}
