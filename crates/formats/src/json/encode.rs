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

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, StringArray};
    use gristmill::decision::Values;
    use gristmill::rows::{Column, Partition, Position};
    use serde_json::{Value as Read, json};

    use super::*;

    /// What a reader of JSON finds.
    fn read(values: Values<'_>, row: usize) -> Read {
        let mut bytes = Vec::new();
        Json.encode(&[Field { name: "a \"name\"", values }], row, &mut bytes);
        serde_json::from_slice::<Read>(&bytes).unwrap()["a \"name\""].take()
    }

    #[test]
    fn values_read_back_as_what_they_were() {
        let texts = ["", "plain", "\"quoted\" \\ \u{1} \u{7f} ü 🦀", "two\nlines"];
        for (row, text) in texts.iter().enumerate() {
            let column = Column::String(StringArray::from(texts.to_vec()));
            assert_eq!(read(Values::Column(column), row), json!(text));
        }
        let numbers = [0.1, -1e300, 5e-324, f64::MAX];
        for (row, number) in numbers.iter().enumerate() {
            let column = Column::Float64(Float64Array::from(numbers.to_vec()));
            assert_eq!(read(Values::Column(column), row).as_f64(), Some(*number));
        }
        let infinite = Column::Float64(Float64Array::from(vec![f64::INFINITY]));
        assert_eq!(read(Values::Column(infinite), 0), json!(null));
    }

    #[test]
    fn names_and_places_are_written_whole() {
        let numbered = Values::Numbered { name: "the \"best\"", numbers: vec![1, 7] };
        assert_eq!(read(numbered, 1), json!("the \"best\"@7"));
        let partition = Partition::new("t.x", 3);
        let positions = vec![Position::number(9), Position::in_parts(2, 5, 1).unwrap()];
        let places = || Values::Places { partition: &partition, positions: positions.clone() };
        assert_eq!([read(places(), 0), read(places(), 1)], [json!("t.x-3-9"), json!("t.x-3-2:5:1")]);
        let named = Values::Named { names: vec!["no", "yes"], indices: vec![Some(1), None] };
        assert_eq!(read(named, 0), json!("yes"));
        let classes = Values::Classes { names: vec!["a", "b"], numbers: vec![1.0, 0.25, 0.75], ends: vec![1, 3] };
        assert_eq!(read(classes, 0), json!({"a": 1.0}));
        let classes = Values::Classes { names: vec!["a", "b"], numbers: vec![1.0, 0.25, 0.75], ends: vec![1, 3] };
        assert_eq!(read(classes, 1), json!({"a": 0.25, "b": 0.75}));
    }
}
