//! The few traits everything here is made of: small, object-safe; `&self` predicts, `&mut self` learns.

use crate::{Features, Labels, Predictions, Stateful};

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes; predictions are the probability of the positive one, in [0, 1].
    BinaryClassification,
    /// A number.
    Regression,
}

/// The truth for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Truth {
    /// The index of the class; 1 is the positive class of a binary task.
    Class(u32),
    /// The value, for regression.
    Value(f64),
}

impl Truth {
    /// The class as 0 or 1, or the value.
    pub fn number(self) -> f64 {
        match self {
            Self::Class(class) => f64::from(class),
            Self::Value(value) => value,
        }
    }
}

/// Why a row or a chain was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// The block has another number of columns than the model was made for.
    #[error("the model was made for {expected} columns, the rows have {found}")]
    Width {
        /// Columns the model was made for.
        expected: usize,
        /// Columns the rows have.
        found: usize,
    },
    /// Classes were given to a regression or values to a classifier.
    #[error("labels of the wrong kind: this model learns a {0:?}")]
    Labels(Task),
    /// A chain must be transformers followed by one learner.
    #[error("{0}")]
    Chain(String),
}

/// A fitted preparation step, such as a scaler.
pub trait Transformer: Stateful + Send + Sync {
    /// The number of columns that come out.
    fn width(&self) -> usize;
    /// Learns from one row.
    fn learn(&mut self, row: &[f64]);
    /// Appends the transformed row to `out`. A missing value stays missing.
    fn transform(&self, row: &[f64], out: &mut Vec<f64>);
}

/// Anything that predicts.
pub trait Model: Send + Sync {
    /// What it predicts.
    fn task(&self) -> Task;
    /// The number of columns it was made for.
    fn width(&self) -> usize;
    /// Appends one prediction for each row to `out`.
    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError>;
}

/// A model that learns online, one row after the other, in the order given.
pub trait Learner: Model + Stateful {
    /// Learns from rows and their labels; as many rows as there are labels.
    fn learn(&mut self, rows: &Features<'_>, labels: Labels<'_>) -> Result<(), LearnError>;
}

/// The guard that every model shares: rows of the width it was made for.
pub(crate) fn check_width(expected: usize, rows: &Features<'_>) -> Result<(), LearnError> {
    if rows.width() == expected { Ok(()) } else { Err(LearnError::Width { expected, found: rows.width() }) }
}
