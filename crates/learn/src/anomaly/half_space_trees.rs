//! Half-space trees.

use crate::random::Random;
use crate::traits::ByRow;
use crate::{Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Task, Truth};

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

/// Half-space trees: a row is unusual where few rows of the last window fell into its part of the space.
///
/// Scores in [0, 1], 1 is most unusual; 0 until the first window is full. Scale the columns to [0, 1] first
/// (`min_max_scaler`); a missing value follows the heavier branch. Memory: 36 bytes for each of `n_trees` x
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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HalfSpaceTreesSettings {
    /// The number of trees, 1 to 1,000. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    pub n_trees: usize,
    /// The depth of each tree, 1 to 20. Default 8.
    #[schemars(range(min = 1, max = 20))]
    pub height: usize,
    /// The rows of a window, 1 or more. Default 250.
    #[schemars(range(min = 1))]
    pub window_size: u64,
    /// The share of the window below which a node is not looked into any further, in [0, 1]. Default 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub size_limit: f64,
    /// Where the trees cut the space: `padded` (River's) or `workspace` (the paper's). Default `padded`.
    pub limits: Limits,
    /// The seed of the cuts. Default 42.
    pub seed: u64,
}

impl Default for HalfSpaceTreesSettings {
    fn default() -> Self {
        Self { n_trees: 10, height: 8, window_size: 250, size_limit: 0.1, limits: Limits::default(), seed: 42 }
    }
}

/// How near to the ends of a node's range it may be cut.
const PADDING: f64 = 0.15;

