//! Rows while the rules are applied.

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use gristmill_learn::{StateError, StateReader, StateWriter};

use crate::rows::{Cell, Column, Refusal, Rows, SchemaDrift, Stage};

/// A value with which a rule replaces another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    Missing,
    Boolean(bool),
    /// Also for integers: it is rounded.
    Number(f64),
    Text(String),
    Time(i64),
}

impl From<Cell<'_>> for Given {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Missing => Self::Missing,
            Cell::Boolean(value) => Self::Boolean(value),
            Cell::Int64(value) => Self::Number(value as f64),
            Cell::Float64(value) => Self::Number(value),
            Cell::String(value) => Self::Text(value.into()),
            Cell::Timestamp(value) => Self::Time(value),
        }
    }
}

impl Given {
    /// Reads a saved value.
    pub(crate) fn read(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(match from.u64()? {
            0 => Self::Missing,
            1 => Self::Boolean(from.u64()? == 1),
            2 => Self::Number(f64::from_bits(from.u64()?)),
            3 => Self::Text(from.text()?.to_string()),
            _ => Self::Time(from.u64()? as i64),
        })
    }

    /// Saves the value for [`Self::read`].
    pub(crate) fn save(&self, to: &mut StateWriter) {
        match self {
            Self::Missing => to.u64(0),
            Self::Boolean(value) => [1, u64::from(*value)].into_iter().for_each(|part| to.u64(part)),
            Self::Number(value) => [2, value.to_bits()].into_iter().for_each(|part| to.u64(part)),
            Self::Text(value) => {
                to.u64(3);
                to.text(value);
            }
            Self::Time(value) => [4, *value as u64].into_iter().for_each(|part| to.u64(part)),
        }
    }
}

/// Rows, and which of them were rejected.
pub(crate) struct Batch<'a> {
    columns: Vec<Column>,
    records: &'a [usize],
    refused: Vec<bool>,
    refusals: &'a mut Vec<Refusal>,
    count: u64,
    /// The rows that were changed, flagged or rejected since they were last taken.
    touched: Vec<usize>,
}

impl<'a> Batch<'a> {
    /// A batch without rejected rows. `flags`: the number of columns that rules may flag.
    pub(crate) fn new(rows: &'a Rows, flags: usize, refusals: &'a mut Vec<Refusal>) -> Self {
        let mut columns = rows.columns.clone();
        let unset = BooleanArray::from(vec![false; rows.len()]);
        columns.extend((0..flags).map(|_| Column::Boolean(unset.clone())));
        Self {
            columns,
            records: &rows.records,
            refused: vec![false; rows.len()],
            refusals,
            count: 0,
            touched: Vec::new(),
        }
    }

    /// The rows that are not rejected, in order.
    pub(crate) fn standing(&self) -> Vec<usize> {
        self.refused.iter().enumerate().filter(|(_, refused)| !**refused).map(|(row, _)| row).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        self.columns.get(column).map_or(Cell::Missing, |column| column.cell(row))
    }

    /// Makes the row's record a dead letter.
    pub(crate) fn refuse(&mut self, row: usize, reason: &'static str, message: String) {
        let record = self.records.get(row).copied().unwrap_or_default();
        self.refusals.push(Refusal { record, stage: Stage::Clean, reason, message });
        if let Some(refused) = self.refused.get_mut(row) {
            *refused = true;
        }
        self.count += 1;
        self.touched.push(row);
    }

    /// Replaces values, in the order of rows.
    pub(crate) fn change(&mut self, column: usize, changes: &[(usize, Given)]) {
        self.count += changes.len() as u64;
        self.touched.extend(changes.iter().map(|(row, _)| row));
        let Some(column) = self.columns.get_mut(column).filter(|_| !changes.is_empty()) else { return };
        let mut given = vec![None; self.refused.len()];
        for (row, value) in changes {
            if let Some(place) = given.get_mut(*row) {
                *place = Some(value);
            }
        }
        *column = changed(column, &given);
    }

    /// Sets a flag for these rows.
    pub(crate) fn flag(&mut self, flag: usize, rows: &[usize]) {
        let changes: Vec<_> = rows.iter().map(|row| (*row, Given::Boolean(true))).collect();
        self.change(flag, &changes);
    }

    /// The number of changes and rejections since the last call.
    pub(crate) fn take_count(&mut self) -> u64 {
        std::mem::take(&mut self.count)
    }

    /// The rows that were changed, flagged or rejected since the last call, in any order, and some several times.
    pub(crate) fn take_touched(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.touched)
    }

    /// The rows that are not rejected, in memory of their own.
    pub(crate) fn finish(self) -> Rows {
        let rows = Rows { columns: self.columns, records: self.records.to_vec(), drift: SchemaDrift::default() };
        if self.refused.contains(&true) { rows.without(&self.refused) } else { rows }
    }
}

fn changed(column: &Column, given: &[Option<&Given>]) -> Column {
    // The replacement, or else the original; missing if it is of another type.
    macro_rules! values {
        ($cell:ident, $given:ident, |$value:ident| $taken:expr) => {
            given.iter().enumerate().map(|(row, given)| match (given, column.cell(row)) {
                (Some(Given::$given($value)), _) => Some($taken),
                (None, Cell::$cell(value)) => Some(value),
                _ => None,
            })
        };
    }
    match column {
        Column::Boolean(_) => Column::Boolean(BooleanArray::from_iter(values!(Boolean, Boolean, |value| *value))),
        Column::Int64(_) => Column::Int64(Int64Array::from_iter(values!(Int64, Number, |value| value.round() as i64))),
        Column::Float64(_) => Column::Float64(Float64Array::from_iter(values!(Float64, Number, |value| *value))),
        Column::String(_) => Column::String(StringArray::from_iter(values!(String, Text, |value| value.as_str()))),
        Column::Timestamp(_) => {
            let times = TimestampMicrosecondArray::from_iter(values!(Timestamp, Time, |value| *value));
            Column::Timestamp(times.with_timezone("UTC"))
        }
    }
}
