//! Augmentation: changes the examples that the model learns from. Only learning is affected: the original rows are
//! scored, decided and measured, and probabilities are corrected for the class frequencies of the training examples.

mod jitter;
mod oversample;
mod scales;
mod section;
mod shares;
mod smote;
mod undersample;

use std::fmt::Debug;

use gristmill_learn::{Kind, Signature, StateError, StateReader, StateWriter, Stateful, Task, Truth};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use jitter::Jitter;
pub use oversample::Oversample;
use scales::Scales;
pub use smote::Smote;
pub use undersample::Undersample;

/// A training example: features as the model sees them, and the label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    pub(crate) features: Vec<f64>,
    pub(crate) truth: Truth,
}

impl Example {
    /// The class; none for regression.
    fn class(&self) -> Option<u32> {
        match self.truth {
            Truth::Class(class) => Some(class),
            Truth::Value(_) => None,
        }
    }
}

/// What rules know of all examples so far.
pub(crate) struct Known<'a> {
    kinds: &'a [Kind],
    scales: &'a Scales,
    /// The names of classes, by their index.
    names: &'a dyn Fn(u32) -> String,
}

/// A rule with its state.
pub(crate) trait Rule: Stateful + Debug + Send + Sync {
    /// Removes or adds examples; how many.
    fn apply(&mut self, examples: &mut Vec<Example>, known: &Known<'_>) -> u64;
}

/// The settings that a rule is built from.
pub(crate) trait Settings {
    /// Valid settings: see [`Augment::every`].
    fn example() -> Self
    where
        Self: Sized;

    /// An error in them: the name of the setting, and why.
    fn check(&self) -> Result<(), (&'static str, String)>;

    /// The classes that they name.
    fn classes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether they are about classes.
    fn needs_classes(&self) -> bool {
        true
    }

    fn build(&self) -> Box<dyn Rule>;
}

/// Every rule: its name in documents and its settings.
macro_rules! rules {
    ($($rule:ident = $name:literal),* $(,)?) => {
        /// A rule of augmentation: `{name: settings}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "the settings say what a rule does")]
        pub enum Augment {
            $($rule($rule),)*
        }

        impl Augment {
            /// Every rule: what laws, saved states and simulated schedules go through. They are about the classes `a` and
            /// `b`.
            pub fn every() -> Vec<Self> {
                vec![$(Self::$rule(<$rule as Settings>::example()),)*]
            }

            /// The name in documents.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$rule(_) => $name,)*
                }
            }

            fn settings(&self) -> &dyn Settings {
                match self {
                    $(Self::$rule(settings) => settings,)*
                }
            }
        }
    };
}

rules! {
    Undersample = "undersample",
    Oversample = "oversample",
    Smote = "smote",
    Jitter = "jitter",
}

impl Augment {
    /// An error in the settings: the name of the setting, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        self.settings().check()
    }

    /// The classes that the settings name.
    pub(crate) fn classes(&self) -> Vec<&str> {
        self.settings().classes()
    }

    /// Whether it needs classes.
    pub(crate) fn needs_classes(&self) -> bool {
        self.settings().needs_classes()
    }
}

/// The rules of a shard with their state, and the counts of classes before and after them.
#[derive(Debug)]
pub(crate) struct Augmenter {
    rules: Vec<(&'static str, Box<dyn Rule>, u64)>,
    kinds: Vec<Kind>,
    scales: Scales,
    /// Rows with a label, by class.
    came: Vec<u64>,
    /// Examples learned from, by class.
    learned: Vec<u64>,
}

impl Augmenter {
    /// Rules without state; none if there are no rules.
    pub(crate) fn new(rules: &[Augment], signature: &Signature) -> Option<Self> {
        let rules: Vec<_> = rules.iter().map(|rule| (rule.name(), rule.settings().build(), 0)).collect();
        let kinds = signature.kinds().to_vec();
        let scales = Scales::new(kinds.len());
        (!rules.is_empty()).then(|| Self { rules, kinds, scales, came: Vec::new(), learned: Vec::new() })
    }

    /// The examples to learn from instead of a row.
    pub(crate) fn examples(&mut self, features: &[f64], truth: Truth, names: &dyn Fn(u32) -> String) -> Vec<Example> {
        let mut examples = vec![Example { features: features.to_vec(), truth }];
        self.scales.update(features);
        count(&mut self.came, &examples);
        let known = Known { kinds: &self.kinds, scales: &self.scales, names };
        for (_, rule, total) in &mut self.rules {
            *total += rule.apply(&mut examples, &known);
        }
        count(&mut self.learned, &examples);
        examples
    }

    /// The number of examples that each rule has added or removed.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (String, u64)> {
        self.rules.iter().map(|(name, _, count)| (name.to_string(), *count))
    }

    /// Corrects probabilities for the class frequencies of the training examples: each is multiplied by the ratio of
    /// its class's frequency in the stream to that in training, and their sum is normalised to 1 (M. Saerens, P.
    /// Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    /// Computation 14, 2002).
    pub(crate) fn correct(&self, task: Task, said: &[f64]) -> Vec<f64> {
        let share = |class: usize| {
            let of = |counts: &[u64]| counts.get(class).copied().unwrap_or(0) as f64;
            if of(&self.came) == 0.0 { 1.0 } else { of(&self.came) / of(&self.learned).max(1.0) }
        };
        match said {
            [positive] if task == Task::BinaryClassification && (0.0..=1.0).contains(positive) => {
                let (yes, no) = (positive * share(1), (1.0 - positive) * share(0));
                vec![if yes + no > 0.0 { yes / (yes + no) } else { *positive }]
            }
            several if task.is_classification() && several.len() > 1 => {
                let weighed: Vec<f64> = several.iter().enumerate().map(|(class, p)| p * share(class)).collect();
                let sum: f64 = weighed.iter().sum();
                let sound = sum > 0.0 && sum.is_finite();
                if sound { weighed.iter().map(|p| p / sum).collect() } else { several.to_vec() }
            }
            other => other.to_vec(),
        }
    }
}

fn count(counts: &mut Vec<u64>, examples: &[Example]) {
    for class in examples.iter().filter_map(Example::class) {
        let class = class as usize;
        if counts.len() <= class {
            counts.resize(class + 1, 0);
        }
        if let Some(count) = counts.get_mut(class) {
            *count += 1;
        }
    }
}

impl Stateful for Augmenter {
    fn save(&self, to: &mut StateWriter) {
        to.begin("augment", 1);
        self.scales.save(to);
        self.came.save(to);
        self.learned.save(to);
        for (_, rule, count) in &self.rules {
            to.u64(*count);
            rule.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("augment", 1)?;
        self.scales.load(from)?;
        self.came.load(from)?;
        self.learned.load(from)?;
        for (_, rule, count) in &mut self.rules {
            *count = from.u64()?;
            rule.load(from)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.scales.size() + self.rules.iter().map(|(_, rule, _)| rule.size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
