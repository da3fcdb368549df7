//! The few traits of all components: small, object-safe; `&self` predicts, `&mut self` learns.

use crate::{Features, Labels, Predictions, Signature, StateError, Stateful};

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes; predictions are the probability of the positive one, in [0, 1].
    BinaryClassification,
    /// One of any number of classes, two included; predictions are the probability of each known class.
    Classification,
    /// A number.
    Regression,
    /// How unusual a row is, in [0, 1]; 1 is most unusual. Labels are not needed.
    AnomalyDetection,
    /// The cluster of a row: predictions are its distance to the centre of each. Labels are not needed.
    Clustering,
}

impl Task {
    /// Whether labels are classes.
    pub fn is_classification(self) -> bool {
        matches!(self, Self::BinaryClassification | Self::Classification)
    }

    /// Whether the model learns from rows without labels.
    pub fn is_unsupervised(self) -> bool {
        matches!(self, Self::AnomalyDetection | Self::Clustering)
    }
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

    /// The class; none for a value.
    pub fn class(self) -> Option<u32> {
        match self {
            Self::Class(class) => Some(class),
            Self::Value(_) => None,
        }
    }
}

/// What a model predicts for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prediction<'a> {
    /// The probability of the positive class, a value or an anomaly's score.
    Number(f64),
    /// The probability of each class, by its index; empty if no class is known.
    Classes(&'a [f64]),
    /// The distance to the centre of each cluster, by its index.
    Distances(&'a [f64]),
}

impl From<f64> for Prediction<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl Prediction<'_> {
    /// Whether there is none.
    pub fn is_missing(self) -> bool {
        match self {
            Self::Number(number) => number.is_nan(),
            Self::Classes(numbers) | Self::Distances(numbers) => numbers.is_empty(),
        }
    }

    /// The class predicted: the positive one above 0.5, or the first of the most probable ones; the nearest cluster.
    pub fn class(self) -> Option<u32> {
        match self {
            Self::Number(number) => (!number.is_nan()).then_some(u32::from(number > 0.5)),
            Self::Classes(classes) => most_probable(classes),
            Self::Distances(distances) => nearest(distances),
        }
    }

    /// The number, the probability of the class with index 1, or the index of the nearest cluster.
    pub fn number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Classes([]) => f64::NAN,
            Self::Classes(classes) => classes.get(1).copied().unwrap_or(0.0),
            Self::Distances(distances) => nearest(distances).map_or(f64::NAN, f64::from),
        }
    }

    /// One number for each class or cluster; none if there is only one number.
    pub fn numbers(&self) -> &'_ [f64] {
        match self {
            Self::Number(_) => &[],
            Self::Classes(numbers) | Self::Distances(numbers) => numbers,
        }
    }

    /// The probability of a class; a cluster has none.
    pub fn probability(self, class: u32) -> f64 {
        match self {
            Self::Number(number) if class == 1 => number,
            Self::Number(number) => 1.0 - number,
            Self::Classes(classes) => classes.get(class as usize).copied().unwrap_or(0.0),
            Self::Distances(_) => f64::NAN,
        }
    }
}

/// The index of the least value, the first of equal ones.
fn nearest(distances: &[f64]) -> Option<u32> {
    let mut best: Option<(usize, f64)> = None;
    for (index, distance) in distances.iter().enumerate() {
        if best.is_none_or(|(_, least)| *distance < least) {
            best = Some((index, *distance));
        }
    }
    best.map(|(index, _)| index as u32)
}

/// The index of the greatest value, the first of equal ones.
pub(crate) fn most_probable(classes: &[f64]) -> Option<u32> {
    let mut best: Option<(usize, f64)> = None;
    for (index, value) in classes.iter().enumerate() {
        if best.is_none_or(|(_, most)| *value > most) {
            best = Some((index, *value));
        }
    }
    best.map(|(index, _)| index as u32)
}

/// Why a row or a chain was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// The block has another number of columns than the model was built for.
    #[error("the model was made for {expected} columns, the rows have {found}")]
    Width {
        /// The columns that the model was built for.
        expected: usize,
        /// The columns of the rows.
        found: usize,
    },
    /// Classes were given to a regression or values to a classifier.
    #[error("labels of the wrong kind: this model learns a {0:?}")]
    Labels(Task),
    /// A chain must be transformers followed by one learner.
    #[error("{0}")]
    Chain(String),
    /// A step for numeric columns only was given nominal ones.
    #[error("step {step} of the model takes numbers, and column {column} before it holds categories")]
    Nominal {
        /// The step, from 0.
        step: usize,
        /// The column, from 0.
        column: usize,
    },
    /// A pretrained model could not score a row.
    #[error("the model cannot answer this row: {0}")]
    Model(String),
    /// A model outside the program no longer answers.
    #[error("the model outside cannot be asked: {0}")]
    Outside(String),
    /// Two models that were to be merged do not match.
    #[error("these models cannot be merged: {0}")]
    Merge(#[from] StateError),
}

/// A fitted preparation step, such as a scaler.
pub trait Transformer: Stateful + Send + Sync {
    /// The output columns.
    fn signature(&self) -> Signature;
    /// Learns from one row and its label, if there is one.
    fn learn(&mut self, row: &[f64], truth: Option<Truth>);
    /// Whether it accepts nominal columns; else only numeric ones are allowed.
    fn takes_nominal(&self) -> bool {
        true
    }
    /// Appends the transformed row to `out`. A missing value stays missing, unless the transformer's purpose is to fill
    /// it.
    fn transform(&self, row: &[f64], out: &mut Vec<f64>);
    /// Merging, if it is exact or published.
    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        None
    }
}

