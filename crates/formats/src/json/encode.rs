//! Writes a decision as one JSON object.

use gristmill::decision::{Encode, Field, Value};
use gristmill::rows::Cell;
use gristmill::timestamp;

/// Writes JSON.
pub(crate) struct Json;

impl Encode for Json {
    fn encode(&self, fields: &[Field<'_>], row: usize, to: &mut Vec<u8>) {
        to.push(b'{');
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                to.push(b',');
            }
            text(field.name, to);
            to.push(b':');
            value(field.values.get(row), to);
        }
        to.push(b'}');
    }
}

fn value(value: Value<'_>, to: &mut Vec<u8>) {
    match value {
        Value::Cell(Cell::String(value)) => text(value, to),
        Value::Cell(Cell::Int64(value)) => whole(value, to),
        Value::Cell(Cell::Float64(value)) => number(value, to),
        Value::Cell(Cell::Boolean(value)) => to.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Cell(Cell::Timestamp(value)) => {
            to.push(b'"');
            timestamp::write(value, to);
            to.push(b'"');
        }
        Value::Cell(Cell::Missing) => to.extend_from_slice(b"null"),
        Value::Numbered(name, number) => {
            open_text(name, to);
            to.push(b'@');
            whole(number, to);
            to.push(b'"');
        }
        Value::Place(partition, position) => {
            open_text(&partition.topic, to);
            to.push(b'-');
            whole(partition.number, to);
            to.push(b'-');
            // A position contains nothing that JSON escapes.
            match position.as_number() {
                Some(number) => whole(number, to),
                None => to.extend_from_slice(position.to_string().as_bytes()),
            }
            to.push(b'"');
        }
        Value::Classes(names, numbers) => classes(names, numbers, to),
    }
}

fn classes(names: &[&str], numbers: &[f64], to: &mut Vec<u8>) {
    to.push(b'{');
    for (index, probability) in numbers.iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        text(names.get(index).copied().unwrap_or_default(), to);
        to.push(b':');
        number(*probability, to);
    }
    to.push(b'}');
}

/// A text.
fn text(text: &str, to: &mut Vec<u8>) {
    open_text(text, to);
    to.push(b'"');
}

/// A text that goes on.
fn open_text(text: &str, to: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
    } else {
        // Writing text to memory cannot fail.
        let _ = serde_json::to_writer(&mut *to, text);
        to.pop();
    }
}

/// The shortest number that reads back the same; `null` if it is not finite.
fn number(number: f64, to: &mut Vec<u8>) {
    if number.is_finite() {
        to.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    } else {
        to.extend_from_slice(b"null");
    }
}

fn whole(number: impl itoa::Integer, to: &mut Vec<u8>) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
