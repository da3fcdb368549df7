//! Messages between a member and its Python process: a header in JSON, and a body.

use std::io::{self, Read, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema};
use serde::{Deserialize, Serialize};

/// Longer headers are invalid.
const LONGEST_HEAD: u32 = 1 << 20;
/// Larger bodies are refused before they are read.
const LONGEST_BODY: u64 = 1 << 32;

/// A request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Head<'a> {
    /// `open`, `close`, `score`, `learn` or `save`.
    #[serde(rename = "do")]
    pub(super) what: &'a str,
    /// The name of the model.
    pub(super) of: &'a str,
    /// The expected number of values for each row.
    pub(super) width: usize,
}

/// A leaf.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    /// Whether it succeeded.
    pub(super) ok: bool,
    /// Why not.
    pub(super) error: String,
    /// Whether there is no such model, as in a process that was just started.
    pub(super) unknown: bool,
    #[serde(skip)]
    pub(super) body: Vec<u8>,
}

/// A message's bytes.
pub(super) fn encode(head: &Head<'_>, body: &[u8]) -> Vec<u8> {
    let head = serde_json::to_vec(head).unwrap_or_default();
    let mut bytes = Vec::with_capacity(head.len() + body.len() + 12);
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The next answer.
pub(super) fn decode(from: &mut impl Read) -> io::Result<Answer> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST_HEAD {
        return Err(wrong("an answer begins with something else than its length"));
    }
    let mut head = vec![0; length as usize];
    from.read_exact(&mut head)?;
    let answer: Answer = serde_json::from_slice(&head).map_err(|_| wrong("the head of an answer is no JSON"))?;
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_BODY {
        return Err(wrong("an answer is larger than 4 GiB"));
    }
    let mut body = Vec::new();
    from.take(length).read_to_end(&mut body)?;
    Ok(Answer { body, ..answer })
}

/// Columns as an Arrow IPC stream.
pub(super) fn stream(names: &[String], columns: &[ArrayRef], rows: usize) -> Result<Vec<u8>, ArrowError> {
    let fields = names.iter().zip(columns);
    let fields: Vec<Field> = fields.map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns.to_vec(), &options)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Numbers, row by row, as columns.
pub(super) fn columns(values: &[f64], width: usize) -> Vec<ArrayRef> {
    let column = |place: usize| -> ArrayRef {
        Arc::new(values.iter().skip(place).step_by(width.max(1)).copied().collect::<Float64Array>())
    };
    (0..width).map(column).collect()
}

/// The numbers of an Arrow IPC stream with that many rows of this width, row by row.
pub(super) fn numbers(bytes: &[u8], rows: usize, width: usize) -> Result<Vec<f64>, String> {
    let read = || -> Result<RecordBatch, ArrowError> {
        let mut reader = StreamReader::try_new(bytes, None)?;
        reader.next().unwrap_or_else(|| Err(ArrowError::IpcError("the stream is empty".into())))
    };
    let batch = read().map_err(|error| format!("its answer is no Arrow stream: {error}"))?;
    let columns: Vec<&Float64Array> =
        batch.columns().iter().filter_map(|column| column.as_primitive_opt::<Float64Type>()).collect();
    if columns.len() != width || batch.num_rows() != rows {
        return Err(format!("it gave {} rows of {} numbers for {rows} of {width}", batch.num_rows(), columns.len()));
    }
    let value = |column: &Float64Array, row: usize| if column.is_null(row) { f64::NAN } else { column.value(row) };
    Ok((0..rows).flat_map(|row| columns.iter().map(move |column| value(column, row))).collect())
}

/// Sends a message's bytes.
pub(super) fn send(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let values = [1.0, 2.0, f64::NAN, 4.0, 5.0, -0.0];
        let bytes = stream(&["a".into(), "b".into()], &columns(&values, 2), 3).unwrap();
        let back = numbers(&bytes, 3, 2).unwrap();
        assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()), "{back:?}");
        assert_eq!(numbers(&bytes, 2, 2).unwrap_err(), "it gave 3 rows of 2 numbers for 2 of 2");
        for cut in 0..bytes.len() {
            let _ = numbers(&bytes[..cut], 3, 2);
        }
        assert!(numbers(b"garbage", 1, 1).unwrap_err().starts_with("its answer is no Arrow stream"));
    }

    #[test]
    fn whatever_comes_is_an_answer_or_an_error() {
        let head = br#"{"ok":true}"#;
        let mut bytes = (head.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(&3_u64.to_le_bytes());
        bytes.extend_from_slice(b"abc");
        let answer = decode(&mut bytes.as_slice()).unwrap();
        assert!(answer.ok && answer.body == b"abc" && !answer.unknown);
        for cut in 0..bytes.len() - 3 {
            assert!(decode(&mut &bytes[..cut]).is_err(), "cut at {cut}");
        }
        let said = |bytes: &[u8]| decode(&mut &*bytes).unwrap_err().to_string();
        assert_eq!(said(b"hello, world"), "an answer begins with something else than its length");
        assert_eq!(said(b"\x02\0\0\0{]"), "the head of an answer is no JSON");
    }
}
