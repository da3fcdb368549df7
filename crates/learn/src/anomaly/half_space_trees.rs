//! Half-space trees.

use crate::features::is_complete;
use crate::random::Random;
use crate::settings::component_settings;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

/// Where the trees cut the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// Anywhere in [0, 1] but near the ends of a node's range, as River does.
    #[default]
    Padded,
    /// In the middle of ranges that reach around [0, 1] by chance, as the paper does; only the last node counts.
    Workspace,
}

component_settings! {
    /// Half-space trees: a row is unusual where few rows of the last window fell into its part of the space.
    ///
    /// Scores in [0, 1], 1 is most unusual; 0 until the first window is full. Scale the columns to [0, 1] first
    /// (`min_max_scaler`); a missing value follows the heavier branch. Memory: 24 bytes for each of `n_trees` x
    /// 2^(`height` + 1) nodes. Source: S. C. Tan, K. M. Ting, T. F. Liu, "Fast Anomaly Detection for Streaming Data", IJCAI
    /// 2011; `anomaly.HalfSpaceTrees` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, anomaly::HalfSpaceTreesSettings};
    /// let mut trees = HalfSpaceTreesSettings { window_size: 100, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..500_u32 {
    ///     trees.learn(&Features::row(&[0.4 + f64::from(step % 10) / 50.0]), Labels::None)?;
    /// }
    /// let mut out = Predictions::default();
    /// trees.predict(&Features::new(&[0.5, 0.95], 1), &mut out)?;
    /// assert!(out.values()[0] < 0.8 && out.values()[1] > 0.95);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    HalfSpaceTreesSettings {
        /// The number of trees, 1 to 1,000. Default 10.
        #[schemars(range(min = 1, max = 1000))]
        n_trees: usize = 10,
        /// The depth of each tree, 1 to 20. Default 8.
        #[schemars(range(min = 1, max = 20))]
        height: usize = 8,
        /// The rows of a window, 1 or more. Default 250.
        #[schemars(range(min = 1))]
        window_size: u64 = 250,
        /// The share of the window below which a node is not looked into any further, in [0, 1]. Default 0.1.
        #[schemars(range(min = 0, max = 1))]
        size_limit: f64 = 0.1,
        /// Where the trees cut the space: `padded` (River's) or `workspace` (the paper's). Default `padded`.
        limits: Limits = Limits::default(),
        /// The seed of the cuts. Default 42.
        seed: u64 = 42,
    }
}

/// The number of the first window; nodes that no row has reached have number 0, two windows before.
const FIRST: u32 = 2;
/// The minimum distance of a cut from the ends of a node's range.
const PADDING: f64 = 0.15;

impl HalfSpaceTreesSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HalfSpaceTrees {
        let mut random = Random::new(self.seed);
        let (width, height) = (signature.width(), self.height.clamp(1, 20));
        let inner = (1 << height) - 1;
        let trees = (0..self.n_trees.max(1)).map(|_| {
            let mut nodes = vec![Node::default(); 2 * inner + 1];
            let ranges = (0..width).map(|_| match self.limits {
                Limits::Padded => (0.0, 1.0),
                Limits::Workspace => {
                    let centre = random.uniform();
                    let reach = 2.0 * centre.max(1.0 - centre);
                    (centre - reach, centre + reach)
                }
            });
            let mut ranges: Vec<(f64, f64)> = ranges.collect();
            self.cut(nodes.split_at_mut(inner).0, 0, &mut ranges, &mut random);
            nodes
        });
        let nodes = trees.flatten().collect();
        HalfSpaceTrees { settings: self.clone(), width, height, rows: 0, full: false, window: FIRST, nodes }
    }

    /// Cuts the space of a node and of all below it; `nodes` are those with children.
    fn cut(&self, nodes: &mut [Node], at: usize, ranges: &mut [(f64, f64)], random: &mut Random) {
        if at >= nodes.len() || ranges.is_empty() {
            return;
        }
        let column = match self.limits {
            Limits::Workspace => random.below(ranges.len()),
            Limits::Padded => {
                // The wider a column's range, the likelier it is cut.
                let mut left = random.uniform() * ranges.iter().map(|(low, high)| high - low).sum::<f64>();
                let found = ranges.iter().position(|(low, high)| {
                    left -= high - low;
                    left < 0.0
                });
                found.unwrap_or(ranges.len() - 1)
            }
        };
        let Some((low, high)) = ranges.get(column).copied() else { return };
        let threshold = match self.limits {
            Limits::Workspace => 0.5 * (low + high),
            Limits::Padded => {
                let (from, to) = (low + PADDING * (high - low), high - PADDING * (high - low));
                from + random.uniform() * (to - from)
            }
        };
        if let Some(node) = nodes.get_mut(at) {
            (node.column, node.threshold) = (column as u32, threshold);
        }
        for (child, range) in [(2 * at + 1, (low, threshold)), (2 * at + 2, (threshold, high))] {
            ranges.iter_mut().skip(column).take(1).for_each(|held| *held = range);
            self.cut(nodes, child, ranges, random);
        }
        ranges.iter_mut().skip(column).take(1).for_each(|held| *held = (low, high));
    }
}

