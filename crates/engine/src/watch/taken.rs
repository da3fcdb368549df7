//! What a watch is shown: a value, and where the shard is.

use std::borrow::Cow;

use gristmill_learn::distance::{Comparison, Values};

use crate::rows::{Cell, Position};

/// Where the shard is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// The event time of the row, if it has one.
    pub(crate) time: Option<i64>,
    /// The position of its record.
    pub(crate) position: Position,
    /// The number of the record in its block.
    pub(crate) record: usize,
}

/// A value that is watched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Taken<'a> {
    Number(f64),
    Category(Cow<'a, str>),
    Missing,
}

impl<'a> Taken<'a> {
    /// A cell as it is compared.
    pub(crate) fn of(cell: Cell<'a>, values: Values) -> Self {
        match values {
            _ if cell.is_missing() => Self::Missing,
            Values::Numbers => Self::Number(cell.number()),
            Values::Categories => Self::Category(cell.text()),
        }
    }

    pub(super) fn count_in(&self, comparison: &mut Comparison) {
        match self {
            Self::Number(number) => comparison.number(*number),
            Self::Category(name) => comparison.category(name),
            Self::Missing => comparison.absent(),
        }
    }
}
