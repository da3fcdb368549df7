//! Writes a decision as one CSV record, without its line break.

use std::borrow::Cow;

use gristmill::decision::{Encode, Field, Value};
use gristmill::rows::Cell;

/// Writes CSV. What is missing is an empty field, an empty text is `""`, and infinity is `inf`.
pub(crate) struct Csv;

impl Encode for Csv {
    fn encode(&self, fields: &[Field<'_>], row: usize, to: &mut Vec<u8>) {
        record(fields.iter().map(|field| written(field.values.get(row))), to);
    }

    fn header(&self, names: &[String]) -> Option<Vec<u8>> {
        let mut header = Vec::new();
        record(names.iter().map(|name| Some(name.into())), &mut header);
        Some(header)
    }
}

fn record<'a>(values: impl Iterator<Item = Option<Cow<'a, str>>>, to: &mut Vec<u8>) {
    let start = to.len();
    for (index, value) in values.enumerate() {
        if index > 0 {
            to.push(b',');
        }
        if let Some(value) = value {
            text(&value, to);
        }
    }
    if to.len() == start {
        // Readers skip empty lines.
        to.extend_from_slice(b"\"\"");
    }
}

/// A value as text; a plan selects no object, which CSV has no form for.
fn written(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Cell(Cell::Float64(number)) if number.is_nan() => None,
        Value::Cell(Cell::Float64(number)) => Some(ryu::Buffer::new().format(number).to_string().into()),
        other => other.text(),
    }
}

fn text(text: &str, to: &mut Vec<u8>) {
    // Some readers drop the spaces around a field.
    if !text.is_empty() && text.trim() == text && !text.contains([',', '"', '\n', '\r']) {
        return to.extend_from_slice(text.as_bytes());
    }
    to.push(b'"');
    to.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use gristmill::decision::Values;
    use gristmill::rows::Column;

    use super::*;

    /// What another reader of CSV finds in a line.
    fn read(line: &[u8]) -> Vec<String> {
        let (mut fields, mut ends) = (vec![0; line.len() + 1], vec![0; line.len() + 2]);
        let line = [line, b"\n"].concat();
        let (_, _, _, count) = csv_core::Reader::new().read_record(&line, &mut fields, &mut ends);
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let fields = begins.zip(&ends).take(count).map(|(from, to)| fields.get(from..*to).unwrap_or_default());
        fields.map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    }

    fn encoded(columns: Vec<Column>, row: usize) -> Vec<u8> {
        let fields: Vec<Field<'_>> =
            columns.into_iter().map(|column| Field { name: "f", values: Values::Column(column) }).collect();
        let mut line = Vec::new();
        Csv.encode(&fields, row, &mut line);
        line
    }

    #[test]
    fn a_line_reads_back_as_what_was_written() {
        let texts = ["plain", "a,b", "\"quoted\"", "two\nlines", "", " spaced ", "cr\r"];
        for (row, text) in texts.iter().enumerate() {
            let columns = vec![
                Column::String(StringArray::from(texts.to_vec())),
                Column::Int64(Int64Array::from(vec![i64::MIN; 7])),
                Column::Float64(Float64Array::from(vec![0.1, 1.0, -1e300, f64::NAN, f64::INFINITY, 5e-324, 0.0])),
                Column::Boolean(BooleanArray::from(vec![true; 7])),
                Column::Timestamp(TimestampMicrosecondArray::from(vec![1_500_000; 7])),
            ];
            let found = read(&encoded(columns, row));
            let number = ["0.1", "1.0", "-1e300", "", "inf", "5e-324", "0.0"][row];
            let expected = [*text, "-9223372036854775808", number, "true", "1970-01-01T00:00:01.5Z"];
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_missing_is_an_empty_field_and_no_line_is_empty() {
        let missing = || Column::String(StringArray::from(vec![None, Some("")]));
        assert_eq!(encoded(vec![Column::String(StringArray::from(vec![" "]))], 0), b"\" \"");
        assert_eq!(encoded(vec![missing()], 0), b"\"\"");
        assert_eq!(encoded(vec![missing(), missing()], 0), b",");
        assert_eq!(encoded(vec![missing(), missing()], 1), b"\"\",\"\"");
        assert_eq!(Csv.header(&["id".into(), "a,b".into()]).unwrap(), b"id,\"a,b\"");
    }
}