/// The model behind [`HalfSpaceTreesSettings`].
#[derive(Debug, Clone)]
pub struct HalfSpaceTrees {
    settings: HalfSpaceTreesSettings,
    width: usize,
    height: usize,
    /// In the window that is being filled.
    rows: u64,
    full: bool,
    /// The number of that window.
    window: u32,
    /// Of all trees, concatenated.
    nodes: Vec<Node>,
}

/// A node of a perfect binary tree: the children of node n are 2n + 1 and 2n + 2. The row counts are stored with the
/// cuts, so that a walk costs one cache line a node.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    threshold: f64,
    column: u32,
    /// The window in which a row last reached this node, and the rows of that window and of the one before it. Windows
    /// without a row here cost nothing: the number of the window shows what is outdated.
    window: u32,
    latest: u32,
    before: u32,
}

impl Node {
    /// The rows of the window that is being filled.
    fn latest(&self, window: u32) -> u32 {
        if self.window == window { self.latest } else { 0 }
    }

    /// The rows of the last full window.
    #[inline]
    fn reference(&self, window: u32) -> u32 {
        let age = window.wrapping_sub(self.window);
        let rows = if age == 0 { self.before } else { self.latest };
        if age > 1 { 0 } else { rows }
    }

    fn count(&mut self, window: u32) {
        if self.window != window {
            (self.before, self.latest, self.window) = (self.reference(window), 0, window);
        }
        self.latest = self.latest.saturating_add(1);
    }
}

/// The number of trees that a row descends at a time: the steps in one do not wait for those in another.
const ABREAST: usize = 16;

/// The child for a row.
#[inline]
fn child<const COMPLETE: bool>(tree: &[Node], at: usize, node: &Node, row: &[f64], window: u32) -> usize {
    let x = row.get(node.column as usize).copied().unwrap_or(f64::NAN);
    if COMPLETE || x.is_finite() {
        return 2 * at + 1 + usize::from(x >= node.threshold);
    }
    let mass = |node: usize| tree.get(node).map_or(0, |node| node.latest(window));
    2 * at + 1 + usize::from(mass(2 * at + 1) < mass(2 * at + 2))
}

fn masses(tree: &[Node], of: impl Fn(&Node) -> u32) -> impl Iterator<Item = (usize, u32)> {
    tree.iter().map(of).enumerate().filter(|(_, mass)| *mass > 0)
}

impl HalfSpaceTrees {
    /// The nodes of a tree.
    fn size_of_tree(&self) -> usize {
        (2 << self.height) - 1
    }

