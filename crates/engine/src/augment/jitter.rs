//! Copies with noise.

use gristmill_learn::random::Random;
use gristmill_learn::{Kind, StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Example, Known, Rule, Settings};

/// Learns from copies of each example, too, whose numbers have normal noise on them. Categories and missing values stay as
/// they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Jitter {
    /// How many copies of each example. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub copies: u32,
    /// The noise's standard deviation, in standard deviations of the feature so far. Default 0.1.
    pub scale: f64,
    /// What chance begins with. Default 0.
    pub seed: u64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { copies: 1, scale: 0.1, seed: 0 }
    }
}

impl Settings for Jitter {
    fn example() -> Self {
        Self::default()
    }

    fn needs_classes(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let fits = self.scale > 0.0 && self.scale.is_finite();
        if fits { Ok(()) } else { Err(("scale", "`scale` must be above 0".into())) }
    }

    fn build(&self) -> Box<dyn Rule> {
        Box::new(Noise { copies: self.copies, scale: self.scale, random: Random::new(self.seed) })
    }
}

#[derive(Debug)]
struct Noise {
    copies: u32,
    scale: f64,
    random: Random,
}

impl Noise {
    fn copy(&mut self, example: &Example, known: &Known<'_>) -> Example {
        let mut copy = example.clone();
        for (feature, (value, kind)) in copy.features.iter_mut().zip(known.kinds).enumerate() {
            if *kind == Kind::Numeric && value.is_finite() {
                *value += self.random.normal() * self.scale * known.scales.deviation(feature);
            }
        }
        copy
    }
}

impl Rule for Noise {
    fn apply(&mut self, examples: &mut Vec<Example>, known: &Known<'_>) -> u64 {
        let originals = examples.clone();
        for example in &originals {
            examples.extend((0..self.copies).map(|_| self.copy(example, known)));
        }
        (examples.len() - originals.len()) as u64
    }
}

impl Stateful for Noise {
    fn save(&self, to: &mut StateWriter) {
        to.begin("jitter", 1);
        self.random.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("jitter", 1)?;
        self.random.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
