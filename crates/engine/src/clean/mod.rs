//! Cleaning: rules that reject records, and rules that repair them, in the order of the document.
//!
//! A rule sees the rows that the earlier rules left, one by one, so that its effect on a row does not depend on how
//! rows were cut into batches. What it learns is part of the shard's state.

mod batch;
mod by_key;
mod check;
mod deduplicate;
mod impute;
mod known;
mod late;
mod normalise;
mod outliers;
mod recent;
mod require;
mod section;

use std::fmt::{self, Debug};

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::settings_line;
pub(crate) use batch::Batch;
pub use check::Check;
pub use deduplicate::Deduplicate;
pub use impute::{Fill, Impute};
pub(crate) use known::{Known, RuleError};
pub use late::Late;
pub use normalise::{Case, Normalise, Unicode};
pub use outliers::{Method, Outliers};
pub use require::Require;

/// A rule with its state.
pub(crate) trait Rule: Stateful + Copied + Debug + Send + Sync {
    /// Processes every row that is not rejected, in order.
    fn apply(&mut self, batch: &mut Batch<'_>);

    /// The number of keys or ids that it has evicted for lack of memory.
    fn forgotten(&self) -> u64 {
        0
    }
}

/// A clone through the rule's trait object.
pub(crate) trait Copied {
    /// The same rule with the same state.
    fn copy(&self) -> Box<dyn Rule>;
}

impl<T: Rule + Clone + 'static> Copied for T {
    fn copy(&self) -> Box<dyn Rule> {
        Box::new(self.clone())
    }
}

/// A rule that learns nothing has no state to save.
macro_rules! stateless {
    ($rule:ty) => {
        impl gristmill_learn::Stateful for $rule {
            fn save(&self, _: &mut gristmill_learn::StateWriter) {}

            fn load(&mut self, _: &mut gristmill_learn::StateReader<'_>) -> Result<(), gristmill_learn::StateError> {
                Ok(())
            }

            fn size(&self) -> usize {
                0
            }
        }
    };
}
pub(crate) use stateless;

/// Every rule: its name in documents and its settings.
macro_rules! rules {
    ($($rule:ident = $name:literal),* $(,)?) => {
        /// A rule: `{name: settings}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "the settings say what a rule does")]
        pub enum Clean {
            $($rule($rule),)*
        }

        impl Clean {
            /// Every rule, in the ways in which it works: what laws, saved states and simulated schedules go through. They
            /// are about the numbers `x` and `y`, the text `note`, the key `card`, and the input's `id` and `time`. Those
            /// that can look at records as they arrive come first. `grace`: whether the input has one, which says how late
            /// rows may be.
            pub fn every(grace: bool) -> Vec<Self> {
                let mut every: Vec<Self> = Vec::new();
                $(every.extend(<$rule as Settings>::every(grace).into_iter().map(Self::$rule));)*
                every.sort_by_key(|rule| !rule.settings().on_arrival());
                every
            }

            /// The name in documents.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$rule(_) => $name,)*
                }
            }

            /// What a rule is built from, whatever it is.
            pub(crate) fn settings(&self) -> &dyn Settings {
                match self {
                    $(Self::$rule(settings) => settings,)*
                }
            }
        }
    };
}

rules! {
    Require = "require",
    Check = "check",
    Deduplicate = "deduplicate",
    Impute = "impute",
    Outliers = "outliers",
    Normalise = "normalise",
    Late = "late",
}

impl Clean {
    /// The column that it adds, which says of which rows it holds.
    pub fn flag(&self) -> Option<&str> {
        match self.settings().then()? {
            Then::Flag(name) => Some(name),
            Then::DeadLetter | Then::SetMissing | Then::Clip => None,
        }
    }
}

/// The settings that a rule is built from.
pub(crate) trait Settings {
    /// Valid settings, for each way in which the rule works: see [`Clean::every`].
    fn every(grace: bool) -> Vec<Self>
    where
        Self: Sized;

    /// Its subject, shown beside its name.
    fn subject(&self) -> String;

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError>;

    /// What happens to a row that violates it, if the document says so.
    fn then(&self) -> Option<&Then> {
        None
    }

    /// The columns that records may lack, since this rule handles their absence.
    fn takes_absence(&self) -> &[String] {
        &[]
    }

    /// Whether its effect depends on earlier rows.
    fn remembers(&self) -> bool {
        true
    }

    /// Whether it can process records on arrival, although later ones may be released before them.
    fn on_arrival(&self) -> bool {
        !self.remembers()
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Then {
    /// The record is a dead letter.
    #[default]
    DeadLetter,
    /// The value counts as missing.
    SetMissing,
    /// The value is moved to the nearest one that is not out of bounds.
    Clip,
    /// Nothing is changed, and a boolean column of this name says so: features and conditions can use it.
    Flag(String),
}

/// A rule of a plan.
#[derive(Debug)]
pub struct Cleaner {
    /// Its name in reports, as `check[amount > 0]`.
    pub name: String,
    /// The rule as written.
    pub written: Clean,
    rule: Box<dyn Rule>,
    count: u64,
    /// Whether it is watched for which rows it fires.
    watched: bool,
    /// If so, the rows of the last block that it saw, and whether it fired; of use only while the block is folded in.
    seen: Vec<(usize, bool)>,
}

impl Cleaner {
    pub(crate) fn new(written: &Clean, known: &Known<'_>) -> Result<Self, RuleError> {
        let subject = written.settings().subject();
        let name = if subject.is_empty() { written.name().into() } else { format!("{}[{subject}]", written.name()) };
        Ok(Self {
            name,
            written: written.clone(),
            rule: written.settings().build(known)?,
            count: 0,
            watched: false,
            seen: Vec::new(),
        })
    }

    /// The number of values or records that it has changed, flagged or rejected.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.rule.forgotten()
    }

    /// It is watched from now on.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    /// The rows of the last block that it saw, and whether it fired, if it is watched.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (usize, bool)> {
        self.seen.iter().copied()
    }

    pub(crate) fn apply(&mut self, batch: &mut Batch<'_>) {
        let before = if self.watched { batch.standing() } else { Vec::new() };
        self.rule.apply(batch);
        self.count += batch.take_count();
        let mut fired = batch.take_touched();
        if !self.watched {
            return;
        }
        fired.sort_unstable();
        self.seen = before.into_iter().map(|row| (row, fired.binary_search(&row).is_ok())).collect();
    }
}

/// The rule as written, on one line.
impl fmt::Display for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = serde_json::to_value(&self.written).unwrap_or_default();
        let settings = settings.get(self.written.name()).map(settings_line).unwrap_or_default();
        write!(f, "{} {settings}", self.written.name())
    }
}

impl Clone for Cleaner {
    fn clone(&self) -> Self {
        let Self { name, written, rule, count, watched, .. } = self;
        let (name, written) = (name.clone(), written.clone());
        Self { name, written, rule: rule.copy(), count: *count, watched: *watched, seen: Vec::new() }
    }
}

impl Stateful for Cleaner {
    fn save(&self, to: &mut StateWriter) {
        to.begin("cleaner", 1);
        to.u64(self.count);
        self.rule.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("cleaner", 1)?;
        self.count = from.u64()?;
        self.rule.load(from)
    }

    fn size(&self) -> usize {
        self.rule.size()
    }
}

#[cfg(test)]
mod tests;
