//! More examples of rare classes.

use gristmill_learn::random::{Poisson, Random};
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shares::{self, Shares};
use super::{Example, Known, Rule, Settings};
use crate::spec::Entries;

/// Learns from examples of classes that come less often than is wanted several times, a number drawn from the Poisson
/// distribution, so that those learned from have the wanted shares. As River's `RandomOverSampler`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oversample {
    /// The share of each class among the examples learned from, by its name: `{yes: 0.5, no: 0.5}`. Classes that are not
    /// named share what is left as they come.
    pub desired_dist: Entries<f64>,
    /// How many times an example may be learned from, on average at most. Default 100.
    #[serde(default = "a_hundred")]
    #[schemars(range(min = 1, max = 10_000))]
    pub most: u32,
    /// What chance begins with. Default 0.
    #[serde(default)]
    pub seed: u64,
}

fn a_hundred() -> u32 {
    100
}

impl Settings for Oversample {
    fn example() -> Self {
        Self { desired_dist: Entries(vec![("a".into(), 0.6), ("b".into(), 0.4)]), most: a_hundred(), seed: 5 }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        shares::check(&self.desired_dist)
    }

    fn classes(&self) -> Vec<&str> {
        self.desired_dist.keys().collect()
    }

    fn build(&self) -> Box<dyn Rule> {
        let most = f64::from(self.most);
        Box::new(Sampler { shares: Shares::new(&self.desired_dist), most, random: Random::new(self.seed) })
    }
}

#[derive(Debug)]
struct Sampler {
    shares: Shares,
    most: f64,
    random: Random,
}

impl Rule for Sampler {
    fn apply(&mut self, examples: &mut Vec<Example>, known: &Known<'_>) -> u64 {
        let before = examples.len();
        let mut drawn = Vec::with_capacity(before);
        for example in examples.drain(..) {
            let Some(class) = example.class() else {
                drawn.push(example);
                continue;
            };
            let ratios = self.shares.ratios(class, known);
            let least = ratios.iter().flatten().fold(f64::INFINITY, |least, ratio| least.min(*ratio));
            let own = ratios.get(class as usize).copied().flatten().unwrap_or(least);
            let times =
                if own <= least { 1 } else { Poisson::new((own / least).min(self.most)).draw(&mut self.random) };
            drawn.extend(std::iter::repeat_n(example, times));
        }
        *examples = drawn;
        examples.len().abs_diff(before) as u64
    }
}

impl Stateful for Sampler {
    fn save(&self, to: &mut StateWriter) {
        to.begin("oversample", 1);
        self.shares.save(to);
        self.random.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("oversample", 1)?;
        self.shares.load(from)?;
        self.random.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.shares.size()
    }
}
