//! How a label is read, and where it comes from.

use crate::connect::{Format, InputPlan};
use crate::plan::ColumnPlan;
use crate::rows::Cell;
use crate::spec::{ColumnType, OnLimit, Size};

/// How a label is read.
#[derive(Debug, Clone)]
pub struct LabelPlan {
    /// Its column.
    pub column: ColumnPlan,
    /// Where it comes from.
    pub from: LabelFrom,
    /// The positive class as text; empty for regression and for any number of classes.
    pub positive: String,
    /// The other class, if the document names it.
    pub negative: Option<String>,
}

/// Where a label comes from.
#[derive(Debug, Clone)]
pub enum LabelFrom {
    /// From its row.
    Row {
        /// The number of its column.
        column: usize,
        /// How much later than its row it is known, in microseconds of event time.
        delay: Option<i64>,
    },
    /// From records of their own.
    Input(Box<LabelInput>),
}

/// Labels in records of their own.
#[derive(Debug, Clone)]
pub struct LabelInput {
    /// Where they come from.
    pub input: InputPlan,
    /// The format of a record.
    pub format: Format,
    /// The columns of a record.
    pub columns: Vec<ColumnPlan>,
    /// The column that names the row.
    pub id: usize,
    /// The column of the label.
    pub column: usize,
    /// The column of the time at which it became known.
    pub time: Option<usize>,
    /// How long a row waits for its label, in microseconds of event time.
    pub wait: i64,
    /// What a row without a label counts as after that.
    pub otherwise: Option<String>,
    /// How much memory rows that wait and labels without a row may take.
    pub max_memory: Size,
    /// What happens when they would take more.
    pub on_limit: OnLimit,
}

impl LabelInput {
    /// The column by which they are dealt to shards, where the document says it.
    pub fn key(&self) -> Option<usize> {
        let (key, _) = self.input.cut_by()?;
        self.columns.iter().position(|column| column.name == key)
    }
}

impl LabelPlan {
    /// The number of its column, if it is in the row.
    pub fn in_row(&self) -> Option<usize> {
        match &self.from {
            LabelFrom::Row { column, .. } => Some(*column),
            LabelFrom::Input(_) => None,
        }
    }

    /// How much later than its row it is known, if it is in the row, in microseconds of event time.
    pub fn delay(&self) -> Option<i64> {
        match &self.from {
            LabelFrom::Row { delay, .. } => *delay,
            LabelFrom::Input(_) => None,
        }
    }

    /// What a row without a label counts as, read as a label.
    pub(crate) fn otherwise(&self) -> Option<Cell<'_>> {
        let text = self.input()?.otherwise.as_deref()?;
        Some(match self.column.kind {
            ColumnType::Boolean(_) => Cell::Boolean(text == "true"),
            ColumnType::Int64(_) => Cell::Int64(text.parse().ok()?),
            ColumnType::Float64(_) => Cell::Float64(text.parse().ok()?),
            _ => Cell::String(text),
        })
    }

    /// Where it comes from, if it is not in the row.
    pub fn input(&self) -> Option<&LabelInput> {
        match &self.from {
            LabelFrom::Row { .. } => None,
            LabelFrom::Input(input) => Some(input),
        }
    }
}
