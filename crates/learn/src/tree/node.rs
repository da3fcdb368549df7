//! The nodes of a tree, in one list.

use super::criterion::Distribution;
use crate::{StateError, StateReader, StateWriter, Stateful};

/// Which branch a row takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Left at or below the threshold, right above it.
    AtMost(f64),
    /// Left where the category is this one, right where it is another.
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
    /// The branch of a value; none where it is missing or a category without a branch.
    #[inline]
    pub(super) fn branch(&self, value: f64) -> Option<usize> {
        match self {
            Self::AtMost(threshold) if value.is_finite() => Some(usize::from(value > *threshold)),
            Self::Equal(code) if value.is_finite() => Some(usize::from(value != *code as f64)),
            Self::Ways(codes) => codes.iter().position(|code| value == *code as f64),
            _ => None,
        }
    }
}

/// A split that a leaf proposes: none wins where no column is worth it.
#[derive(Debug, Clone)]
pub(super) struct Suggestion {
    pub(super) merit: f64,
    /// The column, the test, and what each branch begins with.
    pub(super) split: Option<(usize, Test, Vec<Distribution>)>,
}

impl Suggestion {
    pub(super) fn none() -> Self {
        Self { merit: f64::NEG_INFINITY, split: None }
    }
}

/// A node: a leaf, or a test with the places of its branches.
#[derive(Debug, Clone)]
pub(super) enum Node<L> {
    Leaf(Box<L>),
    Branch { column: u32, test: Test, children: Vec<u32> },
}

/// The nodes, the first of them the root.
#[derive(Debug, Clone)]
pub(super) struct Nodes<L> {
    pub(super) list: Vec<Node<L>>,
}

/// Where a row ends up.
pub(super) enum Found {
    /// At a leaf.
    Leaf(usize),
    /// At a node of several ways, none of which is for this category.
    Unknown(usize),
}

impl<L: Weighed> Nodes<L> {
    pub(super) fn new(root: L) -> Self {
        Self { list: vec![Node::Leaf(Box::new(root))] }
    }

    /// Follows a row from the root. Where the value is missing the heavier branch is taken.
    #[inline]
    pub(super) fn find(&self, row: &[f64], stop_at_unknown: bool) -> Found {
        let mut at = 0;
        while let Some(Node::Branch { column, test, children }) = self.list.get(at) {
            let value = row.get(*column as usize).copied().unwrap_or(f64::NAN);
            let next = match test.branch(value) {
                Some(branch) => children.get(branch).copied(),
                None if stop_at_unknown && value.is_finite() && matches!(test, Test::Ways(_)) => {
                    return Found::Unknown(at);
                }
                None => self.heaviest(children),
            };
            at = next.unwrap_or(0) as usize;
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

    fn heaviest(&self, children: &[u32]) -> Option<u32> {
        let mut best: Option<(u32, f64)> = None;
        for child in children {
            let weight = self.weight(*child as usize);
            if best.is_none_or(|(_, most)| weight > most) {
                best = Some((*child, weight));
            }
        }
        best.map(|(child, _)| child)
    }

    /// The weight of all leaves below a node.
    pub(super) fn weight(&self, at: usize) -> f64 {
        match self.list.get(at) {
            Some(Node::Leaf(leaf)) => leaf.weight(),
            Some(Node::Branch { children, .. }) => children.iter().map(|child| self.weight(*child as usize)).sum(),
            None => 0.0,
        }
    }

    pub(super) fn leaf_mut(&mut self, at: usize) -> Option<&mut L> {
        match self.list.get_mut(at) {
            Some(Node::Leaf(leaf)) => Some(leaf),
            _ => None,
        }
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = (usize, &L)> {
        self.list.iter().enumerate().filter_map(|(at, node)| match node {
            Node::Leaf(leaf) => Some((at, leaf.as_ref())),
            Node::Branch { .. } => None,
        })
    }

    /// Turns a leaf into a test with these leaves behind it.
    pub(super) fn split(&mut self, at: usize, column: usize, test: Test, leaves: Vec<L>) {
        let first = self.list.len() as u32;
        let children = (first..first + leaves.len() as u32).collect();
        self.list.extend(leaves.into_iter().map(|leaf| Node::Leaf(Box::new(leaf))));
        if let Some(node) = self.list.get_mut(at) {
            *node = Node::Branch { column: column as u32, test, children };
        }
    }

    /// Adds a branch for a category that had none; the place of its leaf.
    pub(super) fn add_way(&mut self, at: usize, code: u64, leaf: L) -> usize {
        let place = self.list.len();
        self.list.push(Node::Leaf(Box::new(leaf)));
        if let Some(Node::Branch { test: Test::Ways(codes), children, .. }) = self.list.get_mut(at) {
            codes.push(code);
            children.push(place as u32);
        }
        place
    }

    /// The depth of a node below the root.
    pub(super) fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut open = vec![(0_usize, 0)];
        while let Some((at, depth)) = open.pop() {
            deepest = deepest.max(depth);
            if let Some(Node::Branch { children, .. }) = self.list.get(at) {
                open.extend(children.iter().map(|child| (*child as usize, depth + 1)));
            }
        }
        deepest
    }
}

/// A leaf that knows the weight it has seen.
pub(super) trait Weighed {
    fn weight(&self) -> f64;
}

impl<L: Stateful + Default> Stateful for Nodes<L> {
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
                    children.save(to);
                }
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let count = from.length(8)?;
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
            // Branches point forward, so that no walk can go round in circles.
            if children.is_empty()
                || children.iter().any(|child| *child as usize <= self.list.len() || *child as usize >= count)
            {
                return Err(StateError::Unfit { component: "tree".into(), why: "a branch leads nowhere".into() });
            }
            self.list.push(Node::Branch { column, test, children });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let node = |node: &Node<L>| match node {
            Node::Leaf(leaf) => leaf.size(),
            Node::Branch { test, children, .. } => children.len() * 4 + test.size(),
        };
        size_of::<Self>() + self.list.iter().map(|one| size_of::<Node<L>>() + node(one)).sum::<usize>()
    }
}