    /// The sum of the scores of these trees: the masses on the path, each times two to its depth (River), or that of
    /// the last node alone (the paper). A path ends at a node with fewer rows than `least`.
    fn score<const COMPLETE: bool>(&self, trees: &[Node], row: &[f64], least: u32, last_only: bool) -> u64 {
        let (mut places, mut scores, mut ended) = ([0_u32; ABREAST], [0_u64; ABREAST], [false; ABREAST]);
        for depth in 0..=self.height {
            let mut going = false;
            let ways = places.iter_mut().zip(&mut scores).zip(&mut ended);
            for (tree, ((place, score), ended)) in trees.chunks_exact(self.size_of_tree()).zip(ways) {
                let at = *place as usize;
                let Some(node) = tree.get(at) else { continue };
                let mass = node.reference(self.window);
                let reached = (u64::from(mass) << depth) + if last_only { 0 } else { *score };
                *score = if *ended { *score } else { reached };
                *ended |= mass < least;
                going |= !*ended;
                *place = child::<COMPLETE>(tree, at, node, row, self.window) as u32;
            }
            if !going {
                break;
            }
        }
        scores.iter().sum()
    }

    fn count<const COMPLETE: bool>(&mut self, row: &[f64]) {
        let (size, window) = (self.size_of_tree(), self.window);
        for trees in self.nodes.chunks_mut(ABREAST * size) {
            let mut places = [0_u32; ABREAST];
            for _ in 0..=self.height {
                for (tree, place) in trees.chunks_exact_mut(size).zip(&mut places) {
                    let at = *place as usize;
                    let Some(node) = tree.get(at) else { continue };
                    *place = child::<COMPLETE>(tree, at, node, row, window) as u32;
                    if let Some(node) = tree.get_mut(at) {
                        node.count(window);
                    }
                }
            }
        }
    }
}

impl ByRow for HalfSpaceTrees {
    facts!(AnomalyDetection; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        if !self.full {
            return out.push(0.0);
        }
        let window = self.settings.window_size as f64;
        // An integer number of rows is below the limit exactly if it is below the next integer.
        let least = (self.settings.size_limit * window).ceil() as u32;
        let last_only = self.settings.limits == Limits::Workspace;
        let complete = is_complete(row);
        let score = |trees| match complete {
            true => self.score::<true>(trees, row, least, last_only),
            false => self.score::<false>(trees, row, least, last_only),
        };
        let score: u64 = self.nodes.chunks(ABREAST * self.size_of_tree()).map(score).sum();
        let deepest = libm::exp2(self.height as f64);
        let most = window * if last_only { deepest } else { 2.0 * deepest - 1.0 };
        out.push(1.0 - score as f64 / (most * self.settings.n_trees.max(1) as f64));
    }

    fn learn_row(&mut self, row: &[f64], _: Option<Truth>, _: f64) {
        if is_complete(row) {
            self.count::<true>(row);
        } else {
            self.count::<false>(row);
        }
        self.rows += 1;
        if self.rows >= self.settings.window_size {
            (self.rows, self.full) = (0, true);
            self.window = self.window.wrapping_add(1);
        }
    }
}

impl Stateful for HalfSpaceTrees {
    fn save(&self, to: &mut StateWriter) {
        to.begin("half_space_trees", 1);
        self.rows.save(to);
        self.full.save(to);
        let mut write = |tree: &[Node], of: fn(&Node, u32) -> u32| {
            let of = |node: &Node| of(node, self.window);
            to.u64(masses(tree, of).count() as u64);
            masses(tree, of).for_each(|(node, mass)| to.u64((node as u64) << 32 | u64::from(mass)));
        };
        for tree in self.nodes.chunks(self.size_of_tree()) {
            write(tree, Node::latest);
            write(tree, Node::reference);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("half_space_trees", 1)?;
        self.rows.load(from)?;
        self.full.load(from)?;
        self.window = FIRST;
        let masses: [fn(&mut Node) -> &mut u32; 2] = [|node| &mut node.latest, |node| &mut node.before];
        let size = self.size_of_tree();
        for tree in self.nodes.chunks_mut(size) {
            for mass in masses {
                tree.iter_mut().for_each(|node| (*mass(node), node.window) = (0, FIRST));
                for _ in 0..from.length(8)? {
                    let packed = from.u64()?;
                    if let Some(node) = tree.get_mut((packed >> 32) as usize) {
                        *mass(node) = packed as u32;
                    }
                }
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(self.nodes.as_slice())
    }
}
