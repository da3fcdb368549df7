//! A typed column under construction, whose last row can be removed.

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use gristmill::rows::Column;
use gristmill::spec::{ColumnType, EpochUnit};
use gristmill::timestamp;

use super::{Unreadable, decimal};

enum Values {
    Boolean(Vec<bool>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Text { text: String, ends: Vec<i32> },
    Time { values: Vec<i64>, unit: Option<EpochUnit> },
}

/// Values and their validity.
pub(super) struct Builder {
    values: Values,
    there: Vec<bool>,
}

impl Builder {
    pub(super) fn new(kind: &ColumnType) -> Self {
        let values = match kind {
            ColumnType::Boolean(_) => Values::Boolean(Vec::new()),
            ColumnType::Int64(_) => Values::Int64(Vec::new()),
            ColumnType::Float64(_) => Values::Float64(Vec::new()),
            ColumnType::String(_) => Values::Text { text: String::new(), ends: vec![0] },
            ColumnType::Timestamp(settings) => Values::Time { values: Vec::new(), unit: settings.unit },
        };
        Self { values, there: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.there.len()
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self.values, Values::Float64(_))
    }

    pub(super) fn last_is_there(&self) -> bool {
        self.there.last() == Some(&true)
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        if self.there.len() <= rows {
            return;
        }
        self.there.truncate(rows);
        match &mut self.values {
            Values::Boolean(values) => values.truncate(rows),
            Values::Int64(values) | Values::Time { values, .. } => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Text { text, ends } => {
                ends.truncate(rows + 1);
                text.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    pub(super) fn missing(&mut self) {
        self.there.push(false);
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::Int64(values) | Values::Time { values, .. } => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Text { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
        }
    }

    pub(super) fn boolean(&mut self, value: bool) -> Result<(), String> {
        match &mut self.values {
            Values::Boolean(values) => values.push(value),
            _ => return Err(self.expected(&value.to_string())),
        }
        self.there.push(true);
        Ok(())
    }

    pub(super) fn whole(&mut self, value: i64) -> Result<(), String> {
        match &mut self.values {
            Values::Int64(values) => values.push(value),
            Values::Float64(values) => values.push(value as f64),
            Values::Time { values, unit } => match unit.and_then(|unit| timestamp::from_number(value as f64, unit)) {
                // A value written as a number may count seconds from another epoch: it is not guessed at.
                Some(_) if *unit == Some(EpochUnit::Auto) && timestamp::compact(&value.to_string()).is_some() => {
                    return Err(format!(
                        "{value} may be a date or seconds since 1970: say which with `unit: s` (or ms, us), or write the date as text"
                    ));
                }
                Some(time) => values.push(time),
                None => return Err(self.expected(&value.to_string())),
            },
            _ => return Err(self.expected(&value.to_string())),
        }
        self.there.push(true);
        Ok(())
    }

    pub(super) fn number(&mut self, value: f64) -> Result<(), String> {
        match &mut self.values {
            Values::Float64(values) => values.push(value + 0.0),
            // 3.0 is an integer; 2^63 and above would not fit.
            Values::Int64(values) if value.trunc() == value && value.abs() < 9.2e18 => values.push(value as i64),
            Values::Time { values, unit } => match unit.and_then(|unit| timestamp::from_number(value, unit)) {
                Some(time) => values.push(time),
                None => return Err(self.expected(&value.to_string())),
            },
            _ => return Err(self.expected(&value.to_string())),
        }
        self.there.push(true);
        Ok(())
    }

    pub(super) fn text(&mut self, value: &str) -> Result<(), String> {
        match &mut self.values {
            Values::Text { text, ends } => match i32::try_from(text.len() + value.len()) {
                Ok(end) => {
                    text.push_str(value);
                    ends.push(end);
                }
                Err(_) => return Err("the batch holds more than 2 GB of text".into()),
            },
            Values::Time { values, .. } => match timestamp::parse(value) {
                Some(time) => values.push(time),
                None => return Err(self.expected(&quoted(value))),
            },
            _ => return Err(self.expected(&quoted(value))),
        }
        self.there.push(true);
        Ok(())
    }

    /// Adds a value written without a type, as in CSV; empty is missing.
    pub(super) fn untyped(&mut self, value: &str) -> Result<(), String> {
        if value.is_empty() {
            self.missing();
            return Ok(());
        }
        match &mut self.values {
            Values::Boolean(_) => match value.trim() {
                "true" | "True" | "TRUE" | "1" => self.boolean(true),
                "false" | "False" | "FALSE" | "0" => self.boolean(false),
                _ => Err(self.expected(&quoted(value))),
            },
            Values::Int64(_) => match value.trim().parse() {
                Ok(whole) => self.whole(whole),
                Err(_) => self.parsed(value),
            },
            Values::Float64(values) => match decimal::plain(value) {
                Some(number) => {
                    // Zero has no sign: the sum of a negative and a positive zero is positive.
                    values.push(number + 0.0);
                    self.there.push(true);
                    Ok(())
                }
                None => self.parsed(value),
            },
            Values::Text { .. } => self.text(value),
            Values::Time { unit: Some(EpochUnit::Auto), .. } if timestamp::compact(value.trim()).is_some() => {
                self.text(value)
            }
            Values::Time { unit: Some(_), .. } if value.trim().parse::<f64>().is_ok() => self.parsed(value),
            Values::Time { .. } => self.text(value),
        }
    }

    fn parsed(&mut self, value: &str) -> Result<(), String> {
        match value.trim().parse::<f64>() {
            Ok(number) if number.is_nan() => {
                self.missing();
                Ok(())
            }
            Ok(number) => self.number(number),
            Err(_) => Err(self.expected(&quoted(value))),
        }
    }

    fn expected(&self, found: &str) -> String {
        let wanted = match &self.values {
            Values::Boolean(_) => "true or false",
            Values::Int64(_) => "a whole number",
            Values::Float64(_) => "a number",
            Values::Text { .. } => "text",
            Values::Time { unit: None, .. } => "a time such as 2018-04-01T00:00:31Z",
            Values::Time { unit: Some(_), .. } => "a time",
        };
        format!("expected {wanted}, found {found}")
    }

    /// The column, leaving an empty one with the same capacity.
    pub(super) fn take(&mut self) -> Column {
        fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
            let room = Vec::with_capacity(values.len());
            std::mem::replace(values, room)
        }
        let there = taken(&mut self.there);
        let nulls = (!there.iter().all(|there| *there)).then(|| NullBuffer::from(there));
        match &mut self.values {
            Values::Boolean(values) => {
                let values = BooleanBuffer::from(std::mem::take(values));
                Column::Boolean(BooleanArray::new(values, nulls))
            }
            Values::Int64(values) => Column::Int64(Int64Array::new(taken(values).into(), nulls)),
            Values::Float64(values) => Column::Float64(Float64Array::new(taken(values).into(), nulls)),
            Values::Text { text, ends } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(ends, vec![0])));
                let bytes = std::mem::take(text).into_bytes();
                // Offsets and text were built together and are valid by construction; `new` checks it again.
                Column::String(StringArray::new(offsets, bytes.into(), nulls))
            }
            Values::Time { values, .. } => {
                Column::Timestamp(TimestampMicrosecondArray::new(taken(values).into(), nulls).with_timezone("+00:00"))
            }
        }
    }
}

/// A wrong value in a message: quoted and shortened.
fn quoted(value: &str) -> String {
    let short: String = value.chars().take(40).collect();
    let more = if short.len() < value.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// The error for a value that does not fit its column.
pub(super) fn wrong_type(column: &str, message: &str) -> Unreadable {
    Unreadable::new("wrong_type", format!("column `{column}`: {message}"))
}
