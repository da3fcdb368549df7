//! Shared by the two adaptive random forests: settings, and trees that are replaced on drift.

use crate::drift::{AdwinSettings, Detector, Signal};
use crate::random::{Poisson, Random};
use crate::{DetectorKind, StateError, StateReader, StateWriter, Stateful};

/// How many columns each leaf looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// The square root of their number, rounded.
    #[default]
    Sqrt,
    /// The square root of their number, rounded, and one more, as MOA does.
    SqrtPlusOne,
    /// The logarithm to base 2 of their number, rounded.
    Log2,
    /// All of them.
    All,
}

impl MaxFeatures {
    pub(super) fn of(self, width: usize) -> usize {
        let width_number = width as f64;
        let count = match self {
            Self::Sqrt => width_number.sqrt().round(),
            Self::SqrtPlusOne => width_number.sqrt().round() + 1.0,
            Self::Log2 => libm::log2(width_number.max(1.0)).round(),
            Self::All => width_number,
        };
        (count as usize).clamp(1, width.max(1))
    }
}

pub(super) fn adwin(delta: f64) -> DetectorKind {
    DetectorKind::Adwin(AdwinSettings { delta, ..AdwinSettings::default() })
}

/// A tree, its background tree, and its detectors.
pub(super) struct ForestTree<T> {
    pub(super) tree: T,
    background: Option<T>,
    warning: Box<dyn Detector>,
    drift: Box<dyn Detector>,
    /// Its performance since it was created; the forest defines the contents.
    pub(super) record: [f64; 3],
}

/// What happens to a forest's trees at each row.
pub(super) struct Forest<T> {
    pub(super) trees: Vec<ForestTree<T>>,
    random: Random,
    poisson: Poisson,
    warning: DetectorKind,
    drift: DetectorKind,
    make: Box<dyn Fn(Random) -> T + Send + Sync>,
}

impl<T: Stateful> Forest<T> {
    pub(super) fn new(
        count: usize,
        lambda: f64,
        seed: u64,
        [warning, drift]: [&DetectorKind; 2],
        make: Box<dyn Fn(Random) -> T + Send + Sync>,
    ) -> Self {
        let (warning, drift) = (warning.clone(), drift.clone());
        let poisson = Poisson::new(lambda.clamp(0.0, 100.0));
        let mut forest = Self { trees: Vec::new(), random: Random::new(seed), poisson, warning, drift, make };
        for _ in 0..count {
            let tree = forest.tree();
            forest.trees.push(tree);
        }
        forest
    }

    fn tree(&mut self) -> ForestTree<T> {
        let tree = (self.make)(self.random.fork());
        let (warning, drift) = (self.warning.build(), self.drift.build());
        ForestTree { tree, background: None, warning, drift, record: [0.0; 3] }
    }

    /// Trains each tree a random number of times. `error` is given each tree and returns what its detectors monitor,
    /// before the tree learns; `teach` trains a tree with a weight.
    pub(super) fn learn(
        &mut self,
        mut error: impl FnMut(&mut ForestTree<T>) -> f64,
        mut teach: impl FnMut(&mut T, f64),
    ) {
        for member in &mut self.trees {
            let error = error(member);
            let weight = self.poisson.draw(&mut self.random) as f64;
            if weight == 0.0 {
                continue;
            }
            if let Some(background) = &mut member.background {
                teach(background, weight);
            }
            teach(&mut member.tree, weight);
            if member.warning.update(error) == Signal::Drift {
                member.background = Some((self.make)(self.random.fork()));
                member.warning = self.warning.build();
            }
            if member.drift.update(error) == Signal::Drift {
                member.tree = match member.background.take() {
                    Some(background) => {
                        member.warning = self.warning.build();
                        background
                    }
                    None => (self.make)(self.random.fork()),
                };
                member.drift = self.drift.build();
                member.record = [0.0; 3];
            }
        }
    }
}

impl<T: Stateful> Forest<T> {
    /// Adds the trees in the saved state of a model with the same settings.
    pub(super) fn merge(&mut self, name: &str, saved: &[u8]) -> Result<(), StateError> {
        let mut from = StateReader::new(saved);
        from.begin(name, 1)?;
        Random::new(0).load(&mut from)?;
        self.plant(&mut from)?;
        from.end()
    }

    /// Adds saved trees. A merged forest has more of them than its settings say.
    fn plant(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for _ in 0..from.length(8)? {
            let tree = |from: &mut StateReader<'_>| {
                let mut tree = (self.make)(Random::new(0));
                tree.load(from).map(|()| tree)
            };
            let planted = tree(from)?;
            let background = if from.u64()? != 0 { Some(tree(from)?) } else { None };
            let (mut warning, mut drift, mut record) = (self.warning.build(), self.drift.build(), [0.0; 3]);
            warning.load(from)?;
            drift.load(from)?;
            record.iter_mut().try_for_each(|number: &mut f64| number.load(from))?;
            self.trees.push(ForestTree { tree: planted, background, warning, drift, record });
        }
        Ok(())
    }
}

impl<T: Stateful> Stateful for Forest<T> {
    fn save(&self, to: &mut StateWriter) {
        self.random.save(to);
        to.u64(self.trees.len() as u64);
        for member in &self.trees {
            member.tree.save(to);
            member.background.is_some().save(to);
            member.background.iter().for_each(|tree| tree.save(to));
            member.warning.save(to);
            member.drift.save(to);
            member.record.iter().for_each(|number| number.save(to));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.random.load(from)?;
        self.trees.clear();
        self.plant(from)
    }

    fn size(&self) -> usize {
        let member = |member: &ForestTree<T>| {
            let background = member.background.as_ref().map_or(0, Stateful::size);
            member.tree.size() + background + member.warning.size() + member.drift.size() + 24
        };
        size_of::<Self>() + self.trees.iter().map(member).sum::<usize>()
    }
}
