//! Brings a file's trees into an order in which every walk ends.

use super::{Ensemble, LinearLeaf, Node, Precision, Test, Tree};

/// A node of a tree, as the file describes it.
#[derive(Debug, Clone)]
pub(crate) enum Branch {
    /// A test, and the file's names for the child nodes.
    Split { test: Test, feature: usize, threshold: f64, missing_left: bool, left: i64, right: i64 },
    /// A leaf.
    Leaf(Vec<f64>),
    /// A leaf whose value depends on the row, and the fallback if the row has gaps.
    Linear(f64, LinearLeaf),
}

/// Builds an ensemble, tree by tree.
pub(crate) struct Planter {
    ensemble: Ensemble,
    width: usize,
}

impl Planter {
    /// Trees over `width` inputs; sums begin with `start`, one number for each output.
    pub(crate) fn new(width: usize, start: Vec<f64>, precision: Precision) -> Self {
        Self { ensemble: Ensemble { start, precision, leaf_width: 1, ..Ensemble::default() }, width }
    }

    /// Leaves have this many numbers instead of one.
    pub(crate) fn leaves_of(&mut self, numbers: usize) {
        self.ensemble.leaf_width = numbers;
    }

    /// At the end sums are multiplied by `scale`, and each output's bias is added.
    pub(crate) fn finish(&mut self, scale: f64, bias: Vec<f64>) {
        self.ensemble.finish = Some((scale, bias));
    }

    /// Stores a set of categories; returns the threshold that its split writes.
    pub(crate) fn set(&mut self, mut members: Vec<u32>) -> f64 {
        members.sort_unstable();
        members.dedup();
        self.ensemble.sets.push(members);
        (self.ensemble.sets.len() - 1) as f64
    }

    /// Builds a tree of at most `most` nodes from its root, looking each node up by its name in the file.
    pub(crate) fn tree<E: From<String>>(
        &mut self,
        output: usize,
        root: i64,
        most: usize,
        mut branch: impl FnMut(&mut Self, i64) -> Result<Branch, E>,
    ) -> Result<(), E> {
        if output.saturating_add(self.ensemble.leaf_width) > self.ensemble.start.len() {
            return Err(format!("is for output {output} of {}", self.ensemble.start.len()).into());
        }
        let tree = self.ensemble.trees.len();
        self.ensemble.trees.push(Tree { root: 0, output: output as u32 });
        // The nodes that remain, and where their index is to be written.
        let mut open = vec![(root, None)];
        let mut planted = 0;
        while let Some((name, parent)) = open.pop() {
            planted += 1;
            if planted > most {
                return Err(format!("reaches one of its {most} nodes by more than one way").into());
            }
            let place = match branch(self, name)? {
                Branch::Split { test, feature, threshold, missing_left, left, right } => {
                    if feature >= self.width {
                        return Err(format!("asks for input {feature} of {}", self.width).into());
                    }
                    let node = self.ensemble.nodes.len();
                    let feature = feature as u32;
                    self.ensemble.nodes.push(Node { threshold, feature, left: 0, right: 0, test, missing_left });
                    open.push((right, Some((node, false))));
                    open.push((left, Some((node, true))));
                    i32::try_from(node).map_err(|_| E::from("has too many nodes".into()))?
                }
                Branch::Leaf(values) => self.leaf(&values, None)?,
                Branch::Linear(value, linear) => self.leaf(&[value], Some(linear))?,
            };
            match parent.and_then(|(node, left)| Some((self.ensemble.nodes.get_mut(node)?, left))) {
                Some((node, true)) => node.left = place,
                Some((node, false)) => node.right = place,
                None => self.ensemble.trees.iter_mut().skip(tree).for_each(|tree| tree.root = place),
            }
        }
        Ok(())
    }

    fn leaf<E: From<String>>(&mut self, values: &[f64], linear: Option<LinearLeaf>) -> Result<i32, E> {
        let width = self.ensemble.leaf_width;
        if values.len() != width {
            return Err(format!("has a leaf of {} values in the place of {width}", values.len()).into());
        }
        let index = self.ensemble.leaves.len() / width.max(1);
        self.ensemble.leaves.extend_from_slice(values);
        if linear.is_some() {
            self.ensemble.linear.resize(index, None);
            self.ensemble.linear.push(linear);
        }
        i32::try_from(index).map(|index| !index).map_err(|_| E::from("has too many leaves".into()))
    }

    /// Divides the trees into rounds of that many; they stay undivided if the number does not match.
    pub(crate) fn rounds_of(&mut self, trees: usize) {
        let all = self.ensemble.trees.len();
        if all.is_multiple_of(trees.max(1)) {
            self.ensemble.rounds = (1..=all / trees.max(1)).map(|round| round * trees.max(1)).collect();
        }
    }

    /// Divides the trees into rounds by the number of trees up to the end of each; whether that is possible.
    pub(crate) fn rounds_until(&mut self, ends: Vec<usize>) -> bool {
        let fits = ends.is_sorted() && ends.last().copied().unwrap_or(0) == self.ensemble.trees.len();
        if fits {
            self.ensemble.rounds = ends;
        }
        fits
    }

    pub(crate) fn done(self) -> Ensemble {
        self.ensemble
    }
}
