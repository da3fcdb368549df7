//! A tree whose branches are monitored, and replaced on drift by alternates that grow beside them.

use super::LOOK;
use super::growable_leaf::GrowableLeaf;
use super::node::Test;
use crate::drift::{Detector, Signal};
use crate::random::{Poisson, Random};
use crate::{DetectorKind, Kind, StateError, StateReader, StateWriter, Stateful, Truth};

/// How alternates are started and judged.
#[derive(Debug, Clone)]
pub(super) struct Adaption {
    pub(super) bootstrap_sampling: bool,
    pub(super) drift_window_threshold: f64,
    pub(super) drift_detector: DetectorKind,
    pub(super) switch_significance: f64,
}

/// The tree.
pub(super) struct AdaptiveTree<L: GrowableLeaf> {
    pub(super) growth: L::Growth,
    pub(super) kinds: Vec<Kind>,
    adaption: Adaption,
    random: Random,
    poisson: Poisson,
    root: Node<L>,
}

/// A node and its record: the rows it has predicted, the sum of their errors in [0, 1], and its detector.
struct Node<L> {
    detector: Box<dyn Detector>,
    rows: f64,
    errors: f64,
    body: Body<L>,
}

enum Body<L> {
    Leaf(L),
    Branch { column: usize, test: Test, children: Vec<Node<L>>, alternate: Option<Box<Node<L>>> },
}

/// The context of all nodes while a row is learned.
struct TrainingRow<'a, L: GrowableLeaf> {
    growth: &'a L::Growth,
    kinds: &'a [Kind],
    adaption: &'a Adaption,
    row: &'a [f64],
    truth: Truth,
    weight: f64,
    error: &'a dyn Fn(&[f64]) -> f64,
}

impl<L: GrowableLeaf> Node<L> {
    fn leaf(leaf: L, adaption: &Adaption) -> Self {
        Self { detector: adaption.drift_detector.build(), rows: 0.0, errors: 0.0, body: Body::Leaf(leaf) }
    }

    fn error(&self) -> f64 {
        if self.rows > 0.0 { self.errors / self.rows } else { 0.0 }
    }

    fn seen(&self) -> f64 {
        match &self.body {
            Body::Leaf(leaf) => leaf.weight(),
            Body::Branch { children, .. } => children.iter().map(Self::seen).sum(),
        }
    }

    fn depth(&self) -> usize {
        match &self.body {
            Body::Leaf(leaf) => leaf.depth(),
            Body::Branch { children, .. } => children.first().map_or(1, Self::depth).saturating_sub(1),
        }
    }

    /// The child for a row: the heavier one if its value is missing or unknown.
    fn next(column: usize, test: &Test, children: &[Self], row: &[f64]) -> usize {
        let value = row.get(column).copied().unwrap_or(f64::NAN);
        test.branch(value).filter(|branch| *branch < children.len()).unwrap_or_else(|| {
            let mut best = (0, f64::NEG_INFINITY);
            for (index, child) in children.iter().enumerate() {
                if child.seen() > best.1 {
                    best = (index, child.seen());
                }
            }
            best.0
        })
    }

