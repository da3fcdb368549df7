//! Typed columns and their cells.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::DataType;
use arrow_select::concat::concat;
use gristmill_learn::{StateError, StateReader, StateWriter};

use crate::spec::ColumnType;
use crate::timestamp;

/// A decoded column.
#[derive(Debug, Clone)]
pub enum Column {
    /// Of `boolean`.
    Boolean(BooleanArray),
    /// Of `int64`.
    Int64(Int64Array),
    /// Of `float64`.
    Float64(Float64Array),
    /// Of `string`.
    String(StringArray),
    /// Of `timestamp`, in UTC.
    Timestamp(TimestampMicrosecondArray),
}

impl Column {
    /// The Arrow array; times are in UTC.
    pub fn array(&self) -> ArrayRef {
        match self {
            Self::Boolean(array) => Arc::new(array.clone()),
            Self::Int64(array) => Arc::new(array.clone()),
            Self::Float64(array) => Arc::new(array.clone()),
            Self::String(array) => Arc::new(array.clone()),
            Self::Timestamp(array) => Arc::new(array.clone().with_timezone("UTC")),
        }
    }

    /// A column of a type, with all values missing.
    pub(crate) fn missing(kind: &ColumnType, rows: usize) -> Self {
        match kind {
            ColumnType::Boolean(_) => Self::Boolean(BooleanArray::new_null(rows)),
            ColumnType::Int64(_) => Self::Int64(Int64Array::new_null(rows)),
            ColumnType::Float64(_) => Self::Float64(Float64Array::new_null(rows)),
            ColumnType::String(_) => Self::String(StringArray::new_null(rows)),
            ColumnType::Timestamp(_) => Self::Timestamp(TimestampMicrosecondArray::new_null(rows).with_timezone("UTC")),
        }
    }

    /// Columns of one type, concatenated; none if there are none, or if their types differ.
    pub fn joined(parts: &[&Self]) -> Option<Self> {
        let arrays: Vec<ArrayRef> = parts.iter().map(|part| part.array()).collect();
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array as &dyn Array).collect();
        Some(Self::of(&concat(&arrays).ok()?))
    }

    /// A column of unset flags.
    pub(crate) fn flags(rows: usize) -> Self {
        Self::Boolean(BooleanArray::from(vec![false; rows]))
    }

    /// Saves the values, to the bit, for [`Self::load`] of a column with this type.
    pub(crate) fn save(&self, rows: usize, to: &mut StateWriter) {
        for row in 0..rows {
            let cell = self.cell(row);
            to.u64((cell != Cell::Missing).into());
            match cell {
                Cell::Missing => {}
                Cell::Boolean(value) => to.u64(value.into()),
                Cell::Int64(value) | Cell::Timestamp(value) => to.u64(value as u64),
                Cell::Float64(value) => to.u64(value.to_bits()),
                Cell::String(value) => to.text(value),
            }
        }
    }

    /// Loads a column of this one's type with that many values.
    pub(crate) fn load(&self, rows: usize, from: &mut StateReader<'_>) -> Result<Self, StateError> {
        fn values<'a, T>(
            rows: usize,
            from: &mut StateReader<'a>,
            read: impl Fn(&mut StateReader<'a>) -> Result<T, StateError>,
        ) -> Result<Vec<Option<T>>, StateError> {
            (0..rows).map(|_| if from.u64()? == 1 { read(from).map(Some) } else { Ok(None) }).collect()
        }
        let whole = |from: &mut StateReader<'_>| Ok(from.u64()? as i64);
        Ok(match self {
            Self::Boolean(_) => Self::Boolean(values(rows, from, |from| Ok(from.u64()? == 1))?.into()),
            Self::Int64(_) => Self::Int64(values(rows, from, whole)?.into()),
            Self::Float64(_) => Self::Float64(values(rows, from, |from| Ok(f64::from_bits(from.u64()?)))?.into()),
            Self::String(_) => Self::String(values(rows, from, StateReader::text)?.into()),
            Self::Timestamp(_) => {
                let times: TimestampMicrosecondArray = values(rows, from, whole)?.into();
                Self::Timestamp(times.with_timezone("UTC"))
            }
        })
    }

    /// The column of an Arrow array of one of these types; any other is converted to numbers.
    pub(crate) fn of(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int64 => Self::Int64(array.as_primitive().clone()),
            DataType::Utf8 => Self::String(array.as_string().clone()),
            DataType::Timestamp(..) => Self::Timestamp(array.as_primitive().clone()),
            _ => Self::Float64(array.as_primitive().clone()),
        }
    }

    /// The cell of a row.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Boolean(array) if array.is_valid(row) => Cell::Boolean(array.value(row)),
            Self::Int64(array) if array.is_valid(row) => Cell::Int64(array.value(row)),
            Self::Float64(array) if array.is_valid(row) => Cell::Float64(array.value(row)),
            Self::String(array) if array.is_valid(row) => Cell::String(array.value(row)),
            Self::Timestamp(array) if array.is_valid(row) => Cell::Timestamp(array.value(row)),
            _ => Cell::Missing,
        }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Missing,
    /// True or false.
    Boolean(bool),
    /// An integer.
    Int64(i64),
    /// A number.
    Float64(f64),
    /// Text.
    String(&'a str),
    /// Microseconds since 1970, UTC.
    Timestamp(i64),
}

impl<'a> Cell<'a> {
    /// Whether there is no value, or one that is not a finite number.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::Missing) || matches!(self, Self::Float64(value) if !value.is_finite())
    }

    /// The value as the name of a class, a segment or a key.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::String(text) => text.into(),
            Self::Boolean(value) => value.to_string().into(),
            Self::Int64(value) => value.to_string().into(),
            Self::Float64(value) => value.to_string().into(),
            Self::Timestamp(value) => {
                let mut text = Vec::new();
                timestamp::write(value, &mut text);
                String::from_utf8_lossy(&text).into_owned().into()
            }
            Self::Missing => "missing".into(),
        }
    }

    /// The value as a feature; NaN if it is missing or not a number. A time is in seconds.
    pub fn number(self) -> f64 {
        match self {
            Self::Boolean(value) => f64::from(u8::from(value)),
            Self::Int64(value) => value as f64,
            Self::Float64(value) => value,
            Self::Timestamp(value) => value as f64 / 1e6,
            Self::Missing | Self::String(_) => f64::NAN,
        }
    }
}
