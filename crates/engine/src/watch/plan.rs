//! What is watched, once every name is resolved.

use std::fmt;
use std::sync::Arc;

use gristmill_learn::DetectorKind;
use gristmill_learn::distance::{Measure, Values};
use gristmill_learn::metric::Window;

use super::profile::Profile;
use super::{Action, Limit, Watch};
use crate::spec::settings_line;

/// What a watch looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A column of the rows, by its number.
    Column(usize),
    /// The number that decisions show.
    Score,
    /// How wrong a prediction was, once the label is known.
    Error,
    /// A rule of `clean`, by its number: for which rows it fires.
    Rule(usize),
}

/// A watch of one thing.
#[derive(Debug, Clone)]
pub struct WatchPlan {
    /// Its name in alarms and reports, as `psi[price]`.
    pub name: String,
    /// What it watches, as the document names it.
    pub of: String,
    /// The same, resolved.
    pub subject: Subject,
    /// The watch as written, of this alone.
    pub written: Watch,
    /// What an alarm does.
    pub then: Action,
    pub(crate) kind: Kind,
}

/// How it is watched.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Compared(Comparing),
    Detected { detector: DetectorKind, quiet: u64 },
}

/// How windows are compared.
#[derive(Debug, Clone)]
pub(crate) struct Comparing {
    pub(crate) measure: Measure,
    pub(crate) values: Values,
    pub(crate) window: Window,
    pub(crate) reference: Source,
    /// Its chance is already corrected for the number of comparisons.
    pub(crate) limit: Limit,
    /// The column whose values are told apart.
    pub(crate) by: Option<(String, usize)>,
}

/// Where a reference comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    First(u64),
    Previous,
    /// What a file says of the column, and the digest of the file.
    Saved(Arc<Profile>, u128),
}

impl WatchPlan {
    /// The rule that it watches, by its number.
    pub(crate) fn rule(&self) -> Option<usize> {
        match self.subject {
            Subject::Rule(rule) => Some(rule),
            Subject::Column(_) | Subject::Score | Subject::Error => None,
        }
    }

    /// Whether it compares windows: so many of these share the false alarms that are allowed.
    pub(crate) fn compares(&self) -> bool {
        matches!(self.kind, Kind::Compared(_))
    }

    /// Gives it its part of the false alarms that all comparisons may raise.
    pub(crate) fn correct(&mut self, comparisons: usize) {
        if let Kind::Compared(comparing) = &mut self.kind {
            comparing.limit.chance /= comparisons.max(1) as f64;
        }
    }
}

/// The watch on one line: its name, what it watches, and its settings where they are not the defaults.
impl fmt::Display for WatchPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = crate::plan::definition::shortest(&self.written);
        let mut settings = written.get(self.written.name()).and_then(|settings| settings.as_object()).cloned();
        if let Some(settings) = &mut settings {
            settings.remove("of");
        }
        let settings = settings.filter(|settings| !settings.is_empty());
        let settings = settings.map_or(String::new(), |settings| format!(" {}", settings_line(&settings.into())));
        write!(f, "{} of {}{settings}", self.written.name(), self.of)
    }
}
