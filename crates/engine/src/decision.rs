//! Decisions as typed columns. How they are written is left to the format of an output.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};

use crate::rows::{Cell, Column, Partition, Position};

/// Writes decisions in a format.
pub trait Encode: Send + Sync {
    /// Appends the decision of a row: these fields, in their order.
    fn encode(&self, fields: &[Field<'_>], row: usize, to: &mut Vec<u8>);

    /// The line with the names of the fields that a file begins with; none in a format that names them in each record.
    fn header(&self, _names: &[String]) -> Option<Vec<u8>> {
        None
    }
}

/// A field of the decisions of several rows.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value for each row.
    pub values: Values<'a>,
}

/// The values of a field, one for each row.
#[derive(Debug)]
pub enum Values<'a> {
    /// Of a column.
    Column(Column),
    /// The same text for every row.
    Text(Cow<'a, str>),
    /// One of these names; none: the value is missing.
    Named {
        /// The names.
        names: Vec<&'a str>,
        /// For each row the index of its name.
        indices: Vec<Option<u32>>,
    },
    /// A name and a number: `prices@45311`.
    Numbered {
        /// The name.
        name: &'a str,
        /// For each row its number.
        numbers: Vec<u64>,
    },
    /// The place of a record: `topic-partition-position`.
    Places {
        /// The partition.
        partition: &'a Partition,
        /// For each row its position.
        positions: Vec<Position>,
    },
    /// A number for each class; a row that was scored before a class existed has none for it.
    Classes {
        /// The names of the classes.
        names: Vec<&'a str>,
        /// The numbers, row after row.
        numbers: Vec<f64>,
        /// For each row the end of its numbers.
        ends: Vec<usize>,
    },
}

/// One value of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Of a column.
    Cell(Cell<'a>),
    /// A name and a number.
    Numbered(&'a str, u64),
    /// The place of a record.
    Place(&'a Partition, Position),
    /// Names of classes, and a number for each of the first ones.
    Classes(&'a [&'a str], &'a [f64]),
}

impl Values<'_> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Value<'_> {
        match self {
            Self::Column(column) => Value::Cell(column.cell(row)),
            Self::Text(text) => Value::Cell(Cell::String(text)),
            Self::Named { names, indices } => match indices.get(row).copied().flatten() {
                Some(index) => Value::Cell(Cell::String(names.get(index as usize).copied().unwrap_or_default())),
                None => Value::Cell(Cell::Missing),
            },
            Self::Numbered { name, numbers } => Value::Numbered(name, numbers.get(row).copied().unwrap_or_default()),
            Self::Places { partition, positions } => {
                Value::Place(partition, positions.get(row).copied().unwrap_or_default())
            }
            Self::Classes { names, numbers, ends } => {
                let end = |row: Option<usize>| row.and_then(|row| ends.get(row)).copied().unwrap_or_default();
                Value::Classes(names, numbers.get(end(row.checked_sub(1))..end(Some(row))).unwrap_or_default())
            }
        }
    }

    /// The values as an Arrow array of so many rows: all but those of a column as text.
    pub(crate) fn array(&self, rows: usize) -> ArrayRef {
        match self {
            Self::Column(column) => column.array(),
            _ => Arc::new((0..rows).map(|row| self.get(row).text()).collect::<StringArray>()),
        }
    }
}

impl<'a> Value<'a> {
    /// The value as text; none if it is missing, or of several numbers.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Cell(Cell::Missing) | Self::Classes(..) => None,
            Self::Cell(cell) => Some(cell.text()),
            Self::Numbered(name, number) => Some(format!("{name}@{number}").into()),
            Self::Place(partition, position) => {
                Some(format!("{}-{}-{position}", partition.topic, partition.number).into())
            }
        }
    }
}
