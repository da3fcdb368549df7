//! The nodes of a tree, in one list.

use super::criterion::Distribution;
use crate::{StateError, StateReader, StateWriter, Stateful};

/// The number of categories of a column that are distinguished, the first ones; further ones count as missing. Each
/// leaf stores statistics for each of them, and each may become a branch.
pub const CATEGORIES: usize = 1_000;

/// Whether a category is one of those.
#[inline]
pub(super) fn is_told_apart(category: f64) -> bool {
    (0.0..CATEGORIES as f64).contains(&category)
}

/// The branch of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Left at or below the threshold, right above it.
    AtMost(f64),
    /// Left if the category is this one, right if it is another.
    Equal(u64),
    /// A branch for each category, in this order.
    Ways(Vec<u64>),
}

impl Default for Test {
    fn default() -> Self {
        Self::AtMost(0.0)
    }
}

impl Stateful for Test {
    fn save(&self, to: &mut StateWriter) {
        match self {
            Self::AtMost(threshold) => {
                to.u64(1);
                to.f64(*threshold);
            }
            Self::Equal(code) => {
                to.u64(2);
                to.u64(*code);
            }
            Self::Ways(codes) => {
                to.u64(3);
                codes.save(to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = match from.u64()? {
            1 => Self::AtMost(from.f64()?),
            2 => Self::Equal(from.u64()?),
            _ => {
                let mut codes = Vec::new();
                codes.load(from)?;
                Self::Ways(codes)
            }
        };
        Ok(())
    }

    fn size(&self) -> usize {
        if let Self::Ways(codes) = self { codes.len() * 8 } else { 0 }
    }
}

impl Test {
    /// The branch of a value; none if it is missing or a category without a branch.
    #[inline]
    pub(super) fn branch(&self, value: f64) -> Option<usize> {
        match self {
            Self::AtMost(threshold) if value.is_finite() => Some(usize::from(value > *threshold)),
            Self::Equal(code) if value.is_finite() => Some(usize::from(value != *code as f64)),
            Self::Ways(codes) => codes.iter().position(|code| value == *code as f64),
            _ => None,
        }
    }

    /// Whether it may get a branch for a category that has none.
    fn can_grow(&self, value: f64) -> bool {
        matches!(self, Self::Ways(codes) if codes.len() < CATEGORIES && is_told_apart(value))
    }
}

/// A split that a leaf proposes: none wins if no column is worth it.
#[derive(Debug, Clone)]
pub(super) struct Suggestion {
    pub(super) merit: f64,
    /// The column, the test, and the initial statistics of each branch.
    pub(super) split: Option<(usize, Test, Vec<Distribution>)>,
}

impl Suggestion {
    pub(super) fn none() -> Self {
        Self { merit: f64::NEG_INFINITY, split: None }
    }
}

/// A node: a leaf, or a test with the indices of its branches.
#[derive(Debug, Clone)]
pub(super) enum Node<L> {
    Leaf(Box<L>),
    Branch { column: u32, test: Test, children: Children },
}

/// The indices of the nodes after a test.
#[derive(Debug, Clone)]
pub(super) enum Children {
    /// This many in sequence, from here: no list has to be fetched on the way down a tree.
    Beside { first: u32, count: u32 },
    /// Any indices.
    Listed(Box<[u32]>),
}

impl Children {
    fn of(list: Vec<u32>) -> Self {
        match list.as_slice() {
            [first, ..] if list.iter().zip(*first..).all(|(place, next)| *place == next) => {
                Self::Beside { first: *first, count: list.len() as u32 }
            }
            _ => Self::Listed(list.into()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Beside { count, .. } => *count as usize,
            Self::Listed(list) => list.len(),
        }
    }

    #[inline]
    fn get(&self, branch: usize) -> Option<u32> {
        match self {
            Self::Beside { first, count } => (branch < *count as usize).then(|| first + branch as u32),
            Self::Listed(list) => list.get(branch).copied(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).filter_map(|branch| self.get(branch))
    }
}

/// The nodes, the first of them the root.
#[derive(Debug, Clone)]
pub(super) struct Nodes<L> {
    pub(super) list: Vec<Node<L>>,
    /// The size of all nodes, maintained incrementally: a walk through a large tree at every split would take longer
    /// than learning.
    bytes: usize,
}

/// Where a row ends up.
pub(super) enum Found {
    /// At a leaf.
    Leaf(usize),
    /// At a node with several branches, none of which is for this category.
    Unknown(usize),
}

impl<L: Budgeted> Nodes<L> {
    pub(super) fn new(root: L) -> Self {
        let mut nodes = Self { list: Vec::new(), bytes: 0 };
        nodes.push(root);
        nodes
    }

    fn push(&mut self, leaf: L) {
        let node = Node::Leaf(Box::new(leaf));
        self.bytes += bytes(&node);
        self.list.push(node);
    }

    /// Changes a node other than by learning or deactivation.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Node<L>)) {
        if let Some(node) = self.list.get_mut(at) {
            self.bytes -= bytes(node);
            change(node);
            self.bytes += bytes(node);
        }
    }

    /// Follows a row from the root. If a value is missing the heavier branch is taken. Branches point forward and each
    /// test has some, so that no walk cycles: it takes no more tests than the tree is deep. To find the heavier branch
    /// each node after the test is visited once, so that a row visits no more than the tree's nodes times its depth,
    /// whatever is missing, and one node a level if nothing is.
    #[inline]
    pub(super) fn find(&self, row: &[f64], stop_at_unknown: bool) -> Found {
        let mut at = 0;
        while let Some(Node::Branch { column, test, children }) = self.list.get(at) {
            let value = row.get(*column as usize).copied().unwrap_or(f64::NAN);
            let next = match test.branch(value) {
                Some(branch) => children.get(branch),
                None if stop_at_unknown && test.can_grow(value) => return Found::Unknown(at),
                None => self.heaviest(children),
            };
            match next {
                Some(next) if next as usize > at => at = next as usize,
                _ => break,
            }
        }
        Found::Leaf(at)
    }

    /// The leaf of a row.
    #[inline]
    pub(super) fn leaf(&self, row: &[f64]) -> Option<&L> {
        let (Found::Leaf(at) | Found::Unknown(at)) = self.find(row, false);
        match self.list.get(at) {
            Some(Node::Leaf(leaf)) => Some(leaf),
            _ => None,
        }
    }

    fn heaviest(&self, children: &Children) -> Option<u32> {
        let mut best: Option<(u32, f64)> = None;
        for child in children.iter() {
            let weight = self.weight(child as usize);
            if best.is_none_or(|(_, most)| weight > most) {
                best = Some((child, weight));
            }
        }
        best.map(|(child, _)| child)
    }

    /// The weight of all leaves below a node.
    pub(super) fn weight(&self, at: usize) -> f64 {
        match self.list.get(at) {
            Some(Node::Leaf(leaf)) => leaf.weight(),
            Some(Node::Branch { children, .. }) => children.iter().map(|child| self.weight(child as usize)).sum(),
            None => 0.0,
        }
    }

    /// A leaf, and the size of the whole tree, to which the leaf's growth is added.
    #[inline]
    pub(super) fn leaf_mut(&mut self, at: usize) -> Option<(&mut L, &mut usize)> {
        match self.list.get_mut(at) {
            Some(Node::Leaf(leaf)) => Some((leaf, &mut self.bytes)),
            _ => None,
        }
    }

    /// If the tree exceeds its budget only the most promising leaves may continue to split; of equal ones the later is
    /// deactivated first.
    pub(super) fn keep_budget(&mut self, budget: usize) {
        if self.size() <= budget {
            return;
        }
        let awake = self.leaves().filter(|(_, leaf)| leaf.is_awake());
        let mut awake: Vec<(f64, usize)> = awake.map(|(at, leaf)| (leaf.promise(), at)).collect();
        awake.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        for (_, at) in awake {
            if self.size() <= budget {
                return;
            }
            if let Some((leaf, bytes)) = self.leaf_mut(at) {
                *bytes -= leaf.sleep();
            }
        }
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = (usize, &L)> {
        self.list.iter().enumerate().filter_map(|(at, node)| match node {
            Node::Leaf(leaf) => Some((at, leaf.as_ref())),
            Node::Branch { .. } => None,
        })
    }

    /// Turns a leaf into a test with these leaves.
    pub(super) fn split(&mut self, at: usize, column: usize, test: Test, leaves: Vec<L>) {
        let children = Children::Beside { first: self.list.len() as u32, count: leaves.len() as u32 };
        leaves.into_iter().for_each(|leaf| self.push(leaf));
        self.change(at, |node| *node = Node::Branch { column: column as u32, test, children });
    }

    /// Adds a branch for a category that had none; the index of its leaf.
    pub(super) fn add_way(&mut self, at: usize, code: u64, leaf: L) -> usize {
        let place = self.list.len();
        self.push(leaf);
        self.change(at, |node| {
            if let Node::Branch { test: Test::Ways(codes), children, .. } = node {
                codes.push(code);
                *children = Children::of(children.iter().chain([place as u32]).collect());
            }
        });
        place
    }

    /// The depth of the leaves of a node's branches.
    pub(super) fn depth_below(&self, at: usize) -> usize {
        let (mut node, mut steps) = (at, 0);
        while let Some(Node::Branch { children, .. }) = self.list.get(node) {
            node = children.get(0).map_or(self.list.len(), |child| child as usize);
            steps += 1;
        }
        match self.list.get(node) {
            Some(Node::Leaf(leaf)) => (leaf.depth() + 1).saturating_sub(steps),
            _ => 0,
        }
    }

    /// The depth of a node below the root.
    pub(super) fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut open = vec![(0_usize, 0)];
        while let Some((at, depth)) = open.pop() {
            deepest = deepest.max(depth);
            if let Some(Node::Branch { children, .. }) = self.list.get(at) {
                open.extend(children.iter().map(|child| (child as usize, depth + 1)));
            }
        }
        deepest
    }
}

/// A leaf of a tree with a budget.
pub(super) trait Budgeted: Stateful + Default {
    /// The weight it has seen.
    fn weight(&self) -> f64;
    /// The possible gain from splitting it.
    fn promise(&self) -> f64;
    /// Its depth.
    fn depth(&self) -> usize;
    /// Whether it may still split.
    fn is_awake(&self) -> bool;
    /// Discards what it would need to split; how many bytes those were.
    fn sleep(&mut self) -> usize;
}

/// The size of a node.
fn bytes<L: Stateful>(node: &Node<L>) -> usize {
    size_of::<Node<L>>()
        + match node {
            Node::Leaf(leaf) => leaf.size(),
            Node::Branch { test, children, .. } => children.len() * 4 + test.size(),
        }
}

impl<L: Budgeted> Stateful for Nodes<L> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.list.len() as u64);
        for node in &self.list {
            match node {
                Node::Leaf(leaf) => {
                    to.u64(0);
                    leaf.save(to);
                }
                Node::Branch { column, test, children } => {
                    to.u64(1);
                    test.save(to);
                    column.save(to);
                    children.iter().collect::<Vec<u32>>().save(to);
                }
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let count = from.length(8)?;
        let mut led_to = vec![false; count];
        self.list.clear();
        for _ in 0..count {
            if from.u64()? == 0 {
                let mut leaf = L::default();
                leaf.load(from)?;
                self.list.push(Node::Leaf(Box::new(leaf)));
                continue;
            }
            let mut test = Test::default();
            test.load(from)?;
            let (mut column, mut children) = (0_u32, Vec::<u32>::new());
            column.load(from)?;
            children.load(from)?;
            // Branches point forward, so that no walk can cycle, and no two of them to one node: each node after a test
            // is visited once.
            let mut leads = |child: &u32| {
                let fresh = led_to.get_mut(*child as usize).is_some_and(|led| !std::mem::replace(led, true));
                fresh && *child as usize > self.list.len()
            };
            if children.is_empty() || !children.iter().all(&mut leads) {
                return Err(StateError::Unfit { component: "tree".into(), why: "a branch leads nowhere".into() });
            }
            self.list.push(Node::Branch { column, test, children: Children::of(children) });
        }
        self.bytes = self.list.iter().map(bytes).sum();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::state::stateful;

    thread_local! {
        /// How often a leaf was asked for its weight.
        static ASKED: Cell<usize> = const { Cell::new(0) };
    }

    #[derive(Debug, Clone, Default)]
    struct Leaf {
        weight: f64,
        depth: usize,
    }

    stateful!(Leaf, "leaf", 1: weight, depth);

    impl Budgeted for Leaf {
        fn weight(&self) -> f64 {
            ASKED.set(ASKED.get() + 1);
            self.weight
        }

        fn promise(&self) -> f64 {
            0.0
        }

        fn depth(&self) -> usize {
            self.depth
        }

        fn is_awake(&self) -> bool {
            false
        }

        fn sleep(&mut self) -> usize {
            0
        }
    }

    /// A tree of maximal depth, with a light leaf at each test; the column of its tests is the first one.
    fn comb(depth: usize) -> Nodes<Leaf> {
        let mut nodes = Nodes::new(Leaf::default());
        let mut at = 0;
        for level in 1..=depth {
            let leaves = [1.0, 2.0 * depth as f64].map(|weight| Leaf { weight, depth: level });
            nodes.split(at, 0, Test::AtMost(level as f64), leaves.into());
            at = nodes.list.len() - 1;
        }
        nodes
    }

    #[test]
    fn a_row_looks_at_no_more_than_the_nodes_of_the_tree_at_each_level_of_it() {
        for depth in [1, 2, 10, 200] {
            let nodes = comb(depth);
            let asked = |row: f64| {
                ASKED.set(0);
                let Found::Leaf(leaf) = nodes.find(&[row], false) else { panic!("it is a tree of numbers") };
                (leaf, ASKED.get())
            };
            assert_eq!(asked(1e9), (nodes.list.len() - 1, 0), "nothing is missing");
            let (leaf, missing) = asked(f64::NAN);
            // The heavy leaf is deepest.
            assert_eq!(leaf, nodes.list.len() - 1);
            assert!(missing <= nodes.list.len() * nodes.depth(), "{missing} of {} nodes", nodes.list.len());
        }
    }

    /// Forty tests, both branches of each to the same next one, would be a million million walks for a missing value.
    #[test]
    fn a_saved_tree_in_which_two_branches_lead_to_one_node_is_refused() {
        let mut nodes = comb(40);
        for (at, node) in nodes.list.iter_mut().enumerate() {
            if let Node::Branch { children, .. } = node {
                let next = children.iter().last().unwrap();
                assert!(next as usize > at);
                *children = Children::of(vec![next, next]);
            }
        }
        let saved = StateWriter::of(&nodes);
        assert!(StateReader::into(&saved, &mut comb(1)).is_err());
        let saved = StateWriter::of(&comb(40));
        assert!(StateReader::into(&saved, &mut comb(1)).is_ok());
    }
}
