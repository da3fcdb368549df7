//! Examples between examples of a rare class.

use std::collections::{BTreeMap, VecDeque};

use gristmill_learn::random::Random;
use gristmill_learn::{Kind, StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Example, Known, Rule, Settings};

/// Learns from made examples of rare classes, too: each lies between an example and one of its nearest of the same class,
/// among the last ones (N. V. Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002; over a
/// window, since a stream has no whole). Distances are in standard deviations of each feature; a category that differs
/// counts as one. A made example has the category that is most frequent among the nearest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Smote {
    /// The classes, by their names. Default: those that come less often than the average class.
    pub of: Vec<String>,
    /// How many examples are made for each one that comes. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub times: u32,
    /// How many of the nearest are chosen from. Default 5.
    #[schemars(range(min = 1, max = 100))]
    pub neighbors: u32,
    /// How many examples of each class are kept. Default 100.
    #[schemars(range(min = 1, max = 100_000))]
    pub window: u32,
    /// What chance begins with. Default 0.
    pub seed: u64,
}

impl Default for Smote {
    fn default() -> Self {
        Self { of: Vec::new(), times: 1, neighbors: 5, window: 100, seed: 0 }
    }
}

impl Settings for Smote {
    fn example() -> Self {
        Self { of: vec!["a".into()], times: 2, neighbors: 2, window: 4, seed: 0 }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    fn classes(&self) -> Vec<&str> {
        self.of.iter().map(String::as_str).collect()
    }

    fn build(&self) -> Box<dyn Rule> {
        let random = Random::new(self.seed);
        Box::new(Between { settings: self.clone(), recent: BTreeMap::new(), came: Vec::new(), random })
    }
}

#[derive(Debug)]
struct Between {
    settings: Smote,
    /// The last examples of each class.
    recent: BTreeMap<u32, VecDeque<Vec<f64>>>,
    /// The number of examples by class.
    came: Vec<u64>,
    random: Random,
}

/// The squared distance of two rows of features.
fn distance(a: &[f64], b: &[f64], known: &Known<'_>) -> f64 {
    let pairs = a.iter().zip(b).zip(known.kinds).enumerate();
    let parts = pairs.map(|(feature, ((a, b), kind))| match kind {
        Kind::Nominal => f64::from(u8::from(a.to_bits() != b.to_bits())),
        Kind::Numeric if a.is_finite() && b.is_finite() => {
            let deviation = known.scales.deviation(feature);
            if deviation > 0.0 { ((a - b) / deviation).powi(2) } else { 0.0 }
        }
        Kind::Numeric => f64::from(u8::from(a.is_finite() != b.is_finite())),
    });
    parts.sum()
}

/// The most frequent value; the first of several.
fn most_frequent(values: &[f64]) -> f64 {
    let count = |value: &f64| values.iter().filter(|other| other.to_bits() == value.to_bits()).count();
    values.iter().rev().max_by_key(|value| count(value)).copied().unwrap_or(f64::NAN)
}

impl Between {
    fn is_rare(&mut self, class: u32, known: &Known<'_>) -> bool {
        let place = class as usize;
        if self.came.len() <= place {
            self.came.resize(place + 1, 0);
        }
        if let Some(count) = self.came.get_mut(place) {
            *count += 1;
        }
        if !self.settings.of.is_empty() {
            let name = (known.names)(class);
            return self.settings.of.contains(&name);
        }
        let classes = self.came.iter().filter(|count| **count > 0).count() as u64;
        let (own, all) = (self.came.get(place).copied().unwrap_or(0), self.came.iter().sum::<u64>());
        own * classes < all
    }

    /// An example between this one and one of its nearest; none if there is no other yet.
    fn made(&mut self, example: &Example, recent: &VecDeque<Vec<f64>>, known: &Known<'_>) -> Option<Example> {
        let mut near: Vec<(f64, &Vec<f64>)> =
            recent.iter().map(|other| (distance(&example.features, other, known), other)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.truncate(self.settings.neighbors as usize);
        let (_, other) = near.get(self.random.below(near.len()))?;
        let way = self.random.uniform();
        let mut made = example.clone();
        for (feature, (value, kind)) in made.features.iter_mut().zip(known.kinds).enumerate() {
            let there = other.get(feature).copied().unwrap_or(f64::NAN);
            match kind {
                Kind::Nominal => {
                    let nearest: Vec<f64> = near.iter().filter_map(|(_, row)| row.get(feature).copied()).collect();
                    *value = most_frequent(&nearest);
                }
                Kind::Numeric if value.is_finite() && there.is_finite() => *value += way * (there - *value),
                Kind::Numeric => {}
            }
        }
        Some(made)
    }
}

impl Rule for Between {
    fn apply(&mut self, examples: &mut Vec<Example>, known: &Known<'_>) -> u64 {
        let mut all = Vec::new();
        for example in examples.iter() {
            let Some(class) = example.class().filter(|class| self.is_rare(*class, known)) else { continue };
            let mut recent = self.recent.remove(&class).unwrap_or_default();
            for _ in 0..self.settings.times {
                all.extend(self.made(example, &recent, known));
            }
            recent.push_back(example.features.clone());
            if recent.len() > self.settings.window as usize {
                recent.pop_front();
            }
            self.recent.insert(class, recent);
        }
        let made = all.len() as u64;
        examples.extend(all);
        made
    }
}

impl Stateful for Between {
    fn save(&self, to: &mut StateWriter) {
        to.begin("smote", 1);
        self.random.save(to);
        self.came.save(to);
        to.u64(self.recent.len() as u64);
        for (class, recent) in &self.recent {
            to.u64(u64::from(*class));
            to.u64(recent.len() as u64);
            recent.iter().for_each(|features| features.save(to));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("smote", 1)?;
        self.random.load(from)?;
        self.came.load(from)?;
        self.recent.clear();
        for _ in 0..from.length(16)? {
            let class = from.u64()? as u32;
            let mut recent = VecDeque::new();
            for _ in 0..from.length(8)? {
                let mut features = Vec::new();
                features.load(from)?;
                recent.push_back(features);
            }
            self.recent.insert(class, recent);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let row = |features: &Vec<f64>| 8 * features.len() + 24;
        size_of::<Self>() + self.recent.values().flatten().map(row).sum::<usize>()
    }
}
