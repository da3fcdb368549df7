//! Decision trees of every framework in one representation.
//!
//! Frameworks differ in how they compare (`<` or `<=`, in single or double precision) and in what they do with missing
//! values; readers reduce both to one test, `x <= threshold` in double precision, with a direction for missing values.
//! In single precision `x < t` is `x <= the next number below t`, so nothing is lost.

mod plant;

use gristmill_learn::Features;

pub(crate) use plant::{Branch, Planter};

/// A node's test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// Whether x <= threshold; NaN has a direction of its own.
    AtMost,
    /// The same, but a LightGBM zero (|x| <= 1e-35) takes the direction of NaN.
    AtMostZeroMissing,
    /// Whether x equals the threshold. NaN has a direction of its own.
    Equal,
    /// Whether x, truncated towards zero, is in a set, whose index is the threshold. NaN has a direction of its own.
    InSet,
}

/// One node. Children come after their parent, so every walk ends.
#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f64,
    feature: u32,
    /// A node from 0; a leaf as the complement of its index.
    left: i32,
    right: i32,
    test: Test,
    missing_left: bool,
}

/// A leaf that is a linear model.
#[derive(Debug, Clone)]
pub(crate) struct LinearLeaf {
    pub(crate) constant: f64,
    pub(crate) terms: Vec<(u32, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    /// A node from 0; a leaf as the complement of its index.
    root: i32,
    output: u32,
}

/// What a framework computes in single precision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Inputs and sums.
    Single,
    /// Inputs only.
    SingleInputs,
    /// Nothing.
    #[default]
    Double,
}

/// Trees whose leaves are added up, output by output, in the order of the trees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ensemble {
    nodes: Vec<Node>,
    trees: Vec<Tree>,
    leaves: Vec<f64>,
    /// By leaf; empty if all leaves are plain numbers.
    linear: Vec<Option<LinearLeaf>>,
    sets: Vec<Vec<u32>>,
    /// The initial values of the sums.
    start: Vec<f64>,
    /// The numbers in each leaf: for that many outputs from the tree's on.
    leaf_width: usize,
    /// The factor of sums, and the bias that is then added to each; none leaves them unchanged.
    finish: Option<(f64, Vec<f64>)>,
    precision: Precision,
    /// For each round of boosting the number of trees up to its end.
    rounds: Vec<usize>,
    /// The trees that count, from the first; none means all.
    used: Option<usize>,
}

/// Rows that pass one tree after another, so that its nodes stay in the cache.
const BLOCK: usize = 64;
/// Interleaved walks, so that none waits for another's memory: of several rows through one tree, or of one row through
/// several trees.
const LANES: usize = 16;

impl Ensemble {
    pub(crate) fn made_of(&self) -> String {
        let leaves = self.leaves.len() / self.leaf_width.max(1);
        format!("{} trees, {} nodes, {leaves} leaves", self.trees.len(), self.nodes.len())
    }

    /// The number of rounds of boosting.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Leaves out the trees after this many rounds.
    pub(crate) fn limit(&mut self, rounds: usize) {
        self.used = rounds.checked_sub(1).and_then(|last| self.rounds.get(last)).copied();
    }

    /// The number of its nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Appends the sums of every row, one number for each output.
    pub(crate) fn sum(&self, rows: &Features<'_>, out: &mut Vec<f64>) {
        let all: Vec<&[f64]> = rows.rows().collect();
        let mut narrowed = Vec::new();
        for block in all.chunks(BLOCK) {
            let from = out.len();
            block.iter().for_each(|_| out.extend_from_slice(&self.start));
            let sums = out.get_mut(from..).unwrap_or_default();
            if self.precision == Precision::Double {
                self.sum_block(block, sums);
            } else {
                narrowed.clear();
                narrowed.extend(block.iter().flat_map(|row| row.iter()).map(|x| f64::from(*x as f32)));
                let rows: Vec<&[f64]> = narrowed.chunks_exact(rows.width().max(1)).collect();
                self.sum_block(&rows, sums);
            }
            let Some((scale, bias)) = &self.finish else { continue };
            sums.iter_mut().zip(bias.iter().cycle()).for_each(|(sum, bias)| *sum = scale * *sum + bias);
        }
    }

