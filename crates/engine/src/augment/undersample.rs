//! Fewer examples of frequent classes.

use gristmill_learn::random::Random;
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shares::{self, Shares};
use super::{Example, Known, Rule, Settings};
use crate::spec::Entries;

/// Leaves out examples of classes that come more often than is wanted, by chance, so that those learned from have the
/// wanted shares. None of the rarest class is left out. As River's `RandomUnderSampler`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undersample {
    /// The share of each class among the examples learned from, by its name: `{yes: 0.5, no: 0.5}`. Classes that are not
    /// named share what is left as they come.
    pub desired_dist: Entries<f64>,
    /// What chance begins with. Default 0.
    #[serde(default)]
    pub seed: u64,
}

impl Settings for Undersample {
    fn example() -> Self {
        Self { desired_dist: Entries(vec![("a".into(), 0.4)]), seed: 0 }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        shares::check(&self.desired_dist)
    }

    fn classes(&self) -> Vec<&str> {
        self.desired_dist.keys().collect()
    }

    fn build(&self) -> Box<dyn Rule> {
        Box::new(Sampler { shares: Shares::new(&self.desired_dist), random: Random::new(self.seed) })
    }
}

#[derive(Debug)]
struct Sampler {
    shares: Shares,
    random: Random,
}

impl Rule for Sampler {
    fn apply(&mut self, examples: &mut Vec<Example>, known: &Known<'_>) -> u64 {
        let before = examples.len();
        examples.retain(|example| {
            let Some(class) = example.class() else { return true };
            let ratios = self.shares.ratios(class, known);
            let most = ratios.iter().flatten().fold(0.0_f64, |most, ratio| most.max(*ratio));
            let own = ratios.get(class as usize).copied().flatten().unwrap_or(most);
            own >= most || self.random.uniform() < own / most
        });
        (before - examples.len()) as u64
    }
}

impl Stateful for Sampler {
    fn save(&self, to: &mut StateWriter) {
        to.begin("undersample", 1);
        self.shares.save(to);
        self.random.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("undersample", 1)?;
        self.shares.load(from)?;
        self.random.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.shares.size()
    }
}