/// Anything that predicts.
pub trait Model: Send + Sync {
    /// Its task.
    fn task(&self) -> Task;
    /// The number of columns it was built for.
    fn width(&self) -> usize;
    /// Appends one prediction for each row to `out`.
    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError>;
}

/// A model that learns online, one row after another, in the order given.
pub trait Learner: Model + Stateful {
    /// Learns from rows and their labels, each of them as if it had occurred `weight` times; as many rows as there are
    /// labels. A weight that is not above 0 has no effect.
    fn learn_weighted(&mut self, rows: &Features<'_>, labels: Labels<'_>, weight: f64) -> Result<(), LearnError>;

    /// Whether it accepts nominal columns; else only numeric ones are allowed.
    fn takes_nominal(&self) -> bool {
        false
    }

    /// The number of classes it can distinguish: 2 for a binary learner, and for ensembles of such.
    fn class_limit(&self) -> u32 {
        class_limit(self.task())
    }

    /// Learns from rows and their labels.
    fn learn(&mut self, rows: &Features<'_>, labels: Labels<'_>) -> Result<(), LearnError> {
        self.learn_weighted(rows, labels, 1.0)
    }

    /// Merging, if it is exact or published.
    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        None
    }
}

/// Models that were trained separately can be merged.
pub trait Merge {
    /// Adds the saved state of another component of the same settings.
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError>;
}

/// The check that every model shares: rows of the width it was built for.
pub(crate) fn check_width(expected: usize, rows: &Features<'_>) -> Result<(), LearnError> {
    if rows.width() == expected { Ok(()) } else { Err(LearnError::Width { expected, found: rows.width() }) }
}

/// More classes than this are not learned: each costs memory in every leaf of every tree.
pub const MAX_CLASSES: u32 = 1_000;

fn class_limit(task: Task) -> u32 {
    if task == Task::BinaryClassification { 2 } else { MAX_CLASSES }
}

/// A learner that takes its rows one by one, as all of ours do: it adds only the arithmetic.
pub trait ByRow: Stateful + Send + Sync {
    /// Its task.
    fn task(&self) -> Task;
    /// The number of columns it was built for.
    fn width(&self) -> usize;
    /// Whether it accepts nominal columns; else only numeric ones are allowed.
    fn takes_nominal(&self) -> bool {
        false
    }
    /// The number of classes it can distinguish.
    fn class_limit(&self) -> u32 {
        class_limit(self.task())
    }
    /// Predicts one row.
    fn predict_row(&self, row: &[f64], out: &mut Predictions);
    /// Learns one row. The truth is of the kind that the task needs: a class below [`MAX_CLASSES`] or a finite value;
    /// it may be absent only if the task needs none. The weight is above 0.
    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64);
    /// Merging, if it is exact or published.
    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        None
    }
}

impl<T: ByRow> Model for T {
    fn task(&self) -> Task {
        ByRow::task(self)
    }

    fn width(&self) -> usize {
        ByRow::width(self)
    }

    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError> {
        check_width(ByRow::width(self), rows)?;
        rows.rows().for_each(|row| self.predict_row(row, out));
        Ok(())
    }
}

impl<T: ByRow> Learner for T {
    fn learn_weighted(&mut self, rows: &Features<'_>, labels: Labels<'_>, weight: f64) -> Result<(), LearnError> {
        check_width(ByRow::width(self), rows)?;
        let task = ByRow::task(self);
        let teaches = weight > 0.0 && weight.is_finite();
        match labels {
            Labels::Classes(classes) if task.is_classification() || task.is_unsupervised() => {
                for (row, class) in rows.rows().zip(classes).filter(|(_, class)| teaches && **class < MAX_CLASSES) {
                    self.learn_row(row, Some(Truth::Class(*class)), weight);
                }
            }
            Labels::Values(values) if task == Task::Regression || task.is_unsupervised() => {
                for (row, value) in rows.rows().zip(values).filter(|(_, value)| teaches && value.is_finite()) {
                    self.learn_row(row, Some(Truth::Value(*value)), weight);
                }
            }
            Labels::None if task.is_unsupervised() => {
                rows.rows().filter(|_| teaches).for_each(|row| self.learn_row(row, None, weight));
            }
            _ => return Err(LearnError::Labels(task)),
        }
        Ok(())
    }

    fn takes_nominal(&self) -> bool {
        ByRow::takes_nominal(self)
    }

    fn class_limit(&self) -> u32 {
        ByRow::class_limit(self)
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        ByRow::as_merge(self)
    }
}

/// What [`ByRow`] asks of every learner: its task, its width, whether it takes nominal columns and whether it merges.
macro_rules! facts {
    (takes_nominal) => {
        fn takes_nominal(&self) -> bool {
            true
        }
    };
    (merges) => {
        fn as_merge(&mut self) -> Option<&mut dyn $crate::Merge> {
            Some(self)
        }
    };
    ($task:ident $(, $more:ident)*; width: $($width:tt)+) => {
        fn task(&self) -> $crate::Task {
            $crate::Task::$task
        }

        fn width(&self) -> usize {
            self.$($width)+
        }

        $($crate::traits::facts!($more);)*
    };
}
pub(crate) use facts;

/// Implements [`Merge`] for what can absorb another one of its kind.
macro_rules! mergeable {
    ($(where [$($generic:tt)*])? $kind:ty) => {
        impl$(<$($generic)*>)? $crate::Merge for $kind {
            fn merge(&mut self, saved: &[u8]) -> Result<(), $crate::LearnError> {
                let mut other = self.clone();
                $crate::StateReader::into(saved, &mut other)?;
                self.absorb(&other);
                Ok(())
            }
        }
    };
}
pub(crate) use mergeable;