impl HalfSpaceTreesSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HalfSpaceTrees {
        let mut random = Random::new(self.seed);
        let (width, height) = (signature.width(), self.height.clamp(1, 20));
        let inner = (1 << height) - 1;
        let trees = (0..self.n_trees.max(1)).map(|_| {
            let mut cuts = vec![Cut::default(); inner];
            let ranges = (0..width).map(|_| match self.limits {
                Limits::Padded => (0.0, 1.0),
                Limits::Workspace => {
                    let centre = random.uniform();
                    let reach = 2.0 * centre.max(1.0 - centre);
                    (centre - reach, centre + reach)
                }
            });
            let mut ranges: Vec<(f64, f64)> = ranges.collect();
            self.cut(&mut cuts, 0, &mut ranges, &mut random);
            let nodes = 2 * inner + 1;
            Tree { cuts, latest: vec![0; nodes], reference: vec![0; nodes] }
        });
        let trees = trees.collect();
        HalfSpaceTrees { settings: self.clone(), width, height, rows: 0, full: false, trees }
    }

    fn cut(&self, cuts: &mut [Cut], node: usize, ranges: &mut [(f64, f64)], random: &mut Random) {
        if node >= cuts.len() || ranges.is_empty() {
            return;
        }
        let column = match self.limits {
            Limits::Workspace => random.below(ranges.len()),
            Limits::Padded => {
                // The wider a column's range, the likelier it is cut.
                let mut at = random.uniform() * ranges.iter().map(|(low, high)| high - low).sum::<f64>();
                let found = ranges.iter().position(|(low, high)| {
                    at -= high - low;
                    at < 0.0
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
        if let Some(cut) = cuts.get_mut(node) {
            *cut = Cut { column: column as u32, threshold };
        }
        for (child, range) in [(2 * node + 1, (low, threshold)), (2 * node + 2, (threshold, high))] {
            ranges.iter_mut().skip(column).take(1).for_each(|held| *held = range);
            self.cut(cuts, child, ranges, random);
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
    /// Of the window that is being filled.
    rows: u64,
    full: bool,
    trees: Vec<Tree>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cut {
    column: u32,
    threshold: f64,
}

/// A perfect binary tree: the children of node n are 2n + 1 and 2n + 2.
#[derive(Debug, Clone)]
struct Tree {
    cuts: Vec<Cut>,
    /// Rows of the window that is being filled, and of the one before it.
    latest: Vec<u32>,
    reference: Vec<u32>,
}

impl Tree {
    fn next(&self, node: usize, row: &[f64]) -> usize {
        let Some(cut) = self.cuts.get(node) else { return node };
        let x = row.get(cut.column as usize).copied().unwrap_or(f64::NAN);
        if x.is_finite() {
            return 2 * node + 1 + usize::from(x >= cut.threshold);
        }
        let mass = |node: usize| self.latest.get(node).copied().unwrap_or(0);
        2 * node + 1 + usize::from(mass(2 * node + 1) < mass(2 * node + 2))
    }

    fn learn(&mut self, row: &[f64], height: usize) {
        let mut node = 0;
        for level in 0..=height {
            let next = if level < height { self.next(node, row) } else { node };
            if let Some(mass) = self.latest.get_mut(node) {
                *mass = mass.saturating_add(1);
            }
            node = next;
        }
    }

    /// The masses on the way, each times two to its depth (River), or that of the last node alone (the paper).
    fn score(&self, row: &[f64], height: usize, least: f64, last_only: bool) -> f64 {
        let (mut node, mut power, mut score) = (0, 1.0, 0.0);
        for level in 0..=height {
            let mass = f64::from(self.reference.get(node).copied().unwrap_or(0));
            score = mass * power + if last_only { 0.0 } else { score };
            if mass < least || level == height {
                break;
            }
            node = self.next(node, row);
            power *= 2.0;
        }
        score
    }
}

impl ByRow for HalfSpaceTrees {
    fn task(&self) -> Task {
        Task::AnomalyDetection
    }

    fn width(&self) -> usize {
        self.width
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        if !self.full {
            return out.push(0.0);
        }
        let window = self.settings.window_size as f64;
        let least = self.settings.size_limit * window;
        let last_only = self.settings.limits == Limits::Workspace;
        let score: f64 = self.trees.iter().map(|tree| tree.score(row, self.height, least, last_only)).sum();
        let deepest = libm::exp2(self.height as f64);
        let most = window * if last_only { deepest } else { 2.0 * deepest - 1.0 };
        out.push(1.0 - score / (most * self.trees.len() as f64));
    }

    fn learn_row(&mut self, row: &[f64], _: Option<Truth>, _: f64) {
        self.trees.iter_mut().for_each(|tree| tree.learn(row, self.height));
        self.rows += 1;
        if self.rows >= self.settings.window_size {
            for tree in &mut self.trees {
                std::mem::swap(&mut tree.latest, &mut tree.reference);
                tree.latest.fill(0);
            }
            (self.rows, self.full) = (0, true);
        }
    }
}

impl Stateful for HalfSpaceTrees {
    fn save(&self, to: &mut StateWriter) {
        to.begin("half_space_trees", 1);
        self.rows.save(to);
        self.full.save(to);
        for masses in self.trees.iter().flat_map(|tree| [&tree.latest, &tree.reference]) {
            let filled = || masses.iter().enumerate().filter(|(_, mass)| **mass > 0);
            to.u64(filled().count() as u64);
            filled().for_each(|(node, mass)| to.u64((node as u64) << 32 | u64::from(*mass)));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("half_space_trees", 1)?;
        self.rows.load(from)?;
        self.full.load(from)?;
        for masses in self.trees.iter_mut().flat_map(|tree| [&mut tree.latest, &mut tree.reference]) {
            masses.fill(0);
            for _ in 0..from.length(8)? {
                let packed = from.u64()?;
                if let Some(mass) = masses.get_mut((packed >> 32) as usize) {
                    *mass = packed as u32;
                }
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let tree = |tree: &Tree| tree.cuts.len() * size_of::<Cut>() + (tree.latest.len() + tree.reference.len()) * 4;
        size_of::<Self>() + self.trees.iter().map(tree).sum::<usize>()
    }
}
