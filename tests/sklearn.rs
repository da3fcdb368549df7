//! Models that scikit-learn trained and skl2onnx exported, each with rows and scikit-learn's results for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, dead_code)]

use std::io::Cursor;

use serde_json::Value;

const TABLE: &[u8] = include_bytes!("../crates/models/tests/sklearn.zip");

/// Decodes base64.
fn bytes(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |c: u8| digits.iter().position(|digit| *digit == c);
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for value in text.bytes().filter_map(digit) {
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

/// An exported model.
pub(crate) struct Case {
    /// Its name and form, for messages.
    pub(crate) what: String,
    /// Everything that is known of it.
    pub(crate) line: Value,
    /// The bytes of the ONNX file.
    pub(crate) file: Vec<u8>,
}

impl Case {
    /// A list of texts: `predicted`, `classes`, `label`.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        self.line[key].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_string()).collect()
    }

    /// Rows of numbers: `scores`, `exported`.
    pub(crate) fn matrix(&self, key: &str) -> Option<Vec<Vec<f64>>> {
        let rows = self.line[key].as_array()?.iter();
        Some(rows.map(|row| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()).collect())
    }

    /// The columns of the rows.
    pub(crate) fn columns(&self) -> Vec<Vec<Value>> {
        self.line["columns"].as_array().unwrap().iter().map(|column| column.as_array().unwrap().clone()).collect()
    }
}

/// The whole table.
pub(crate) fn cases() -> Vec<Case> {
    let mut archive = zip::ZipArchive::new(Cursor::new(TABLE)).unwrap();
    let table = std::io::read_to_string(archive.by_name("table.ndjson").unwrap()).unwrap();
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let what = format!("{} ({})", line["name"].as_str().unwrap(), line["form"].as_str().unwrap());
        Case { what, file: bytes(line["onnx"].as_str().unwrap()), line }
    };
    table.lines().map(case).collect()
}

/// The case of this name whose form begins like this.
pub(crate) fn case(name: &str, form: &str) -> Case {
    let fits = |case: &Case| case.line["name"] == name && case.line["form"].as_str().unwrap().starts_with(form);
    cases().into_iter().find(fits).unwrap()
}