    fn sum_block(&self, rows: &[&[f64]], sums: &mut [f64]) {
        let single = self.precision == Precision::Single;
        let outputs = self.start.len().max(1);
        let rows_at_once = rows.len().clamp(1, LANES);
        let used = self.used.and_then(|used| self.trees.get(..used)).unwrap_or(&self.trees);
        for trees in used.chunks(LANES / rows_at_once) {
            for (rows, sums) in rows.chunks(rows_at_once).zip(sums.chunks_mut(rows_at_once * outputs)) {
                let mut lanes = [(!0, [].as_slice()); LANES];
                let walks = rows.iter().flat_map(|row| trees.iter().map(|tree| (tree.root, *row)));
                let taken = lanes.iter_mut().zip(walks).map(|(lane, walk)| *lane = walk).count();
                self.walk(lanes.get_mut(..taken).unwrap_or_default());
                // Each row's trees in their order.
                let mut lanes = lanes.iter();
                for (row, sums) in rows.iter().zip(sums.chunks_exact_mut(outputs)) {
                    for (tree, (leaf, _)) in trees.iter().zip(lanes.by_ref().take(trees.len())) {
                        let values = self.values(!*leaf as usize, row);
                        for (sum, value) in sums.iter_mut().skip(tree.output as usize).zip(values) {
                            *sum = if single { f64::from(*sum as f32 + value as f32) } else { *sum + value };
                        }
                    }
                }
            }
        }
    }

    /// Takes each walk from its node to its row's leaf.
    fn walk(&self, lanes: &mut [(i32, &[f64])]) {
        let mut walking = true;
        while walking {
            walking = false;
            for (at, row) in lanes.iter_mut() {
                let Some(node) = usize::try_from(*at).ok().and_then(|at| self.nodes.get(at)) else { continue };
                let x = row.get(node.feature as usize).copied().unwrap_or(f64::NAN);
                *at = if self.goes_left(node, x) { node.left } else { node.right };
                walking |= *at >= 0;
            }
        }
    }

    fn goes_left(&self, node: &Node, x: f64) -> bool {
        if x.is_nan() {
            return node.missing_left;
        }
        match node.test {
            Test::AtMost => x <= node.threshold,
            Test::AtMostZeroMissing if x.abs() <= LIGHTGBM_ZERO => node.missing_left,
            Test::AtMostZeroMissing => x <= node.threshold,
            Test::Equal => x == node.threshold,
            Test::InSet => self.is_in_set(node.threshold as usize, x),
        }
    }

    fn is_in_set(&self, set: usize, x: f64) -> bool {
        let category = x.trunc();
        let code = (0.0..=f64::from(u32::MAX)).contains(&category).then_some(category as u32);
        let members = self.sets.get(set).map(Vec::as_slice).unwrap_or_default();
        code.is_some_and(|code| members.binary_search(&code).is_ok())
    }

    /// A leaf's values for a row, output by output.
    fn values(&self, leaf: usize, row: &[f64]) -> impl Iterator<Item = f64> {
        let values = self.leaves.get(leaf * self.leaf_width..(leaf + 1) * self.leaf_width).unwrap_or_default();
        let linear = self.linear.get(leaf).and_then(Option::as_ref).and_then(|linear| linear.sum(row));
        values.iter().map(move |value| linear.unwrap_or(*value))
    }
}

impl LinearLeaf {
    /// None if a number is missing: the leaf then falls back to its plain value, as in LightGBM.
    fn sum(&self, row: &[f64]) -> Option<f64> {
        let mut sum = self.constant;
        for (feature, coefficient) in &self.terms {
            sum += coefficient * row.get(*feature as usize).filter(|x| !x.is_nan())?;
        }
        Some(sum)
    }
}

/// LightGBM's zero (`kZeroThreshold`).
const LIGHTGBM_ZERO: f64 = 1e-35_f32 as f64;
