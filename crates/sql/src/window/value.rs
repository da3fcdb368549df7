//! One value of a row, as windows store it.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use gristmill_learn::{StateError, StateReader, StateWriter};

/// One value of a row.
#[derive(Debug, Clone, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Boolean(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    /// Microseconds since 1970.
    Time(i64),
}

/// The types of columns and items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Boolean`.
    Boolean,
    /// `Int64`.
    Int,
    /// `Float64`.
    Float,
    /// `Utf8`.
    Text,
    /// `Timestamp(Microsecond, "UTC")`.
    Time,
}

impl Kind {
    /// The kind of an Arrow type; none if columns cannot have it.
    pub fn of(kind: &DataType) -> Option<Self> {
        match kind {
            DataType::Boolean => Some(Self::Boolean),
            DataType::Int64 => Some(Self::Int),
            DataType::Float64 => Some(Self::Float),
            DataType::Utf8 => Some(Self::Text),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some(Self::Time),
            _ => None,
        }
    }

    /// The Arrow type; times are in UTC.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// The value of a row of an array of this kind.
    pub(crate) fn value(self, array: &dyn Array, row: usize) -> Value {
        if !array.is_valid(row) {
            return Value::Null;
        }
        match self {
            Self::Boolean => Value::Boolean(array.as_boolean().value(row)),
            Self::Int => Value::Int(array.as_primitive::<Int64Type>().value(row)),
            Self::Float => Value::Float(array.as_primitive::<Float64Type>().value(row)),
            Self::Text => Value::Text(array.as_string::<i32>().value(row).into()),
            Self::Time => Value::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        }
    }

    /// The value of a row as bytes: values that are equal as keys, and only those, have equal bytes.
    pub(crate) fn key(self, array: &dyn Array, row: usize, to: &mut Vec<u8>) {
        to.push(u8::from(array.is_valid(row)));
        if !array.is_valid(row) {
            return;
        }
        match self {
            Self::Boolean => to.push(u8::from(array.as_boolean().value(row))),
            Self::Int => to.extend(array.as_primitive::<Int64Type>().value(row).to_le_bytes()),
            Self::Time => to.extend(array.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes()),
            Self::Float => {
                let number = array.as_primitive::<Float64Type>().value(row);
                let number = if number.is_nan() { f64::NAN } else { number + 0.0 };
                to.extend(number.to_bits().to_le_bytes());
            }
            Self::Text => {
                let text = array.as_string::<i32>().value(row);
                to.extend((text.len() as u64).to_le_bytes());
                to.extend(text.as_bytes());
            }
        }
    }

    /// An array of values of this kind; any other value becomes null.
    pub(crate) fn array(self, values: &[Value]) -> ArrayRef {
        macro_rules! array {
            ($kind:ident) => {
                values
                    .iter()
                    .map(|value| if let Value::$kind(value) = value { Some(value.clone()) } else { None })
                    .collect()
            };
        }
        match self {
            Self::Boolean => Arc::<BooleanArray>::new(array!(Boolean)),
            Self::Int => Arc::<Int64Array>::new(array!(Int)),
            Self::Float => Arc::<Float64Array>::new(array!(Float)),
            Self::Text => Arc::<StringArray>::new(array!(Text)),
            Self::Time => {
                let times: TimestampMicrosecondArray = array!(Time);
                Arc::new(times.with_timezone("UTC"))
            }
        }
    }
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as a number; NaN if it is not one.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            _ => f64::NAN,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Boolean(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Text(_) => 4,
            Self::Time(_) => 5,
        }
    }

    /// Bytes beyond those of the enum itself.
    pub(crate) fn size(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.u64(u64::from(self.rank()));
        match self {
            Self::Null => {}
            Self::Boolean(value) => to.u64(u64::from(*value)),
            Self::Int(value) | Self::Time(value) => to.u64(*value as u64),
            Self::Float(value) => to.u64(value.to_bits()),
            Self::Text(text) => to.text(text),
        }
    }

    pub(crate) fn load(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(match from.u64()? {
            0 => Self::Null,
            1 => Self::Boolean(from.u64()? == 1),
            2 => Self::Int(from.u64()? as i64),
            // Earlier versions stored NaN and negative zeros.
            3 => clean(f64::from_bits(from.u64()?)).map_or(Self::Null, Self::Float),
            4 => Self::Text(from.text()?.into()),
            5 => Self::Time(from.u64()? as i64),
            other => {
                let why = format!("there is no kind of value with number {other}");
                return Err(StateError::Unfit { component: "windows".into(), why });
            }
        })
    }
}

/// A number as every operator, function and window returns and accepts it: NaN is no value, and zero has no sign.
pub(crate) fn clean(number: f64) -> Option<f64> {
    // The sum of a negative zero and a positive one is positive.
    (!number.is_nan()).then_some(number + 0.0)
}

/// NaN is the greatest number and equals itself, 0 equals -0: the order of grouping, min and max.
pub(crate) fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) | (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => order(*a, *b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}
