//! A value of a foreign document with its place, so that every error can name it.

use serde_json::Value;

use crate::ReadError;

/// A value within a document.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    value: &'a Value,
    place: String,
    format: &'static str,
}

impl<'a> Field<'a> {
    pub(crate) fn root(value: &'a Value, format: &'static str) -> Self {
        Self { value, place: String::new(), format }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    pub(crate) fn damaged(&self, what: &str) -> ReadError {
        let place = if self.place.is_empty() { "the document" } else { &self.place };
        ReadError::Damaged { format: self.format, what: format!("{place} {what}") }
    }

    /// The value of a key.
    pub(crate) fn get(&self, name: &str) -> Result<Field<'a>, ReadError> {
        self.find(name).ok_or_else(|| self.damaged(&format!("has no `{name}`")))
    }

    /// The value of a key, if there is one that is not null.
    pub(crate) fn find(&self, name: &str) -> Option<Field<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let dot = if self.place.is_empty() { "" } else { "." };
        Some(Self { value, place: format!("{}{dot}{name}", self.place), format: self.format })
    }

    pub(crate) fn text(&self) -> Result<&'a str, ReadError> {
        self.value.as_str().ok_or_else(|| self.damaged("is not a text"))
    }

    /// A text, or a number or boolean as text.
    pub(crate) fn shown(&self) -> Result<String, ReadError> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(self.value.to_string()),
            _ => Err(self.damaged("is neither a text nor a number")),
        }
    }

    /// A number, also one written as text or a boolean.
    pub(crate) fn number(&self) -> Result<f64, ReadError> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.damaged("is not a number"))
    }

    /// An integer from 0 to `most`.
    pub(crate) fn count(&self, most: usize) -> Result<usize, ReadError> {
        let number = self.number()?;
        if number.fract() == 0.0 && (0.0..=most as f64).contains(&number) {
            return Ok(number as usize);
        }
        Err(self.damaged(&format!("is {number}, which is no whole number from 0 to {most}")))
    }

    fn array(&self) -> Result<&'a [Value], ReadError> {
        self.value.as_array().map(Vec::as_slice).ok_or_else(|| self.damaged("is not a list"))
    }

    /// The values of a list.
    pub(crate) fn list(&self) -> Result<Vec<Field<'a>>, ReadError> {
        let place = |index| format!("{}[{index}]", self.place);
        let fields = self.array()?.iter().enumerate();
        Ok(fields.map(|(index, value)| Self { value, place: place(index), format: self.format }).collect())
    }

    /// The numbers of a list.
    pub(crate) fn numbers(&self) -> Result<Vec<f64>, ReadError> {
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_f64(),
            Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let numbers: Option<Vec<f64>> = self.array()?.iter().map(number).collect();
        numbers.ok_or_else(|| self.damaged("is not a list of numbers"))
    }

    /// The integers of a list.
    pub(crate) fn integers(&self) -> Result<Vec<i64>, ReadError> {
        let numbers = self.numbers()?;
        let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
        let integers: Option<Vec<i64>> = numbers.into_iter().map(whole).collect();
        integers.ok_or_else(|| self.damaged("is not a list of whole numbers"))
    }

    /// The texts of a list.
    pub(crate) fn texts(&self) -> Result<Vec<String>, ReadError> {
        self.list()?.iter().map(Field::shown).collect()
    }
}
