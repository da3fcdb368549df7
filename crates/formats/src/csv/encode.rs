//! Writes a decision as one CSV record, without its line break.

use std::borrow::Cow;

use gristmill::decision::{Encode, Field, Value};
use gristmill::rows::Cell;

/// Writes CSV. What is missing is an empty field, and an empty text is `""`.
pub(crate) struct Csv;

impl Encode for Csv {
    fn encode(&self, fields: &[Field<'_>], row: usize, to: &mut Vec<u8>) {
        let start = to.len();
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                to.push(b',');
            }
            if let Some(value) = written(field.values.get(row)) {
                text(&value, to);
            }
        }
        if to.len() == start {
            // Readers skip empty lines.
            to.extend_from_slice(b"\"\"");
        }
    }

    fn header(&self, names: &[String]) -> Option<Vec<u8>> {
        let mut header = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                header.push(b',');
            }
            text(name, &mut header);
        }
        Some(header)
    }
}

/// A value as text; a plan selects no object, which CSV has no form for.
fn written(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Cell(Cell::Float64(number)) if !number.is_finite() => None,
        Value::Cell(Cell::Float64(number)) => Some(ryu::Buffer::new().format_finite(number).to_string().into()),
        other => other.text(),
    }
}

fn text(text: &str, to: &mut Vec<u8>) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return to.extend_from_slice(text.as_bytes());
    }
    to.push(b'"');
    to.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    to.push(b'"');
}