    /// The leaf of a row, and the roots of the alternates on the path.
    fn walk<'a>(&'a self, row: &[f64], alternates: &mut Vec<&'a Self>) -> &'a Self {
        let mut node = self;
        while let Body::Branch { column, test, children, alternate } = &node.body {
            alternates.extend(alternate.as_deref());
            match children.get(Self::next(*column, test, children, row)) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    fn learn(&mut self, given: &TrainingRow<'_, L>, random: &mut Random, poisson: &Poisson, room: &mut Vec<f64>) {
        let (row, growth, kinds) = (given.row, given.growth, given.kinds);
        room.clear();
        if let Body::Leaf(leaf) = &self.walk(row, &mut Vec::new()).body {
            leaf.answer(row, growth, kinds, room);
        }
        let error = (given.error)(room);
        let before = self.error();
        let drifted = self.detector.update(error) == Signal::Drift;
        self.rows += 1.0;
        self.errors += error;
        // A decreasing error is not a problem.
        let worse = drifted && self.error() >= before;
        if drifted {
            (self.rows, self.errors) = (0.0, 0.0);
        }
        match &mut self.body {
            Body::Leaf(leaf) => {
                let times = if given.adaption.bootstrap_sampling { poisson.draw(random).max(1) } else { 1 };
                leaf.learn_truth(row, given.truth, given.weight * times as f64, growth, kinds);
                if let Some((column, test, leaves)) = leaf.branches(growth, kinds, random) {
                    let children = leaves.into_iter().map(|leaf| Self::leaf(leaf, given.adaption)).collect();
                    self.detector = given.adaption.drift_detector.build();
                    (self.rows, self.errors) = (0.0, 0.0);
                    self.body = Body::Branch { column, test, children, alternate: None };
                }
            }
            Body::Branch { .. } => self.learn_branch(worse, given, random, poisson, room),
        }
    }

    fn learn_branch(
        &mut self,
        worse: bool,
        given: &TrainingRow<'_, L>,
        random: &mut Random,
        poisson: &Poisson,
        room: &mut Vec<f64>,
    ) {
        let (depth, rows, error) = (self.depth(), self.rows, self.error());
        let Body::Branch { column, test, children, alternate } = &mut self.body else { return };
        let mut switched = false;
        if worse {
            let leaf = L::begin(given.growth, given.kinds, random, depth, &[]);
            *alternate = Some(Box::new(Self::leaf(leaf, given.adaption)));
        } else if let Some(other) = alternate.as_deref() {
            let least = given.adaption.drift_window_threshold;
            if other.rows > least && rows > least {
                let spread = 2.0 * error * (1.0 - error) * (1.0 / other.rows + 1.0 / rows);
                let bound = (spread * libm::log(2.0 / given.adaption.switch_significance)).sqrt();
                switched = error - other.error() > bound;
                if other.error() - error > bound {
                    *alternate = None;
                }
            }
        }
        if let (true, Some(other)) = (switched, alternate.take_if(|_| switched)) {
            *self = *other;
            return self.learn(given, random, poisson, room);
        }
        if let Some(alternate) = alternate {
            alternate.learn(given, random, poisson, room);
        }
        let next = Self::next(*column, test, children, given.row);
        if let Some(child) = children.get_mut(next) {
            child.learn(given, random, poisson, room);
        }
    }

    fn each_leaf(&mut self, visit: &mut dyn FnMut(&mut L)) {
        match &mut self.body {
            Body::Leaf(leaf) => visit(leaf),
            Body::Branch { children, alternate, .. } => {
                children.iter_mut().for_each(|child| child.each_leaf(visit));
                alternate.iter_mut().for_each(|child| child.each_leaf(visit));
            }
        }
    }

    fn save(&self, to: &mut StateWriter) {
        self.detector.save(to);
        self.rows.save(to);
        self.errors.save(to);
        match &self.body {
            Body::Leaf(leaf) => {
                to.u64(0);
                leaf.save(to);
            }
            Body::Branch { column, test, children, alternate } => {
                to.u64(1);
                column.save(to);
                test.save(to);
                to.u64(children.len() as u64);
                children.iter().for_each(|child| child.save(to));
                alternate.is_some().save(to);
                alternate.iter().for_each(|child| child.save(to));
            }
        }
    }

    fn load(adaption: &Adaption, from: &mut StateReader<'_>, depth: usize) -> Result<Self, StateError> {
        if depth > 2_000 {
            return Err(StateError::Unfit { component: "tree".into(), why: "it is deeper than any tree grows".into() });
        }
        let mut node = Self::leaf(L::default(), adaption);
        node.detector.load(from)?;
        node.rows.load(from)?;
        node.errors.load(from)?;
        if from.u64()? == 0 {
            let mut leaf = L::default();
            leaf.load(from)?;
            node.body = Body::Leaf(leaf);
            return Ok(node);
        }
        let (mut column, mut test) = (0_usize, Test::default());
        column.load(from)?;
        test.load(from)?;
        let count = from.length(8)?;
        let children = (0..count).map(|_| Self::load(adaption, from, depth + 1)).collect::<Result<_, _>>()?;
        let alternate = match from.u64()? {
            0 => None,
            _ => Some(Box::new(Self::load(adaption, from, depth + 1)?)),
        };
        node.body = Body::Branch { column, test, children, alternate };
        Ok(node)
    }

    fn size(&self) -> usize {
        let own = size_of::<Self>() + self.detector.size();
        own + match &self.body {
            Body::Leaf(leaf) => leaf.size(),
            Body::Branch { children, alternate, .. } => {
                children.iter().map(Self::size).sum::<usize>() + alternate.as_ref().map_or(0, |other| other.size())
            }
        }
    }
}

impl<L: GrowableLeaf> AdaptiveTree<L> {
    pub(super) fn new(growth: L::Growth, kinds: &[Kind], adaption: Adaption, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let root = Node::leaf(L::begin(&growth, kinds, &mut random, 0, &[]), &adaption);
        Self { growth, kinds: kinds.to_vec(), adaption, random, poisson: Poisson::new(1.0), root }
    }

    /// The predictions of the leaf of a row and of the leaves of the alternates on the path, each with its error.
    pub(super) fn answers(&self, row: &[f64], mut each: impl FnMut(&[f64], f64)) {
        let mut open = Vec::new();
        let mut room = Vec::new();
        let mut next = Some(&self.root);
        while let Some(root) = next {
            let node = root.walk(row, &mut open);
            if let Body::Leaf(leaf) = &node.body {
                leaf.answer(row, &self.growth, &self.kinds, &mut room);
                each(&room, node.error());
            }
            next = open.pop();
        }
    }

    /// Learns a row; `error` rates a prediction, from 0 (correct) to 1.
    pub(super) fn learn(&mut self, row: &[f64], truth: Truth, weight: f64, error: &dyn Fn(&[f64]) -> f64) {
        let Self { growth, kinds, adaption, random, poisson, root } = self;
        let given = TrainingRow::<L> { growth, kinds, adaption, row, truth, weight, error };
        root.learn(&given, random, poisson, &mut Vec::new());
    }

    /// Counts a row; if the tree exceeds its budget no leaf may split any more.
    pub(super) fn keep_budget(&mut self, rows: &mut u64) {
        *rows += 1;
        if rows.is_multiple_of(LOOK) && self.root.size() > L::most(&self.growth) {
            self.root.each_leaf(&mut |leaf| _ = leaf.sleep());
        }
    }
}

impl<L: GrowableLeaf> Stateful for AdaptiveTree<L> {
    fn save(&self, to: &mut StateWriter) {
        self.random.save(to);
        self.root.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.random.load(from)?;
        self.root = Node::load(&self.adaption, from, 0)?;
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.root.size()
    }
}
